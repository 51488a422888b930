/** What the chrome around the table shows. */
import type { Occurrence, Phase, Status } from "../client";
import type { Problem } from "../model/poller";
import type { Choice } from "../model/choice";
import type { DeclaredSource } from "../model/links";
import type { Named } from "../model/names";
import type { ColumnState } from "../model/board";
import type { ColumnKey } from "../model/columns";
import type { Preset } from "../model/presets";
import type { Query } from "../model/query";

export interface SourceHealth {
  state: string;
  age_ms?: number;
  last_error?: string;
}

export interface Health {
  status: string;
  sources: Record<string, SourceHealth>;
  reason?: string; // why it is degraded: `no_source`, `warming`, …
  detail?: string;
  warming?: boolean;
  token_count?: number;
  chains?: Record<string, number>; // tokens of each, the most first
  data_age_ms?: number | null; // null: there is no commit yet
  history?: { state: string; why?: string | null };
}

export interface Config {
  ws_url: string;
  demo: boolean;
  version: string;
  images_url?: string | null; // base of `{chain}/{address}`; null or absent: there are no images
  sources: DeclaredSource[];
}

export interface SeenAlert extends Occurrence, Named {
  seenMs: number;
}

export type Panel = "" | "alerts" | "help" | "view" | "presets" | "time";
/** Whose filters the sheet shows; "": it is closed. */
export type SheetOf = "" | "list" | ColumnKey;

export interface ChromeState {
  query: Query;
  config: Config | null;
  status: Status;
  health: Health | null;
  chains: string[];
  shown: number; // rows that pass the filters
  total: number | null; // tokens that the server knows for this query
  loaded: boolean; // what is shown is of this query
  paused: boolean; // by the key, not by the pointer
  frozen: boolean;
  moved: number;
  recordedMs: number | null; // of a list of the past: its newest record
  goneCount: number; // and how many of its rows were removed since
  problem: Problem | null; // why the list is missing or old
  polling: boolean; // the list is polled: there is no stream
  error: string; // why the page could not begin
  starredCount: number;
  alerts: SeenAlert[];
  unread: number;
  sound: boolean;
  panel: Panel;
  sheet: SheetOf;
  column: ColumnKey; // the one that is shown where there is room for one, and that keys are about
  columnStates: Readonly<Record<ColumnKey, ColumnState>>;
  presets: readonly Preset[];
  hints: boolean; // the hints of a first visit, until they are dismissed
  theme: "dark" | "light";
  palette: "classic" | "safe";
  columns: Choice;
  fitting: readonly string[]; // the columns that there is room for
  hiddenChips: ReadonlySet<string>; // kinds that are switched off
  compact: boolean; // rows of one line
  toast: string;
}

export type Trust = Phase | "polling" | "offline";

const STALE_MS = 10_000; // age of the newest commit; one comes several times a second

/** How far what is shown can be trusted, in a word. */
export function trust(state: ChromeState): Trust {
  if (!state.polling) return state.status.phase;
  if (state.problem !== null) return "offline";
  return (state.health?.data_age_ms ?? 0) > STALE_MS ? "stale" : "polling";
}
