/** The order of the rows, held by a key or a resting pointer while values still tick, and let go. */
import type { App } from "../app";
import type { ColumnKey } from "../model/columns";
import type { Market } from "../model/market";

export class Hold {
  constructor(private readonly app: App) {}

  toggle(): void {
    const { app } = this;
    if (app.isPast) return; // nothing moves
    const paused = !app.state.paused;
    app.store.set({ paused });
    if (app.state.query.view === "board") app.board?.hold(paused);
    else if (paused) app.market?.freeze();
    else app.market?.release();
    app.changed();
  }

  /** Let the rows go where they belong, also under a resting pointer. */
  settle(): void {
    this.app.store.set({ paused: false });
    if (this.app.state.query.view === "board") this.app.board?.hold(false);
    else this.app.market?.release();
    this.app.changed();
  }

  settleColumn(key: ColumnKey): void {
    this.app.store.set({ paused: false });
    this.app.board?.lists[key].release();
    this.app.changed();
  }

  /** A pointer rests over the rows, or no longer does. */
  rest(resting: boolean): void {
    this.restOver(this.app.market, resting);
  }

  /** A pointer rests over the cards of a column, or no longer does. */
  restColumn(key: ColumnKey, resting: boolean): void {
    this.restOver(this.app.board?.lists[key], resting);
  }

  private restOver(list: Market | null | undefined, resting: boolean): void {
    if (this.app.state.paused || this.app.isPast) return;
    if (resting) list?.freeze();
    else if (list?.isFrozen) list.release();
    this.app.changed();
  }
}
