/** How the page looks and sounds, as this browser keeps it. */
import { readChoice, usualChoice, type Choice } from "../model/choice";
import { keep, kept, KeptSet, type Store } from "../model/store";
import { ALL_CHIPS, type ChipKind } from "../table/chips";
import { COLUMNS } from "../table/columns";
import { beep } from "./beep";
import type { ChromeState } from "./state";

type Kept = Pick<ChromeState, "theme" | "palette" | "sound" | "hints" | "compact" | "columns" | "hiddenChips">;

const chips = new KeptSet("dexwire:hidden_chips", ALL_CHIPS.length);

export function keptLooks(): Kept {
  return {
    theme: theme(),
    palette: kept("dexwire:palette") === "safe" ? "safe" : "classic",
    sound: kept("dexwire:sound") === "on",
    hints: kept("dexwire:hints") !== "dismissed",
    compact: kept("dexwire:rows") === "compact",
    columns: readChoice(kept("dexwire:columns"), COLUMNS),
    hiddenChips: new Set(chips.values),
  };
}

export class Looks {
  constructor(private readonly store: Store<ChromeState>) {
    this.paint();
  }

  dismissHints(): void {
    keep("dexwire:hints", "dismissed");
    this.store.set({ hints: false });
  }

  setTheme(theme: "dark" | "light"): void {
    keep("dexwire:theme", theme);
    this.store.set({ theme });
    this.paint();
  }

  setPalette(palette: "classic" | "safe"): void {
    keep("dexwire:palette", palette);
    this.store.set({ palette });
    this.paint();
  }

  setSound(sound: boolean): void {
    keep("dexwire:sound", sound ? "on" : "off");
    this.store.set({ sound });
    if (sound) beep();
  }

  setCompact(compact: boolean): void {
    keep("dexwire:rows", compact ? "compact" : "normal");
    this.store.set({ compact });
    this.paint();
  }

  setColumns(columns: Choice): void {
    keep("dexwire:columns", JSON.stringify(columns));
    this.store.set({ columns });
  }

  toggleChip(kind: ChipKind): void {
    chips.toggle(kind);
    this.store.set({ hiddenChips: new Set(chips.values) });
  }

  /** The columns, rows and chips of a first visit. */
  resetView(): void {
    for (const kind of [...chips.values]) chips.toggle(kind);
    this.store.set({ hiddenChips: new Set() });
    this.setColumns(usualChoice(COLUMNS));
    this.setCompact(false);
  }

  private paint(): void {
    const root = document.documentElement;
    root.dataset["theme"] = this.store.value.theme;
    root.dataset["palette"] = this.store.value.palette;
    root.dataset["rows"] = this.store.value.compact ? "compact" : "normal";
  }
}

function theme(): "dark" | "light" {
  const chosen = kept("dexwire:theme");
  if (chosen === "dark" || chosen === "light") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}
