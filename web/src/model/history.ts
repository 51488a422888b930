/** The prices that the page has seen since it was opened, for sparklines and the drawer's line. */
import type { Row } from "../client";

export interface Sample {
  ms: number;
  price: number;
}

/** A drawn line: "" while there is none. */
export interface Sparkline {
  path: string;
  trend: "up" | "down" | "flat";
}

export const NO_LINE: Sparkline = { path: "", trend: "flat" };

const SPARK_SAMPLES = 48;
const SPARK_EVERY_MS = 1_000; // changes within a second share a sample: the newest stays
const LINE_SAMPLES = 3_600;
const TOKENS = 5_000; // beyond, the token seen longest ago is forgotten

export class History {
  private readonly samples = new Map<string, Sample[]>();

  /** Note a row's price. */
  note(row: Row, nowMs: number): void {
    if (row.price === undefined) return;
    let line = this.samples.get(row.id);
    if (line === undefined) {
      if (this.samples.size >= TOKENS) this.samples.delete(this.samples.keys().next().value!);
      this.samples.set(row.id, (line = []));
    }
    const last = line.at(-1);
    if (last !== undefined && last.price === row.price) return;
    if (last !== undefined && line.length > 1 && nowMs - line.at(-2)!.ms < SPARK_EVERY_MS) {
      last.price = row.price;
      last.ms = nowMs;
      return;
    }
    line.push({ ms: nowMs, price: row.price });
    if (line.length > LINE_SAMPLES) line.splice(0, LINE_SAMPLES / 4);
  }

  line(id: string): readonly Sample[] {
    return this.samples.get(id) ?? [];
  }

  /** Return an SVG path over a box. */
  sparkline(id: string, width: number, height: number): Sparkline {
    const line = this.line(id).slice(-SPARK_SAMPLES);
    if (line.length < 2) return NO_LINE;
    const prices = line.map((sample) => sample.price);
    const low = Math.min(...prices);
    const span = Math.max(...prices) - low || 1;
    const step = width / (line.length - 1);
    const path = prices
      .map((price, index) => {
        const y = height - 1.5 - ((price - low) / span) * (height - 3);
        return `${index === 0 ? "M" : "L"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
      })
      .join("");
    return { path, trend: prices.at(-1)! >= prices[0]! ? "up" : "down" };
  }
}
