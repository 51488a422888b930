/** What the list shows of each token: columns and their order, how high rows are, which chips. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import { movedPast, movedTo, toggled } from "../model/choice";
import { ALL_CHIPS, CHIP_KINDS } from "../table/chips";
import { BY_KEY } from "../table/columns";
import type { ChromeState } from "./state";

export function View({ app, state }: { app: App; state: ChromeState }) {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);
  return (
    <aside class="side view" aria-label="View">
      <header>
        <h2>View</h2>
        <button type="button" class="reset" onClick={() => app.looks.resetView()}>
          Reset
        </button>
        <button ref={close} type="button" class="close" aria-label="Close the view" onClick={() => app.open("")}>
          ×
        </button>
      </header>
      <div class="scroll">
        <Rows app={app} state={state} />
        <Colours app={app} state={state} />
        <Columns app={app} state={state} />
        <Chips app={app} state={state} />
      </div>
    </aside>
  );
}

function Rows({ app, state }: { app: App; state: ChromeState }) {
  return (
    <section>
      <h3>Rows</h3>
      <div class="switch" role="group" aria-label="Rows">
        <button type="button" aria-pressed={!state.compact} onClick={() => app.looks.setCompact(false)}>
          Comfortable
        </button>
        <button type="button" aria-pressed={state.compact} onClick={() => app.looks.setCompact(true)}>
          Compact
        </button>
      </div>
    </section>
  );
}

function Colours({ app, state }: { app: App; state: ChromeState }) {
  return (
    <section>
      <h3>Colours</h3>
      <div class="switch" role="group" aria-label="Colours">
        {(["dark", "light"] as const).map((theme) => (
          <button key={theme} type="button" aria-pressed={state.theme === theme} onClick={() => app.looks.setTheme(theme)}>
            {theme === "dark" ? "Dark" : "Light"}
          </button>
        ))}
      </div>
      <Palette app={app} state={state} />
    </section>
  );
}

export function Palette({ app, state }: { app: App; state: ChromeState }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={state.palette === "safe"}
        onChange={(event) => app.looks.setPalette(event.currentTarget.checked ? "safe" : "classic")}
      />
      Colours that differ without red and green
    </label>
  );
}

/** The columns in their order. A row is dragged by its handle, or moved by the arrow keys on it. */
function Columns({ app, state }: { app: App; state: ChromeState }) {
  const { columns, fitting } = state;
  const [dragged, setDragged] = useState("");
  const [over, setOver] = useState("");
  const [spoken, speak] = useState("");
  const move = (key: string, by: -1 | 1) => {
    const moved = movedPast(columns, key, by);
    app.looks.setColumns(moved);
    const place = moved.order.filter((each) => moved.shown.includes(each)).indexOf(key);
    speak(`${BY_KEY.get(key)!.name}: place ${place + 1} of ${moved.shown.length}`);
  };
  return (
    <section>
      <h3>Columns</h3>
      <p class="muted">Drag a column, or move it with the arrow keys on its handle.</p>
      <ul class="columns">
        {columns.order.map((key) => {
          const { name, hint } = BY_KEY.get(key)!;
          const shown = columns.shown.includes(key);
          return (
            <li
              key={key}
              data-column={key}
              class={over === key && dragged !== key ? "target" : ""}
              onDragOver={(event) => {
                if (dragged === "") return;
                event.preventDefault();
                setOver(key);
              }}
              onDrop={(event) => {
                event.preventDefault();
                if (dragged !== "" && dragged !== key) app.looks.setColumns(movedTo(columns, dragged, key));
              }}
            >
              <label class="check" title={hint}>
                <input type="checkbox" checked={shown} onChange={() => app.looks.setColumns(toggled(columns, key))} />
                {name}
              </label>
              {shown && !fitting.includes(key) && <span class="muted">{app.isPast ? "not kept for the past" : "no room now"}</span>}
              <button
                type="button"
                class="handle"
                draggable
                disabled={!shown}
                aria-label={`Move ${name}`}
                title="Drag, or press the up and down arrow"
                onDragStart={(event) => {
                  event.dataTransfer?.setData("text/plain", "");
                  setDragged(key);
                }}
                onDragEnd={() => {
                  setDragged("");
                  setOver("");
                }}
                onKeyDown={(event) => {
                  const by = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : null;
                  if (by === null) return;
                  event.preventDefault();
                  event.stopPropagation(); // the list would take the next row
                  move(key, by);
                  const { currentTarget } = event;
                  requestAnimationFrame(() => currentTarget.focus());
                }}
              >
                <svg viewBox="0 0 12 12" aria-hidden="true">
                  <path d="M4 2.5v.01M8 2.5v.01M4 6v.01M8 6v.01M4 9.5v.01M8 9.5v.01" />
                </svg>
              </button>
            </li>
          );
        })}
      </ul>
      <span class="hidden" role="status">
        {spoken}
      </span>
    </section>
  );
}

function Chips({ app, state }: { app: App; state: ChromeState }) {
  return (
    <section>
      <h3>Chips</h3>
      <ul class="switches">
        {ALL_CHIPS.map((kind) => (
          <li key={kind}>
            <label class="check">
              <input
                type="checkbox"
                role="switch"
                checked={!state.hiddenChips.has(kind)}
                onChange={() => app.looks.toggleChip(kind)}
              />
              {CHIP_KINDS[kind]}
            </label>
          </li>
        ))}
      </ul>
    </section>
  );
}
