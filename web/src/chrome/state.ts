/** What the chrome around the table shows. */
import type { AlertEvent, Status } from "../client";
import type { Query } from "../model/query";

export interface SourceHealth {
  state: string;
  age_ms?: number;
  last_error?: string;
}

export interface Health {
  status: string;
  sources: Record<string, SourceHealth>;
  warming?: boolean;
}

export interface Config {
  ws_url: string;
  demo: boolean;
  version: string;
}

export interface SeenAlert extends AlertEvent {
  seenMs: number;
  ticker: string;
}

export type Panel = "" | "alerts" | "help";

export interface ChromeState {
  query: Query;
  config: Config | null;
  status: Status;
  health: Health | null;
  chains: string[];
  shown: number; // rows that pass the filters
  held: number; // rows at hand
  total: number | null; // tokens that the server knows for this query
  loaded: boolean;
  paused: boolean; // by the key, not by the pointer
  frozen: boolean;
  moved: number;
  error: string;
  starredCount: number;
  alerts: SeenAlert[];
  unread: number;
  sound: boolean;
  panel: Panel;
  theme: "dark" | "light";
  palette: "classic" | "safe";
  toast: string;
}
