/** `GET /tokens/…`, as far as the drawer shows it. */
import type { Row } from "../client";

export interface Stamped {
  value: unknown;
  age_ms?: number;
}

export interface Reading {
  age_ms: number;
  fields: Record<string, Stamped>;
}

export interface Pool {
  pool_address: string;
  source: string;
  protocol?: string;
  price?: number;
  liquidity?: number;
  volume_24h?: number;
  age_ms?: number;
  why?: string;
}

export interface Passed {
  source?: string | null;
  value?: unknown;
  age_ms?: number | null;
  why?: string;
}

export interface Explanation {
  value?: unknown;
  source?: string | null;
  age_ms?: number | null;
  rule?: string;
  passed_over?: Passed[];
}

/** What is recorded at all of the time that a figure is about. */
export interface OwnCoverage {
  from_ms: number;
  to_ms: number;
  share: number;
}

/** A change over days by the server's own samples, in percent; `preferred`: a source's own. */
export interface OwnChange {
  value: number;
  coverage: OwnCoverage;
  preferred?: number;
}

/** Figures of the server's own history; absent: not recorded for so long. */
export interface OwnFigures {
  price_change_7d?: OwnChange;
  price_change_30d?: OwnChange;
  highest_market_cap?: { value: number; at_ms: number; coverage: OwnCoverage };
}

export interface Detail {
  token: Row;
  history?: OwnFigures;
  readings: Record<string, Reading>;
  pools: Pool[];
  explanation?: Record<string, Explanation>;
}
