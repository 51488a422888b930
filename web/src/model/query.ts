/** What the page shows, all of it in the address, so that a link or a reload shows the same. */

import { ALL, ANY_CHAIN, NO_WINDOW, SORTS, WINDOWED, WINDOWS, type LIST_SIZES } from "../client/messages";
import { COLUMN_STAGES, parseChain, parseColumns, putColumns, USUAL, type Column, type ColumnKey, type Columns } from "./columns";
import type { Window } from "./figures";
import { followsWindow, isFiltering, NO_FILTERS, parseFilters, putFilters, type Filters } from "./filters";

export const DEPTHS = ["50", "100", "200", "all"] as const satisfies readonly (`${(typeof LIST_SIZES)[number]}` | "all")[];
export type Sort = (typeof SORTS)[number];
export type { Window };
export type Depth = (typeof DEPTHS)[number];
/** `match`: the best match of the words first, as `/search` orders them. */
export type Order = Sort | "match";

export interface Query {
  view: "list" | "board";
  sort: Order;
  window: Window;
  order: "desc" | "asc";
  chain: string; // "" is every chain
  depth: Depth;
  q: string;
  filters: Filters;
  starred: boolean;
  token: string; // the id whose drawer is open, or ""
  at: number | null; // the time that the list is shown of (ms); null: now, live
  columns: Columns; // of the board
}

export const Q_MAX = 200; // characters that the server takes
export const PAGE_MAX = 100; // rows that the server gives at once
const FOUND_MAX = 300; // rows of a search in an order of its own; the gateway follows 500 ids

export const COLUMN_DEPTH = "50" satisfies Depth;

export const DEFAULTS: Query = {
  view: "list",
  sort: "trending",
  window: "1h",
  order: "desc",
  chain: "",
  depth: "100",
  q: "",
  filters: NO_FILTERS,
  starred: false,
  token: "",
  at: null,
  columns: USUAL,
};

const AT = /^[1-9]\d{11,13}$/; // from 1973 on

/** Metrics that exist per window; the others have one figure. */
export function hasWindow(sort: Order): boolean {
  return WINDOWED.some((each) => each === sort);
}

/** Read the address; whatever makes no sense there is the default. */
export function parseQuery(search: string): Query {
  const given = new URLSearchParams(search);
  const q = (given.get("q") ?? "").slice(0, Q_MAX);
  return {
    view: given.get("view") === "board" ? "board" : DEFAULTS.view,
    sort: oneOf(SORTS, given.get("sort"), usualSort(q)),
    window: oneOf(WINDOWS, given.get("window"), DEFAULTS.window),
    order: oneOf(["desc", "asc"] as const, given.get("order"), DEFAULTS.order),
    chain: parseChain(given.get("chain")),
    depth: oneOf(DEPTHS, given.get("show"), DEFAULTS.depth),
    q,
    filters: parseFilters(given),
    starred: given.get("starred") === "1",
    token: (given.get("token") ?? "").slice(0, 192),
    at: given.get("view") !== "board" && AT.test(given.get("at") ?? "") ? Number(given.get("at")) : null,
    columns: parseColumns(given),
  };
}

/** Return the address of a query: only what the view shows, and differs from the defaults. */
export function formatQuery(query: Query): string {
  const params = new URLSearchParams();
  const put = (name: string, value: string, usual: string) => {
    if (value !== usual) params.set(name, value);
  };
  put("view", query.view, DEFAULTS.view);
  const isList = query.view === "list";
  if (isList) put("sort", query.sort, usualSort(query.q));
  put("window", query.window, DEFAULTS.window);
  if (isList) put("order", query.order, DEFAULTS.order);
  put("chain", query.chain, "");
  if (isList) {
    put("show", query.depth, DEFAULTS.depth);
    put("q", query.q, "");
    putFilters(params, query.filters);
    put("starred", query.starred ? "1" : "", "");
    put("at", query.at === null ? "" : String(query.at), "");
  } else putColumns(params, query.columns);
  put("token", query.token, "");
  const search = params.toString();
  return search === "" ? "" : `?${search}`;
}

