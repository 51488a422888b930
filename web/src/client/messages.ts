/** Written by `make documents` from dexwire/stream: the messages of `discover.v1`. */
export const SUBPROTOCOL = "discover.v1.json";
export const HEARTBEAT_MS = 1000;
export const SILENT_BEATS = 3;
export const WATCHED = 500;
export const FIRST_FINAL = 4500;
export const LAST_CODE = 4999;
export const SORTS = ["volume", "liquidity", "market_cap", "price_change", "transactions", "newest", "trending", "traders", "holders", "organic_score", "graduation_pct", "graduated"] as const;
export const WINDOWS = ["5m", "1h", "6h", "24h"] as const;
export const WINDOWED = ["volume", "price_change", "transactions", "trending", "traders"] as const;
export const LIST_SIZES = [10, 25, 50, 100, 200] as const;
export const ALL = "all";
export const WATCHLIST = "tokens";
export const ALERTS = "alerts";
export const NO_WINDOW = "-";
export const ANY_CHAIN = "*";

/** Everything through `v` has been sent. `age_ms`: since the last message of the aggregator, absent while it never was. */
export interface Beat {
  t: "hb";
  e: string;
  v: number;
  ts?: number;
  age_ms?: number;
  st?: "live" | "resync" | "stale";
}

/** The gateway goes away; come back after a random time of this range. */
export interface Bye {
  t: "bye";
  why?: string;
  retry_ms?: [number, number];
}

/** What changed in a topic from `pv` to `v`; `cf` commits in one. */
export interface Delta {
  t: "d";
  k: string;
  pv: number;
  v: number;
  ts?: number;
  ids?: string[];
  set?: Patch[];
  add?: Row[];
  del?: string[];
  cf?: number;
  more?: boolean;
}

/** A request was refused; `retry` says whether repeating it may help. `k`: the topic that it is about, where a subscription that was accepted cannot start after all. */
export interface Err {
  t: "err";
  id?: number | string | null;
  code: string;
  msg?: string;
  retry?: boolean;
  k?: string;
}

/** Alerts of one topic; an `i` begins with the version of its commit (`184201.0`). */
export interface Events {
  t: "ev";
  k: string;
  pv: number;
  v: number;
  ev?: Occurrence[];
  more?: boolean;
}

/** The first message of every connection. `e` is empty while the gateway has no state yet. */
export interface Hello {
  t: "hello";
  proto: number;
  e: string;
  v: number;
  st?: "live" | "resync" | "stale";
  window_ms?: number;
  hb_ms?: number;
  ts?: number;
  limits?: Limits;
}

/** What one connection may ask for. */
export interface Limits {
  topics?: number;
  ids?: number;
  in_per_s?: number;
  in_bytes?: number;
}

/** Addresses that the token's maker names, by kind; http or https. */
export interface Links {
  discord?: string;
  instagram?: string;
  other?: string;
  telegram?: string;
  tiktok?: string;
  website?: string;
  x?: string;
}

/** So many alerts between two versions are no longer available. */
export interface Lost {
  t: "lost";
  k: string;
  n?: number;
  from?: number;
  to?: number;
}

/** One alert as an `ev` carries it. `listed` and `graduated` have neither figures nor level. */
export interface Occurrence {
  i: string;
  type: string;
  id: string;
  w?: string;
  dir?: string;
  chg?: number;
  from?: number;
  to?: number;
  lvl?: number;
  token_name?: string;
  token_ticker?: string;
}

/** A request was done. `topics` says how each starts; `ts` and `now` answer a ping. */
export interface Ok {
  t: "ok";
  id?: number | string | null;
  topics?: Record<string, string>;
  ts?: number | null;
  now?: number;
}

/** The changed fields of one token; None: the field became unknown. */
export interface Patch {
  boosts?: number | null;
  buy_volume_1h?: number | null;
  buy_volume_24h?: number | null;
  buy_volume_5m?: number | null;
  buy_volume_6h?: number | null;
  buys_24h?: number | null;
  chain?: string | null;
  created_ms?: number | null;
  dev_mints?: number | null;
  dev_pct?: number | null;
  fdv?: number | null;
  flags?: ("boosted" | "copycat" | "drained" | "freezable" | "mintable" | "suspicious" | "thin")[] | null;
  freeze_revoked?: boolean | null;
  graduated_ms?: number | null;
  graduation_pct?: number | null;
  holders?: number | null;
  id: string;
  image?: string | null;
  launchpad?: string | null;
  links?: Links | null;
  liquidity?: number | null;
  market_cap?: number | null;
  mint_revoked?: boolean | null;
  net_buyers_1h?: number | null;
  net_buyers_24h?: number | null;
  net_buyers_5m?: number | null;
  net_buyers_6h?: number | null;
  observed_ms?: number | null;
  organic_score?: number | null;
  organic_volume_1h?: number | null;
  organic_volume_24h?: number | null;
  organic_volume_5m?: number | null;
  organic_volume_6h?: number | null;
  pool_address?: string | null;
  pool_count?: number | null;
  price?: number | null;
  price_change_1h?: number | null;
  price_change_24h?: number | null;
  price_change_5m?: number | null;
  price_change_6h?: number | null;
  price_change_7d?: number | null;
  price_source?: string | null;
  price_spread_pct?: number | null;
  protocol?: string | null;
  rv?: number | null;
  same_ticker?: SameTicker | null;
  sell_volume_1h?: number | null;
  sell_volume_24h?: number | null;
  sell_volume_5m?: number | null;
  sell_volume_6h?: number | null;
  sells_24h?: number | null;
  sources?: string[] | null;
  stage?: "completed" | "curve" | "graduated" | null;
  stale?: boolean | null;
  token_address?: string | null;
  token_name?: string | null;
  token_ticker?: string | null;
  top_holders_pct?: number | null;
  traders_1h?: number | null;
  traders_24h?: number | null;
  traders_5m?: number | null;
  traders_6h?: number | null;
  transactions_1h?: number | null;
  transactions_24h?: number | null;
  transactions_5m?: number | null;
  transactions_6h?: number | null;
  verified?: boolean | null;
  volume_1h?: number | null;
  volume_24h?: number | null;
  volume_5m?: number | null;
  volume_6h?: number | null;
}

