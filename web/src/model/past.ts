/** The list as it was at an earlier time: how a query is requested of the history, and what is left out. Pure. */
import type { Row } from "../client";
import { activeFilters } from "./filters";
import { DEFAULTS, hasWindow, isSearch, orderOf, PAGE_MAX, type Order, type Query, type Window } from "./query";

/** A row of then. The history keeps fewer figures than the list has. */
export interface PastRow extends Row {
  sampled_ms?: number; // when its figures were read
  gone_ms?: number; // when it was removed since
}

const KEPT_SORTS = ["volume", "price_change", "liquidity", "market_cap", "newest"] as const satisfies readonly Order[];
const KEPT_WINDOWS: Readonly<Partial<Record<Order, readonly Window[]>>> = {
  volume: ["5m", "1h", "24h"],
  price_change: ["1h", "24h"],
};

/** A query as the history can answer it. */
export interface PastQuery {
  shown: Query; // what the list then shows
  path: string; // without `limit`
  rows: number;
  left: readonly string[]; // what of the query does not apply, in words
}

/** Whether the history knows an order. */
export function isKept(sort: Order): boolean {
  return KEPT_SORTS.some((each) => each === sort);
}

/** What a query shows at its time. `atMs`: where it is another one than the query's. */
export function pastQuery(query: Query, atMs = query.at ?? 0): PastQuery {
  const left: string[] = [];
  const wished = orderOf(query);
  const sort = KEPT_SORTS.find((each) => each === wished) ?? "volume";
  if (sort !== wished && wished !== DEFAULTS.sort) left.push(`the order by ${wished.replaceAll("_", " ")}`);
  if (wished === DEFAULTS.sort) left.push("Trending");
  const windows = KEPT_WINDOWS[sort];
  const window = windows === undefined || windows.includes(query.window) ? query.window : (windows.at(-1) ?? query.window);
  if (window !== query.window) left.push(`the window ${query.window}`);
  const filters = activeFilters(query.filters, query.window).length;
  if (filters > 0) left.push(filters === 1 ? "the filter" : `the ${filters} filters`);
  if (query.starred) left.push("the watchlist");
  if (isSearch(query.q)) left.push("the search");
  const params = new URLSearchParams({ at_ms: String(atMs), sort, order: query.order });
  if (hasWindow(sort)) params.set("window", window);
  if (query.chain !== "") params.set("chain", query.chain);
  return {
    shown: { ...query, sort, window, q: "", starred: false, filters: DEFAULTS.filters },
    path: `/history/discover?${params}`,
    rows: query.depth === "all" ? PAGE_MAX : Math.min(PAGE_MAX, Number(query.depth)),
    left,
  };
}

/** What does not apply, as one sentence; "" where all of it does. */
export function leftWords({ left, shown }: PastQuery): string {
  if (left.length === 0) return "";
  const all = left.length === 1 ? left[0]! : `${left.slice(0, -1).join(", ")} and ${left.at(-1)!}`;
  const window = hasWindow(shown.sort) ? ` ${shown.window}` : "";
  const instead = left.some((each) => /^(the order|Trending|the window)/.test(each)) ? ` The order is by ${shown.sort.replaceAll("_", " ")}${window}.` : "";
  return `Not kept for the past: ${all}.${instead}`;
}
