import type { App } from "../app";
import { closeAround, Dialog } from "./dialog";
import { Legend } from "./legend";
import type { ChromeState } from "./state";
import { Palette } from "./view";

const KEYS: [string, string][] = [
  ["j  k", "next and previous row"],
  ["Enter", "open the selected row"],
  ["/", "search"],
  ["b", "board and list; ← → between its columns"],
  ["f", "filters"],
  ["1", "to 9: the presets"],
  ["p", "hold the order; values still tick"],
  ["c", "copy the address"],
  ["s", "on or off the watchlist"],
  ["v", "columns, rows and chips"],
  ["t", "the list as it was: a slider over time"],
  ["l", "back to the live list"],
  ["Esc", "close"],
  ["?", "this help"],
];

export function Help({ app, state }: { app: App; state: ChromeState }) {
  return (
    <Dialog class="help" label="Help" onClose={() => app.state.panel === "help" && app.open("")}>
      <header>
        <h2>Help</h2>
        <button type="button" class="close" aria-label="Close the help" onClick={(event) => closeAround(event.currentTarget)}>
          ×
        </button>
      </header>
      <section>
        <h3>How to read the list</h3>
        <Legend sources={state.config?.sources ?? []} />
        <p class="muted">
          Tap or click a row for its details, a column’s head to sort by it, ★ to put a token on the watchlist. A dash is unknown, never
          zero. Prices are those of the sources, not advice.
        </p>
      </section>
      <Palette app={app} state={state} />
      <section class="keyboard">
        <h3>Keyboard</h3>
        <dl class="keys">
          {KEYS.map(([key, meaning]) => (
            <div key={key}>
              <dt>
                {key.split("  ").map((one) => (
                  <kbd key={one}>{one}</kbd>
                ))}
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </section>
    </Dialog>
  );
}
