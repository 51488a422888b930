import type { App } from "../app";
import { amount as money } from "../format/number";
import { WINDOWS } from "../client/messages";
import { DEFAULTS, DEPTHS, formatQuery, type Depth, type Query } from "../model/query";
import type { ChromeState } from "./state";

const CHIPS = 6; // further chains are in the menu behind them
const AMOUNTS = [1_000, 10_000, 50_000, 100_000, 1_000_000];
const AGES: [number, string][] = [
  [1, "1 hour"],
  [6, "6 hours"],
  [24, "1 day"],
  [168, "1 week"],
  [720, "30 days"],
];

export function Filters({ app, state }: { app: App; state: ChromeState }) {
  const { query } = state;
  const chips = state.chains.slice(0, CHIPS);
  const more = state.chains.slice(CHIPS);
  const narrowed = formatQuery({ ...query, token: "" }) !== "";
  return (
    <div class="filters" role="toolbar" aria-label="What is shown">
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
        <Limit
          label="Liquidity"
          wrong={state.problem?.param === "min_liquidity"}
          value={query.minLiquidity}
          options={AMOUNTS.map((amount) => [amount, `≥ ${money(amount).replace(".00", "")}`])}
          write={(value) => `≥ ${money(value)}`}
          onPick={(minLiquidity) => app.ask({ minLiquidity })}
        />
        <Limit
          label="Volume"
          wrong={state.problem?.param === "min_volume"}
          value={query.minVolume}
          options={AMOUNTS.map((amount) => [amount, `≥ ${money(amount).replace(".00", "")}`])}
          write={(value) => `≥ ${money(value)}`}
          onPick={(minVolume) => app.ask({ minVolume })}
        />
        <Limit
          label="Age"
          wrong={state.problem?.param === "max_age_minutes"}
          value={query.maxAgeHours}
          options={AGES.map(([hours, words]) => [hours, `≤ ${words}`])}
          write={(value) => `≤ ${value} hours`}
          onPick={(maxAgeHours) => app.ask({ maxAgeHours })}
        />
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

interface LimitProps {
  label: string;
  value: number | null;
  options: [number, string][];
  write(value: number): string;
  onPick(value: number | null): void;
  wrong: boolean; // the server does not take it
}

/** A limit with usual values; one that came with the address is offered too. */
function Limit({ label, value, options, write, onPick, wrong }: LimitProps) {
  const unusual = value !== null && !options.some(([usual]) => usual === value);
  return (
    <label class="limit">
      <span>{label}</span>
      <select
        class={value === null ? "" : "on"}
        aria-invalid={wrong}
        value={value === null ? "" : String(value)}
        onChange={(event) => onPick(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}
      >
        <option value="">any</option>
        {unusual && <option value={String(value)}>{write(value)}</option>}
        {options.map(([usual, words]) => (
          <option key={usual} value={String(usual)}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A chain as people write it. */
export function chainName(chain: string): string {
  return chain.length <= 3 ? chain.toUpperCase() : chain.charAt(0).toUpperCase() + chain.slice(1);
}

/** Whether anything but the order is set. */
export function isFiltered(query: Query): boolean {
  const { sort, window, order, depth, token } = query;
  return formatQuery({ ...query }) !== formatQuery({ ...DEFAULTS, sort, window, order, depth, token });
}
