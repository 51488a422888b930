/**
 * The client's rule of `discover.v1`, complete and pure: frames in, exact rows out. Values are
 * absolute, so a frame that comes twice does no harm. Checked by tests/vectors/stream.
 */
import type { Beat, Delta, Events, Frame, Occurrence, Patch, Row, Snap } from "./messages";

/** What a client holds of one topic. `ids` is the order of a list, null for topics without one. */
export interface TopicState {
  epoch: string; // of the rows, which may still be shown after the next one began
  rows: Map<string, Row>;
  ids: readonly string[] | null;
}

/** What one frame did. `resume`: send a resume message, something was missed. */
export type Effect =
  | { kind: "none" }
  | { kind: "resume" }
  | { kind: "snap"; topic: string }
  | { kind: "diff"; topic: string; changed: string[] }
  | { kind: "events"; topic: string; events: Occurrence[] };

type Part = Snap | Delta | Events;

const NONE: Effect = { kind: "none" };
const RESUME: Effect = { kind: "resume" };

export class StreamState {
  epoch = "";
  /** The version that each topic is at (L in the protocol). */
  readonly versions = new Map<string, number>();
  readonly topics = new Map<string, TopicState>();
  private readonly parts = new Map<string, Part[]>();

  /** Take one frame. */
  receive(frame: Frame): Effect {
    switch (frame.t) {
      case "snap":
        return this.onSnap(frame);
      case "d":
        return this.onDiff(frame);
      case "ev":
        return this.onEvents(frame);
      case "hb":
        return this.onHeartbeat(frame);
      default:
        return NONE;
    }
  }

  /** Begin a topic from a page of `GET /discover` of the same query and length. */
  seed(topic: string, epoch: string, version: number, rows: Row[]): boolean {
    if (this.versions.has(topic) || (this.versions.size > 0 && epoch !== this.epoch)) return false;
    this.epoch = epoch;
    this.versions.set(topic, version);
    this.topics.set(topic, { epoch, rows: byId(rows), ids: rows.map((row) => row.id) });
    return true;
  }

  /** Forget a topic: frames of it that are still on the way are ignored. */
  forget(topic: string): void {
    this.versions.delete(topic);
    this.topics.delete(topic);
    this.parts.delete(topic);
  }

  /** What is held of a topic counts no more; its rows can be shown until its next snapshot. */
  invalidate(topic: string): void {
    this.versions.delete(topic);
    this.parts.delete(topic);
  }

  /** Drop what was collected of split messages: the connection ended within. */
  forgetParts(): void {
    this.parts.clear();
  }

  private onSnap(frame: Snap): Effect {
    if (frame.e !== this.epoch) {
      this.versions.clear();
      this.epoch = frame.e;
    }
    const parts = this.collect(frame) as Snap[] | null;
    if (parts === null) return NONE;
    const rows = byId(parts.flatMap((part) => part.rows));
    const ids = joined(parts.map((part) => part.ids));
    this.topics.set(frame.k, { epoch: frame.e, rows, ids });
    this.versions.set(frame.k, frame.v);
    return { kind: "snap", topic: frame.k };
  }

  private onDiff(frame: Delta): Effect {
    const held = this.versions.get(frame.k);
    if (held === undefined || frame.v <= held) return NONE;
    if (frame.pv > held) return RESUME;
    const parts = this.collect(frame) as Delta[] | null;
    if (parts === null) return NONE;
    const changed = this.apply(frame.k, parts);
    if (changed === null) {
      this.versions.delete(frame.k); // a change of a row that we do not have: request all of it
      return RESUME;
    }
    this.versions.set(frame.k, frame.v);
    return { kind: "diff", topic: frame.k, changed };
  }

  private onEvents(frame: Events): Effect {
    const held = this.versions.get(frame.k);
    if (held === undefined || frame.v <= held) return NONE;
    if (frame.pv > held) return RESUME;
    const parts = this.collect(frame) as Events[] | null;
    if (parts === null) return NONE;
    this.versions.set(frame.k, frame.v);
    const events = parts.flatMap((part) => part.ev ?? []).filter((event) => versionOf(event) > held);
    return { kind: "events", topic: frame.k, events };
  }

  private onHeartbeat(frame: Beat): Effect {
    if (frame.e !== this.epoch) return RESUME;
    for (const [topic, held] of this.versions) this.versions.set(topic, Math.max(held, frame.v));
    return NONE;
  }

  /** Return all parts of a message once its last has come. */
  private collect(frame: Part): Part[] | null {
    let parts = this.parts.get(frame.k) ?? [];
    const first = parts[0];
    if (first !== undefined && (first.t !== frame.t || first.v !== frame.v)) parts = [];
    parts.push(frame);
    if (frame.more) {
      this.parts.set(frame.k, parts);
      return null;
    }
    this.parts.delete(frame.k);
    return parts;
  }

  private apply(topic: string, parts: Delta[]): string[] | null {
    const state = this.topics.get(topic);
    if (state === undefined) return null;
    const { rows } = state;
    const changed: string[] = [];
    for (const part of parts) {
      for (const change of part.set ?? []) {
        const row = rows.get(change.id);
        if (row === undefined) return null;
        rows.set(change.id, patched(row, change));
        changed.push(change.id);
      }
      for (const row of part.add ?? []) {
        rows.set(row.id, row);
        changed.push(row.id);
      }
      for (const id of part.del ?? []) rows.delete(id);
    }
    const ids = joined(parts.map((part) => part.ids));
    if (ids !== null) {
      state.ids = ids;
      const members = new Set(ids);
      for (const id of rows.keys()) if (!members.has(id)) rows.delete(id);
    }
    return changed;
  }
}

/** Return a new row: rows never change, so that `before !== after` shows that something did. */
function patched(row: Row, change: Patch): Row {
  const merged: Record<string, unknown> = { ...row };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else merged[name] = value;
  }
  return merged as unknown as Row;
}

function byId(rows: Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}

/** The version that an event belongs to: a folded message may repeat what was received. */
function versionOf(event: Occurrence): number {
  return Number.parseInt(event.i, 10);
}

/** Join the id orders of the parts of one message; null when no part has one. */
function joined(orders: (readonly string[] | undefined)[]): string[] | null {
  const given = orders.filter((order) => order !== undefined);
  return given.length > 0 ? given.flat() : null;
}
