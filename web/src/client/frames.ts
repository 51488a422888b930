/** The messages of the stream `discover.v1`, as far as a client reads them. Unknown fields are kept out of the way. */

/** A token's row. Unknown is absent; money in USD, `_ms` Unix milliseconds, changes in percent. */
export interface Row {
  id: string;
  token_address?: string;
  chain?: string;
  token_name?: string;
  token_ticker?: string;
  protocol?: string;
  pool_address?: string;
  pool_count?: number;
  created_ms?: number;
  price?: number;
  price_source?: string;
  price_spread_pct?: number;
  market_cap?: number;
  fdv?: number;
  liquidity?: number;
  volume_5m?: number;
  volume_1h?: number;
  volume_6h?: number;
  volume_24h?: number;
  price_change_5m?: number;
  price_change_1h?: number;
  price_change_6h?: number;
  price_change_24h?: number;
  price_change_7d?: number;
  transactions_5m?: number;
  transactions_1h?: number;
  transactions_6h?: number;
  transactions_24h?: number;
  buys_24h?: number;
  sells_24h?: number;
  holders?: number;
  same_ticker?: { count: number; oldest: boolean; most_liquid: boolean };
  sources?: string[];
  stale?: boolean;
  observed_ms?: number;
  rv?: number;
}

/** Changed fields of a known row; null: the field became unknown. */
export type RowChange = { id: string } & { [F in keyof Omit<Row, "id">]?: Row[F] | null };

/** A price or volume event of an `alerts` topic. */
export interface AlertEvent {
  i: string;
  type: string;
  id: string;
  w?: string;
  dir?: string;
  chg?: number;
  from?: number;
  to?: number;
  lvl?: number;
  ts?: number;
}

export interface Snap {
  t: "snap";
  k: string;
  e: string;
  v: number;
  ids?: string[];
  rows: Row[];
  more?: boolean;
}

export interface Diff {
  t: "d";
  k: string;
  pv: number;
  v: number;
  ts?: number;
  cf?: number;
  ids?: string[];
  set?: RowChange[];
  add?: Row[];
  del?: string[];
  more?: boolean;
}

export interface Events {
  t: "ev";
  k: string;
  pv: number;
  v: number;
  ev?: AlertEvent[]; // none when all that happened is that the version moved
  more?: boolean;
}

export interface Heartbeat {
  t: "hb";
  e: string;
  v: number;
  ts?: number;
  age_ms?: number;
  st?: "live" | "stale" | "resync";
}

export interface Hello {
  t: "hello";
  e: string;
  v: number;
  st?: string;
  hb_ms: number;
  ts: number;
}

export interface Ok {
  t: "ok";
  id?: number;
  topics?: Record<string, string>;
  ts?: number;
  now?: number;
}

export interface Err {
  t: "err";
  id?: number;
  code: string;
  msg: string;
  retry?: boolean;
}

export interface Bye {
  t: "bye";
  why?: string;
  retry_ms?: [number, number];
}

export interface Lost {
  t: "lost";
  k: string;
  n: number;
}

export type Frame = Snap | Diff | Events | Heartbeat | Hello | Ok | Err | Bye | Lost;
