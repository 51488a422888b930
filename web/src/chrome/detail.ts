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

export interface Detail {
  token: Row;
  readings: Record<string, Reading>;
  pools: Pool[];
  explanation?: Record<string, Explanation>;
}
