/** Which rows are shown, and in which order. Pure. */
import type { Row } from "../client";
import { passing } from "./filters";
import { fold, foldTicker } from "./fold";
import { hasWindow, isPolled, isRanked, orderOf, type Order, type Query, type Window } from "./query";
import { trendingScore } from "./trending";

/** Rows to choose from. `ids`: their order, where they have one; `exact`: they are of the query. */
export interface Source {
  rows: Map<string, Row>;
  ids: readonly string[] | null;
  exact: boolean;
}

/** What a sort goes by in a row, undefined where that is unknown; matches are of about as liquid tokens. */
export function metric(sort: Order, window: Window): (row: Row) => unknown {
  if (sort === "trending") return (row) => trendingScore(row, window);
  const field = FIELDS[sort] ?? (hasWindow(sort) ? `${sort}_${window}` : sort);
  return (row) => row[field as keyof Row];
}

const FIELDS: Partial<Record<string, keyof Row>> = {
  newest: "created_ms",
  graduated: "graduated_ms",
  match: "liquidity",
};

/** Order rows as the server does: by the metric, ties by id; a row without it is left out. */
export function sorted(rows: Iterable<Row>, query: Query): Row[] {
  const read = metric(orderOf(query), query.window);
  const sign = query.order === "desc" ? -1 : 1;
  const known: { value: number; row: Row }[] = [];
  for (const row of rows) {
    const value = read(row);
    if (typeof value === "number") known.push({ value, row });
  }
  known.sort((a, b) => sign * (a.value - b.value || (a.row.id < b.row.id ? -1 : 1)));
  return known.map((each) => each.row);
}

/** The test that a row of the query must pass. Unknown passes no limit, as on the server. */
export function passes(query: Query, nowMs: number): (row: Row) => boolean {
  const filtered = passing(query.filters, query.window, nowMs);
  return (row) => (query.chain === "" || row.chain === query.chain) && filtered(row);
}

/**
 * Whether a row is what is searched for: its address, the begin of its ticker, words of its name.
 * For rows that are at hand, until the server has answered; it knows more of spelling.
 */
export function matches(row: Row, wanted: string): boolean {
  const words = foldTicker(wanted);
  if (words === "") return true;
  const address = wanted.trim().toLowerCase();
  if (row.token_address?.toLowerCase() === address || row.id.toLowerCase() === address) return true;
  if (foldTicker(row.token_ticker ?? "").startsWith(words)) return true;
  const name = fold(row.token_name ?? "");
  return words.split(/\s+/).every((word) => name.includes(word));
}

/** The watchlist's rows that a query shows, in order. Those without the metric come last: they are wanted. */
export function starredRows(kept: Row[], query: Query, nowMs: number): Row[] {
  const pass = passes(query, nowMs);
  const found = kept.filter((row) => matches(row, query.q) && pass(row));
  const ordered = sorted(found, query);
  const placed = new Set(ordered);
  return [...ordered, ...found.filter((row) => !placed.has(row))];
}

/** The rows of a list, in order; `newest` gives the newest of an id. */
export function listedRows(
  { rows, ids, exact }: Source,
  newest: (id: string) => Row | undefined,
  query: Query,
  nowMs: number,
): Row[] {
  // The order of a list, and of what is ranked, is the server's; every other follows the figures.
  const given = ids !== null && (!isPolled(query) || isRanked(query));
  const live = ids === null ? [...rows.values()] : ids.map(newest).filter((row) => row !== undefined);
  const ordered = given ? live : sorted(live, query);
  const pass = passes(query, nowMs);
  const found = ordered.filter((row) => pass(row) && (exact || matches(row, query.q)));
  return query.depth === "all" ? found : found.slice(0, Number(query.depth));
}

/**
 * Count the rows that come, leave, or pass another one. A row that is only pushed down by one that
 * comes in above it has not moved.
 */
export function moved(shown: readonly string[], wanted: readonly string[]): number {
  const at = new Map(wanted.map((id, index) => [id, index]));
  const places = shown.map((id) => at.get(id)).filter((place) => place !== undefined);
  const stayed = longestRise(places);
  return places.length - stayed + (shown.length - places.length) + (wanted.length - places.length);
}

/** The length of the longest rising subsequence: the rows that can stay where they are. */
function longestRise(places: readonly number[]): number {
  const ends: number[] = []; // the least last place of a rise of each length
  for (const place of places) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! < place) low = middle + 1;
      else high = middle;
    }
    ends[low] = place;
  }
  return ends.length;
}
