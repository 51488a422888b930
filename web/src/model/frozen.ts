/** An order that is kept as it is while values still tick, and the rows that left meanwhile. */
import type { Row } from "../client";
import { moved } from "./order";

export class Frozen {
  /** The ids in the order that is kept, null while none is. */
  ids: string[] | null = null;
  private readonly rows = new Map<string, Row>();

  keep(ids: readonly string[], row: (id: string) => Row | undefined): void {
    this.ids = [...ids];
    for (const id of this.ids) {
      const found = row(id);
      if (found !== undefined) this.rows.set(id, found);
    }
  }

  release(): void {
    this.ids = null;
    this.rows.clear();
  }

  /** The last that was seen of a row that may have left. */
  row(id: string): Row | undefined {
    return this.rows.get(id);
  }

  /** Take a change of a row that is kept. */
  note(row: Row): void {
    if (this.rows.has(row.id)) this.rows.set(row.id, row);
  }

  /** How many rows would change places when released. */
  movedRows(wanted: () => readonly string[]): number {
    return this.ids === null ? 0 : moved(this.ids, wanted());
  }
}
