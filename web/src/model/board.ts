/** The board: three lists over one connection, each of its own query. */
import type { Row } from "../client";
import { COLUMNS, type ColumnKey } from "./columns";
import type { Feed } from "./feed";
import { Market, type MarketEvents, type WordField } from "./market";
import type { Problem } from "./poller";
import { columnQuery, type Query } from "./query";

/** How a column is, for what stands around its cards. */
export interface ColumnState {
  shown: number;
  total: number | null;
  loaded: boolean;
  frozen: boolean;
  moved: number;
  problem: Problem | null;
}

const NONE: ColumnState = { shown: 0, total: null, loaded: false, frozen: false, moved: 0, problem: null };
export const NO_COLUMN_STATES: Readonly<Record<ColumnKey, ColumnState>> = { new: NONE, curve: NONE, graduated: NONE };

export class Board {
  readonly lists: Readonly<Record<ColumnKey, Market>>;

  constructor(feed: Feed, query: Query, events: MarketEvents) {
    const list = (key: ColumnKey) => new Market(feed, columnQuery(query, key), events);
    this.lists = { new: list("new"), curve: list("curve"), graduated: list("graduated") };
  }

  start(): void {
    this.each((list) => list.start());
  }

  stop(): void {
    this.each((list) => list.stop());
  }

  ask(query: Query): void {
    for (const key of COLUMNS) this.lists[key].ask(columnQuery(query, key));
  }

  reorder(): void {
    this.each((list) => list.reorder());
  }

  /** Keep the order of all columns as it is, or let it go. */
  hold(held: boolean): void {
    this.each((list) => (held ? list.freeze() : list.release()));
  }

  row(id: string): Row | undefined {
    for (const key of COLUMNS) {
      const row = this.lists[key].row(id);
      if (row !== undefined) return row;
    }
    return undefined;
  }

  /** Words of a field that rows at hand have, those of the first column first. */
  words(field: WordField): string[] {
    return [...new Set(COLUMNS.flatMap((key) => this.lists[key].words(field)))];
  }

  states(): Record<ColumnKey, ColumnState> {
    return { new: stateOf(this.lists.new), curve: stateOf(this.lists.curve), graduated: stateOf(this.lists.graduated) };
  }

  private each(act: (list: Market) => void): void {
    for (const key of COLUMNS) act(this.lists[key]);
  }
}

function stateOf(list: Market): ColumnState {
  return {
    shown: list.shown().length,
    total: list.total,
    loaded: list.loaded,
    frozen: list.isFrozen,
    moved: list.movedRows(),
    problem: list.problem,
  };
}
