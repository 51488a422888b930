import { useEffect, useRef } from "preact/hooks";
import type { App } from "../app";

const KEYS: [string, string][] = [
  ["j  k", "next and previous row"],
  ["Enter", "open the selected row"],
  ["/", "search"],
  ["p", "hold the order; values still tick"],
  ["c", "copy the address"],
  ["s", "on or off the watchlist"],
  ["Esc", "close"],
  ["?", "this help"],
];

export function Help({ app }: { app: App }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-label="Keyboard"
      onClose={() => app.state.panel === "help" && app.open("")}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <h2>Keyboard</h2>
      <dl>
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
      <p class="muted">Prices are those of the sources, not advice. A dash is unknown, never zero.</p>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