/** Ask for the server's clock. */
export interface Ping {
  op: "ping";
  id?: number | string;
  ts?: number;
}

/** Ask for at most so many diffs a second; null for all of them. */
export interface RateLimit {
  op: "rate";
  id?: number | string;
  max_hz: number | null;
}

/** Go on from the version that is held of each topic. */
export interface Resume {
  op: "resume";
  id?: number | string;
  e: string;
  topics: Record<string, number>;
  watch?: string[];
}

/** One token, merged from all sources. */
export interface Row {
  boosts?: number;
  buy_volume_1h?: number;
  buy_volume_24h?: number;
  buy_volume_5m?: number;
  buy_volume_6h?: number;
  buys_24h?: number;
  chain?: string;
  created_ms?: number;
  dev_mints?: number;
  dev_pct?: number;
  fdv?: number;
  flags?: ("boosted" | "copycat" | "drained" | "freezable" | "mintable" | "suspicious" | "thin")[];
  freeze_revoked?: boolean;
  graduated_ms?: number;
  graduation_pct?: number;
  holders?: number;
  id: string;
  image?: string;
  launchpad?: string;
  links?: Links;
  liquidity?: number;
  market_cap?: number;
  mint_revoked?: boolean;
  net_buyers_1h?: number;
  net_buyers_24h?: number;
  net_buyers_5m?: number;
  net_buyers_6h?: number;
  observed_ms?: number;
  organic_score?: number;
  organic_volume_1h?: number;
  organic_volume_24h?: number;
  organic_volume_5m?: number;
  organic_volume_6h?: number;
  pool_address?: string;
  pool_count?: number;
  price?: number;
  price_change_1h?: number;
  price_change_24h?: number;
  price_change_5m?: number;
  price_change_6h?: number;
  price_change_7d?: number;
  price_source?: string;
  price_spread_pct?: number;
  protocol?: string;
  rv?: number;
  same_ticker?: SameTicker;
  sell_volume_1h?: number;
  sell_volume_24h?: number;
  sell_volume_5m?: number;
  sell_volume_6h?: number;
  sells_24h?: number;
  sources?: string[];
  stage?: "completed" | "curve" | "graduated";
  stale?: boolean;
  token_address?: string;
  token_name?: string;
  token_ticker?: string;
  top_holders_pct?: number;
  traders_1h?: number;
  traders_24h?: number;
  traders_5m?: number;
  traders_6h?: number;
  transactions_1h?: number;
  transactions_24h?: number;
  transactions_5m?: number;
  transactions_6h?: number;
  verified?: boolean;
  volume_1h?: number;
  volume_24h?: number;
  volume_5m?: number;
  volume_6h?: number;
}

/** How many rows have a ticker that looks like this one's, and which of them this is. */
export interface SameTicker {
  count: number;
  most_liquid: boolean;
  oldest: boolean;
}

/** The state that a page was of. */
export interface Since {
  e: string;
  v: number;
}

/** A whole topic at `(e, v)`; lists say their order in `ids`. */
export interface Snap {
  t: "snap";
  k: string;
  e: string;
  v: number;
  rows: Row[];
  ids?: string[];
  more?: boolean;
}

/** Subscribe; with `since`, from the state that a page showed. */
export interface Sub {
  op: "sub";
  id?: number | string;
  topics: string[];
  since?: Since;
}

/** Take topics away. */
export interface Unsub {
  op: "unsub";
  id?: number | string;
  topics: string[];
}

/** Change the connection's watchlist. */
export interface Watch {
  op: "watch";
  id?: number | string;
  ids: string[];
  mode?: "add" | "remove" | "set";
}

export type Frame = Hello | Ok | Snap | Delta | Events | Beat | Lost | Err | Bye;

export type Request = Sub | Watch | Unsub | Resume | RateLimit | Ping;
