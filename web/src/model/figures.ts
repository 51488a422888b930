/** The figures that can be limited, as the API's `min_X` and `max_X` name them: words, unit, place in a row. Pure. */
import type { Row } from "../client";
import type { WINDOWS } from "../client/messages";
import { age, amount, count, full, price } from "../format/number";

export type Window = (typeof WINDOWS)[number];
export type Unit = "price" | "usd" | "percent" | "count" | "score" | "minutes";

export interface Figure {
  name: string;
  title: string;
  unit: Unit;
  group: "market" | "trading" | "holders" | "stage";
  windowed?: true; // one figure per window
  signed?: true; // can be below zero
  since?: string; // an age: the row's field of the time that it counts from
}

const LIST = [
  { name: "liquidity", title: "Liquidity", unit: "usd", group: "market" },
  { name: "market_cap", title: "Market cap", unit: "usd", group: "market" },
  { name: "fdv", title: "FDV", unit: "usd", group: "market" },
  { name: "price", title: "Price", unit: "price", group: "market" },
  { name: "age_minutes", title: "Age", unit: "minutes", group: "market", since: "created_ms" },
  { name: "volume", title: "Volume", unit: "usd", group: "trading", windowed: true },
  { name: "buy_volume", title: "Bought", unit: "usd", group: "trading", windowed: true },
  { name: "sell_volume", title: "Sold", unit: "usd", group: "trading", windowed: true },
  { name: "organic_volume", title: "Organic volume", unit: "usd", group: "trading", windowed: true },
  { name: "transactions", title: "Transactions", unit: "count", group: "trading", windowed: true },
  { name: "traders", title: "Traders", unit: "count", group: "trading", windowed: true },
  { name: "net_buyers", title: "Net buyers", unit: "count", group: "trading", windowed: true, signed: true },
  { name: "price_change", title: "Change", unit: "percent", group: "trading", windowed: true, signed: true },
  { name: "price_change_7d", title: "Change 7d", unit: "percent", group: "trading", signed: true },
  { name: "holders", title: "Holders", unit: "count", group: "holders" },
  { name: "top_holders_pct", title: "Top holders", unit: "percent", group: "holders" },
  { name: "dev_pct", title: "Dev holds", unit: "percent", group: "holders" },
  { name: "dev_mints", title: "Dev’s tokens", unit: "count", group: "holders" },
  { name: "organic_score", title: "Organic score", unit: "score", group: "holders" },
  { name: "boosts", title: "Boosts", unit: "count", group: "holders" },
  { name: "graduation_pct", title: "Graduation", unit: "percent", group: "stage" },
  { name: "graduated_minutes", title: "Graduated ago", unit: "minutes", group: "stage", since: "graduated_ms" },
] as const satisfies readonly Figure[];

export type FigureName = (typeof LIST)[number]["name"];
export const FIGURES: readonly (Figure & { name: FigureName })[] = LIST;

const MINUTE_MS = 60_000;
const STEPS: Partial<Record<Unit, readonly (readonly [number, string])[]>> = {
  usd: [[1e12, "t"], [1e9, "b"], [1e6, "m"], [1e3, "k"]],
  count: [[1e9, "b"], [1e6, "m"], [1e3, "k"]],
  minutes: [[10_080, "w"], [1_440, "d"], [60, "h"], [1, "m"]],
};

/** Return a row's field that is a number; not every row has every field. */
export function numberOf(row: Row, field: string): number | undefined {
  const value = (row as unknown as Record<string, unknown>)[field];
  return typeof value === "number" ? value : undefined;
}

/** A figure of a row, in the figure's unit; undefined is unknown. An age from the future is 0. */
export function valueOf(row: Row, figure: Figure, window: Window, nowMs: number): number | undefined {
  if (figure.since === undefined) return numberOf(row, figure.windowed ? `${figure.name}_${window}` : figure.name);
  const at = numberOf(row, figure.since);
  return at === undefined ? undefined : Math.max(0, nowMs - at) / MINUTE_MS;
}

/** How a figure is called, with the window that it is of. */
export function titleOf(figure: Figure, window: Window): string {
  return figure.windowed ? `${figure.title} ${window}` : figure.title;
}

/** A limit as people read it: `$10K`, `1h`, `12.5%`. */
export function limitWords(unit: Unit, value: number): string {
  if (unit === "minutes") return age(value * MINUTE_MS);
  if (unit === "percent") return `${full(value)}%`;
  if (unit === "score") return full(value);
  if (unit === "price" && Math.abs(value) < 1_000) return price(value);
  const text = unit === "count" ? count(value) : amount(value);
  return text.replace(/\.(\d*?)0+(?=[KMBT]?$)/, (_, kept: string) => (kept === "" ? "" : `.${kept}`));
}

/** A limit as it is typed: `10k`, `1.5m`, `1h`; what has no short form has every digit. */
export function typed(unit: Unit, value: number): string {
  for (const [size, letter] of STEPS[unit] ?? []) {
    const text = full(value / size);
    if (Math.abs(value) >= size && text.length <= 5 && Number(text) * size === value) return text + letter;
  }
  return full(value);
}

/** Read what was typed into a limit; null is nothing, NaN makes no sense. */
export function readTyped(unit: Unit, text: string, signed = false): number | null {
  const plain = text.trim().toLowerCase().replace(/−/g, "-").replace(/[\s$,_]|%$/g, "");
  if (plain === "") return null;
  const found = /^(-?)(\d{1,15}(?:\.\d{1,30})?|\.\d{1,30})([a-z]?)$/.exec(plain);
  if (found === null || (found[1] === "-" && !signed)) return NaN;
  const letter = found[3]!;
  const size = letter === "" ? 1 : STEPS[unit]?.find(([, each]) => each === letter)?.[0];
  const value = size === undefined ? NaN : Number(found[1] + found[2]!) * size;
  return Math.abs(value) < 1e15 ? Number(value.toPrecision(15)) + 0 : NaN; // + 0: never -0
}