/** The list that a column of the board is. */
export function columnQuery(query: Query, key: ColumnKey): Query {
  const { sort, order, chain, filters } = query.columns[key];
  const stage = COLUMN_STAGES[key] ?? filters.stage;
  return {
    ...DEFAULTS,
    sort,
    order,
    chain: chain || query.chain,
    window: query.window,
    depth: COLUMN_DEPTH,
    filters: { ...filters, stage },
  };
}

/** What a column shows when its list is that of a query. The page's chain is not one of its own. */
export function columnOf(wanted: Query, query: Query, key: ColumnKey): Column {
  const { order, chain, filters } = wanted;
  const sort = SORTS.find((each) => each === wanted.sort) ?? USUAL[key].sort;
  const stage = COLUMN_STAGES[key] === null ? filters.stage : [];
  return { sort, order, chain: chain === query.chain ? "" : chain, filters: { ...filters, stage } };
}

/** What was left of the view that an address does not show, for when it is shown again. */
export function remembered(arrived: Query, before: Query): Query {
  if (arrived.view === "list") return { ...arrived, columns: before.columns };
  const { view, window, chain, token, columns } = arrived;
  return { ...before, view, window, chain, token, columns, at: null };
}

/** What a search begins with: the best match; everything else with what is trending. */
export function usualSort(q: string): Order {
  return isSearch(q) ? "match" : DEFAULTS.sort;
}

/** Whether words are searched for; a lone `$` is the beginning of a ticker, not one yet. */
export function isSearch(q: string): boolean {
  return q.replace(/^[\s$]+/, "").trim() !== "";
}

/**
 * The order in force. The best match first is what `/search` knows, of all chains and without
 * filters; with any of them the most liquid comes first, as among equal matches.
 */
export function orderOf(query: Query): Order {
  if (query.sort !== "match") return query.sort;
  if (!isSearch(query.q)) return DEFAULTS.sort;
  return query.chain === "" && !isFiltering(query.filters) && !query.starred ? "match" : "liquidity";
}

/** Whether the order is the server's: rows do not say how well they match. */
export function isRanked(query: Query): boolean {
  return orderOf(query) === "match";
}

/** Whether only the server knows the rows: the stream has no topic of them. */
export function isPolled(query: Query): boolean {
  if (query.starred) return false;
  if (query.depth === "all" && isRanked(query)) return true;
  return isSearch(query.q) || (isFiltering(query.filters) && query.depth !== "all");
}

/** The stream's topic of a query: a list, or everything there is. */
export function listTopic(query: Query): string {
  if (query.depth === "all") return wholeTopic(query);
  const sort = orderOf(query);
  const window = hasWindow(sort) ? query.window : NO_WINDOW;
  return `list:${sort}:${window}:${query.order}:${query.chain || ANY_CHAIN}:${query.depth}`;
}

/** The topic that holds every row of the query's chain. */
export function wholeTopic(query: Query): string {
  return query.chain === "" ? ALL : `chain:${query.chain}`;
}

/** What is requested over HTTP for a query: an address without `limit`, and how many rows of it. */
export interface Wanted {
  path: string;
  rows: number;
}

/** The request for a query's rows; the watchlist's are known by their ids. */
export function wanted(query: Query): Wanted {
  const depth = query.depth === "all" ? FOUND_MAX : Number(query.depth);
  const sort = orderOf(query);
  if (sort === "match") {
    return { path: `/search?${new URLSearchParams({ q: query.q })}`, rows: Math.min(PAGE_MAX, depth) };
  }
  const params = new URLSearchParams({ sort, order: query.order });
  const fromServer = !query.starred;
  if (hasWindow(sort) || (fromServer && followsWindow(query.filters))) params.set("window", query.window);
  if (query.chain !== "") params.set("chain", query.chain);
  if (fromServer) {
    if (isSearch(query.q)) params.set("q", query.q);
    putFilters(params, query.filters);
  }
  return { path: `/discover?${params}`, rows: depth };
}

/** Where the API has one token. Addresses may have slashes and colons of their own. */
export function tokenPath(id: string): string {
  const at = id.indexOf(":");
  return `/tokens/${encodeURIComponent(id.slice(0, at))}/${encodeURIComponent(id.slice(at + 1))}`;
}

function oneOf<T extends string>(known: readonly T[], given: string | null, usual: T): T {
  return known.find((word) => word === given) ?? usual;
}
