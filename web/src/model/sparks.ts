/** The last 24 hours of each token: closes that the server recorded, then the live price. */
import type { Row } from "../client";

/** A drawn line. `word` stands in its place: `new`, where nothing is recorded; "" while it is not known. */
export interface Sparkline {
  path: string; // of an SVG
  trend: "up" | "down" | "flat";
  word: "" | "new";
}

/** A row of `/discover?spark=24h`: one close an hour, the oldest first, the last is now's. */
export interface SparkRow extends Row {
  spark?: readonly (number | null)[] | null;
}

interface Spark {
  closes: readonly (number | null)[] | null; // null: nothing is recorded
  untilMs: number; // it is not requested again before
}

/** The box that lines are drawn into. */
export const SPARK_WIDTH = 84;
export const SPARK_HEIGHT = 24;
export const NO_LINE: Sparkline = { path: "", trend: "flat", word: "" };
const NEW: Sparkline = { path: "", trend: "flat", word: "new" };

const FRESH_MS = 600_000; // the line's hours move on; the live price is its end meanwhile
const NEW_MS = 15_000; // a past may still be filled in, as at the start of a demo
const AGAIN_MS = 10_000; // after so long a token that no answer had is requested again
const TOKENS = 5_000; // beyond, the token that was requested longest ago is forgotten

export class Sparks {
  /** Grows with each answer, so that what is drawn of them can be compared. */
  version = 0;
  private readonly known = new Map<string, Spark>();
  private readonly missed = new Map<string, number>(); // id → when no answer had it (ms)

  /** Keep what an answer has of these tokens. A row without `spark` says nothing. */
  learn(rows: Iterable<SparkRow>, nowMs: number): void {
    for (const { id, spark } of rows) {
      if (spark === undefined) continue;
      this.known.delete(id);
      if (this.known.size >= TOKENS) this.known.delete(this.known.keys().next().value!);
      const isNew = (spark?.filter((close) => close !== null).length ?? 0) < 2;
      this.known.set(id, { closes: spark, untilMs: nowMs + (isNew ? NEW_MS : FRESH_MS) });
      this.missed.delete(id);
    }
    this.version += 1;
  }

  /** Note tokens that were requested and not answered. */
  miss(ids: Iterable<string>, nowMs: number): void {
    if (this.missed.size >= TOKENS) this.missed.clear();
    for (const id of ids) this.missed.set(id, nowMs);
  }

  /** Whether a token is worth a request. */
  isWanted(id: string, nowMs: number): boolean {
    if (nowMs - (this.missed.get(id) ?? -Infinity) < AGAIN_MS) return false;
    return nowMs >= (this.known.get(id)?.untilMs ?? -Infinity);
  }

  /** The line of a token up to its live price. */
  line(id: string, price: number | undefined): Sparkline {
    const spark = this.known.get(id);
    if (spark === undefined) return NO_LINE;
    return spark.closes === null ? NEW : sparkline(spark.closes, price);
  }
}

/** Draw closes, the live price in the place of the last one. Hours without a close are left open. */
export function sparkline(
  closes: readonly (number | null)[],
  price: number | undefined,
  width = SPARK_WIDTH,
  height = SPARK_HEIGHT,
): Sparkline {
  const prices = [...closes];
  if (price !== undefined) prices[prices.length - 1] = price;
  const known = prices.filter((each) => each !== null);
  if (known.length < 2) return NEW;
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  const step = width / (prices.length - 1);
  const y = (value: number) => (span === 0 ? height / 2 : height - 1.5 - ((value - low) / span) * (height - 3));
  let path = "";
  prices.forEach((value, at) => {
    if (value === null) return;
    const place = `${(at * step).toFixed(1)} ${y(value).toFixed(1)}`;
    const begins = (prices[at - 1] ?? null) === null;
    const alone = begins && (prices[at + 1] ?? null) === null;
    path += begins ? `M${place}${alone ? "h.1" : ""}` : `L${place}`; // a close alone is a dot
  });
  const change = known.at(-1)! - known[0]!;
  return { path, trend: change > 0 ? "up" : change < 0 ? "down" : "flat", word: "" };
}
