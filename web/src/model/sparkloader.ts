/**
 * Requests the sparklines of rows that are looked at, apart from the rows themselves: a list is
 * shown whether or not the server keeps a history. A page of the same list has most of them; a
 * token of the watchlist is found by its id.
 */
import { PAGE_MAX, orderOf, wanted, type Query } from "./query";
import type { Sparks, SparkRow } from "./sparks";

/** A list on the page, and where its rows are. */
export interface Looked {
  query: Query;
  ids: readonly string[];
}

export interface SparkLoaderSource {
  /** The lists that are looked at now. */
  lists(): readonly Looked[];
  /** Whether the server keeps a history; null while that is not known. */
  isKept(): boolean | null;
  onChange(): void;
}

const COLLECT_MS = 60; // rows are drawn one after another: one request is for all of them
const UNKNOWN_MS = 200; // until the server has said whether it keeps a history
const PAUSE_MS = 2_000; // between requests
const FAILED_MS = 30_000; // after an answer that is none
const MARGIN = 10; // rows before and after: the order moves on until the answer
const SINGLE_MAX = 12; // tokens that are requested one by one at a time

export class SparkLoader {
  private readonly wanted = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private nextMs = 0;

  constructor(
    private readonly sparks: Sparks,
    private readonly source: SparkLoaderSource,
  ) {}

  /** Note that a row is drawn. */
  look(id: string): void {
    const nowMs = Date.now();
    if (!this.sparks.isWanted(id, nowMs)) return;
    this.wanted.add(id);
    this.timer ??= setTimeout(() => void this.load(), Math.max(COLLECT_MS, this.nextMs - nowMs));
  }

  private async load(): Promise<void> {
    const isKept = this.source.isKept();
    if (isKept === null) {
      this.timer = setTimeout(() => void this.load(), UNKNOWN_MS);
      return;
    }
    const ids = [...this.wanted];
    this.wanted.clear();
    try {
      for (const path of isKept ? paths(this.source.lists(), new Set(ids)) : []) {
        const answer = await fetch(path, { headers: { accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const { tokens } = (await answer.json()) as { tokens: SparkRow[] };
        this.sparks.learn(tokens, Date.now());
      }
      this.nextMs = Date.now() + PAUSE_MS;
    } catch {
      this.nextMs = Date.now() + FAILED_MS; // the lines are no reason to disturb anybody
    } finally {
      const nowMs = Date.now();
      this.sparks.miss(ids.filter((id) => this.sparks.isWanted(id, nowMs)), nowMs);
      this.timer = undefined;
      this.source.onChange();
    }
  }
}

/** The requests that have these tokens: of each list the rows from the first to the last of them. Pure. */
export function paths(lists: readonly Looked[], ids: ReadonlySet<string>): string[] {
  const found: string[] = [];
  for (const { query, ids: listed } of lists) {
    const places = listed.flatMap((id, place) => (ids.has(id) ? [place] : []));
    if (places.length === 0) continue;
    if (query.starred) {
      for (const place of places.slice(0, SINGLE_MAX)) found.push(singlePath(listed[place]!));
      continue;
    }
    // What is found by words has an order that `/discover` does not know: all of it is requested.
    const isMatch = orderOf(query) === "match";
    const { path } = wanted(isMatch ? { ...query, sort: "liquidity" } : query);
    const from = isMatch ? 0 : Math.max(0, places[0]! - MARGIN);
    const limit = isMatch ? PAGE_MAX : Math.min(PAGE_MAX, places.at(-1)! - from + MARGIN + 1);
    found.push(`${path}&spark=24h&limit=${limit}${from === 0 ? "" : `&cursor=${from}`}`);
  }
  return found;
}

function singlePath(id: string): string {
  return `/discover?${new URLSearchParams({ q: id, sort: "liquidity" })}&spark=24h&limit=1`;
}
