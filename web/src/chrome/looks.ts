/** How the page looks and sounds, as this browser keeps it. */
import { keep, kept, type Store } from "../model/store";
import { beep } from "./beep";
import type { ChromeState } from "./state";

type Kept = Pick<ChromeState, "theme" | "palette" | "sound" | "hints">;

export function keptLooks(): Kept {
  return {
    theme: theme(),
    palette: kept("dexwire:palette") === "safe" ? "safe" : "classic",
    sound: kept("dexwire:sound") === "on",
    hints: kept("dexwire:hints") !== "dismissed",
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

  private paint(): void {
    const root = document.documentElement;
    root.dataset["theme"] = this.store.value.theme;
    root.dataset["palette"] = this.store.value.palette;
  }
}

function theme(): "dark" | "light" {
  const chosen = kept("dexwire:theme");
  if (chosen === "dark" || chosen === "light") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}
