import type { App } from "../app";
import { WINDOWS } from "../client/messages";
import { DEFAULTS, DEPTHS, formatQuery, type Depth, type Query } from "../model/query";
import type { ChromeState } from "./state";

const CHIPS = 6; // further chains are in the menu behind them

export function Filters({ app, state }: { app: App; state: ChromeState }) {
  const { query } = state;
  const chips = state.chains.slice(0, CHIPS);
  const more = state.chains.slice(CHIPS);
  const narrowed = formatQuery({ ...query, token: "" }) !== formatQuery({ ...DEFAULTS, view: query.view, at: query.at });
  return (
    <div class="filters" role="toolbar" aria-label="What is shown">
      <Switch
        label="What is shown"
        options={[
          ["list", "List"],
          ["board", "Board"],
        ]}
        value={query.view}
        onPick={(view) => app.ask({ view })}
      />
      <Switch
        label="Window"
        options={WINDOWS.map((window) => [window, window])}
        value={query.window}
        onPick={(window) => app.ask({ window })}
      />
      <div class="chips" role="group" aria-label="Chain">
        <Chip on={query.chain === ""} onClick={() => app.ask({ chain: "" })}>
          All chains
        </Chip>
        {chips.map((chain) => (
          <Chip key={chain} on={query.chain === chain} onClick={() => app.ask({ chain })}>
            {chainName(chain)}
          </Chip>
        ))}
        {more.length > 0 && (
          <select
            aria-label="More chains"
            class={more.includes(query.chain) ? "on" : ""}
            value={more.includes(query.chain) ? query.chain : ""}
            onChange={(event) => app.ask({ chain: event.currentTarget.value })}
          >
            <option value="">more…</option>
            {more.map((chain) => (
              <option key={chain} value={chain}>
                {chainName(chain)}
              </option>
            ))}
          </select>
        )}
      </div>
      <div class="limits">
        {query.view === "list" && (
          <>
            <label class="limit">
              <span>Show</span>
              <select value={query.depth} onChange={(event) => app.ask({ depth: event.currentTarget.value as Depth })}>
                {DEPTHS.map((depth) => (
                  <option key={depth} value={depth}>
                    {depth === "all" ? "everything" : `top ${depth}`}
                  </option>
                ))}
              </select>
            </label>
            <Chip on={query.starred} onClick={() => app.ask({ starred: !query.starred })}>
              <span aria-hidden="true">★ </span>Watchlist{state.starredCount > 0 && ` ${state.starredCount}`}
            </Chip>
          </>
        )}
        {narrowed && (
          <button type="button" class="reset" onClick={() => app.reset()}>
            Reset
          </button>
        )}
      </div>
    </div>
  );
}

interface SwitchProps<T extends string> {
  label: string;
  options: [T, string][];
  value: T;
  onPick(value: T): void;
}

function Switch<T extends string>({ label, options, value, onPick }: SwitchProps<T>) {
  return (
    <div class="switch" role="group" aria-label={label}>
      {options.map(([option, words]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onPick(option)}>
          {words}
        </button>
      ))}
    </div>
  );
}

function Chip({ on, onClick, children }: { on: boolean; onClick(): void; children: preact.ComponentChildren }) {
  return (
    <button type="button" class="chip" aria-pressed={on} onClick={onClick}>
      {children}
    </button>
  );
}

/** A chain as people write it. */
export function chainName(chain: string): string {
  return chain.length <= 3 ? chain.toUpperCase() : chain.charAt(0).toUpperCase() + chain.slice(1);
}

/** Whether anything but the order is set. */
export function isFiltered(query: Query): boolean {
  const { sort, window, order, depth, token, at } = query;
  return formatQuery(query) !== formatQuery({ ...DEFAULTS, sort, window, order, depth, token, at });
}
