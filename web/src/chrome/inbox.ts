/** The alerts that the page was sent, the newest first, with the names of their tokens. */
import type { Occurrence, Row } from "../client";
import { Names } from "../model/names";
import type { Store } from "../model/store";
import { beep } from "./beep";
import type { ChromeState } from "./state";

const KEPT = 200;

export class Inbox {
  private readonly names = new Names();

  constructor(
    private readonly store: Store<ChromeState>,
    private readonly row: (id: string) => Row | undefined,
  ) {}

  /** Take alerts of the stream: show, name and sound them. */
  add(events: Occurrence[]): void {
    const seenMs = Date.now();
    const fresh = events.map((event) => ({ ...event, seenMs, ...this.names.of(event.id, this.row(event.id)) }));
    const unread = this.store.value.panel === "alerts" ? 0 : this.store.value.unread + fresh.length;
    this.store.set({ alerts: [...fresh.reverse(), ...this.store.value.alerts].slice(0, KEPT), unread });
    if (this.store.value.sound) beep();
    for (const { id, ticker, name } of fresh) if (ticker === "" && name === "") void this.name(id);
  }

  /** Give the alerts of a token that no list here shows its name, as soon as the server has answered. */
  private async name(id: string): Promise<void> {
    const named = await this.names.ask(id);
    if (named === null) return;
    this.store.set({ alerts: this.store.value.alerts.map((alert) => (alert.id === id ? { ...alert, ...named } : alert)) });
  }
}
