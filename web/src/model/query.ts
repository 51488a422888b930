/** What the page shows, all of it in the address, so that a link or a reload shows the same. */

export const SORTS = ["volume", "liquidity", "market_cap", "price_change", "transactions", "newest"] as const;
export const WINDOWS = ["5m", "1h", "6h", "24h"] as const;
export const DEPTHS = ["50", "100", "200", "all"] as const;
export type Sort = (typeof SORTS)[number];
export type Window = (typeof WINDOWS)[number];
export type Depth = (typeof DEPTHS)[number];

export interface Query {
  sort: Sort;
  window: Window;
  order: "desc" | "asc";
  chain: string; // "" is every chain
  depth: Depth;
  q: string;
  minLiquidity: number | null; // USD
  minVolume: number | null; // USD, in the chosen window
  maxAgeHours: number | null;
  starred: boolean;
  token: string; // the id whose drawer is open, or ""
}

export const DEFAULTS: Query = {
  sort: "volume",
  window: "24h",
  order: "desc",
  chain: "",
  depth: "100",
  q: "",
  minLiquidity: null,
  minVolume: null,
  maxAgeHours: null,
  starred: false,
  token: "",
};

/** Metrics that are told per window; the others have one figure. */
export function hasWindow(sort: Sort): boolean {
  return sort === "volume" || sort === "price_change" || sort === "transactions";
}

/** Read the address; whatever makes no sense there is the default. */
export function parseQuery(search: string): Query {
  const given = new URLSearchParams(search);
  return {
    sort: oneOf(SORTS, given.get("sort"), DEFAULTS.sort),
    window: oneOf(WINDOWS, given.get("window"), DEFAULTS.window),
    order: oneOf(["desc", "asc"] as const, given.get("order"), DEFAULTS.order),
    chain: /^[a-z0-9_-]{1,32}$/.test(given.get("chain") ?? "") ? given.get("chain")! : "",
    depth: oneOf(DEPTHS, given.get("show"), DEFAULTS.depth),
    q: (given.get("q") ?? "").slice(0, 128),
    minLiquidity: amount(given.get("min_liquidity")),
    minVolume: amount(given.get("min_volume")),
    maxAgeHours: amount(given.get("max_age_hours")),
    starred: given.get("starred") === "1",
    token: (given.get("token") ?? "").slice(0, 192),
  };
}

/** Return the address of a query: only what differs from the defaults. */
export function formatQuery(query: Query): string {
  const said = new URLSearchParams();
  const put = (name: string, value: string, usual: string) => {
    if (value !== usual) said.set(name, value);
  };
  put("sort", query.sort, DEFAULTS.sort);
  put("window", query.window, DEFAULTS.window);
  put("order", query.order, DEFAULTS.order);
  put("chain", query.chain, "");
  put("show", query.depth, DEFAULTS.depth);
  put("q", query.q, "");
  put("min_liquidity", text(query.minLiquidity), "");
  put("min_volume", text(query.minVolume), "");
  put("max_age_hours", text(query.maxAgeHours), "");
  put("starred", query.starred ? "1" : "", "");
  put("token", query.token, "");
  const search = said.toString();
  return search === "" ? "" : `?${search}`;
}

/** The stream's topic of a query: a list, or everything there is. */
export function listTopic(query: Query): string {
  if (query.depth === "all") return wholeTopic(query);
  const window = hasWindow(query.sort) ? query.window : "-";
  return `list:${query.sort}:${window}:${query.order}:${query.chain || "*"}:${query.depth}`;
}

/** The topic that holds every row of the query's chain. */
export function wholeTopic(query: Query): string {
  return query.chain === "" ? "all" : `chain:${query.chain}`;
}

/** The page of `GET /discover` that a query begins with. */
export function discoverPath(query: Query): string {
  const said = new URLSearchParams({ sort: query.sort, order: query.order });
  if (hasWindow(query.sort)) said.set("window", query.window);
  if (query.chain !== "") said.set("chain", query.chain);
  said.set("limit", String(Math.min(100, query.depth === "all" ? 100 : Number(query.depth))));
  return `/discover?${said}`;
}

function oneOf<T extends string>(known: readonly T[], given: string | null, usual: T): T {
  return known.find((word) => word === given) ?? usual;
}

function amount(given: string | null): number | null {
  return given !== null && /^\d{1,15}(\.\d{1,6})?$/.test(given) ? Number(given) : null;
}

function text(value: number | null): string {
  return value === null ? "" : String(value);
}
