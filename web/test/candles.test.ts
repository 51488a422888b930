/** What is drawn of candles, and in which words: gaps, the live end, marks. */
import { expect, test } from "vitest";
import { goOn, joined, marks, slotLines, slots, spans, summary, volumeWords, type Candle, type Gap } from "../src/model/candles";

const MINUTE = 60_000;
const T = Date.UTC(2026, 10, 27, 14, 0);
const candle = (minute: number, news: Partial<Candle> = {}): Candle => ({ t: T + minute * MINUTE, o: 1, h: 2, l: 0.5, c: 1.5, n: 12, ...news });
const gap = (from: number, to: number, kind: Gap["kind"], why?: string): Gap => ({ from_ms: T + from * MINUTE, to_ms: T + to * MINUTE, kind, ...(why === undefined ? {} : { why }) });
const title = (source: string) => source.toUpperCase();

test("each interval has its place, and one without a candle says which kind of nothing it is", () => {
  const gaps = [gap(1, 4, "unseen"), gap(3, 4, "outage", "dexscreener was down"), gap(5, 6, "not_recorded")];
  const all = slots({ gaps }, [candle(0), candle(4), candle(6)], MINUTE, T + 7.5 * MINUTE);

  expect(all.map((slot) => slot.candle?.n ?? slot.gap?.kind ?? "still open")).toEqual([
    12, "unseen", "unseen", "outage", 12, "not_recorded", 12, "still open",
  ]);
  expect(spans(all)).toEqual([
    { from: T + MINUTE, to: T + 2 * MINUTE, kind: "unseen", why: "this token was not looked at then" },
    { from: T + 3 * MINUTE, to: T + 3 * MINUTE, kind: "outage", why: "dexscreener was down" },
    { from: T + 5 * MINUTE, to: T + 5 * MINUTE, kind: "not_recorded", why: "this token had no candles of this length then" },
  ]);
});

test("the live price stretches the last candle, and begins the next when its interval does", () => {
  expect(goOn(candle(0), 3, T + 59_000, MINUTE)).toEqual(candle(0, { h: 3, c: 3, closed: false }));
  expect(goOn(candle(0), 3, T + 60_000, MINUTE)).toEqual({ t: T + MINUTE, o: 3, h: 3, l: 3, c: 3, n: 0, closed: false });
});

test("an answer wins over what the page has seen, but for the end that still goes on", () => {
  const seen = [candle(0, { h: 9 }), candle(1, { h: 8, c: 7 }), candle(2, { h: 6 })];

  expect(joined([candle(0, { closed: true }), candle(1, { closed: false })], seen)).toEqual([
    candle(0, { closed: true }),
    candle(1, { closed: false, h: 8, c: 7 }),
    candle(2, { h: 6 }),
  ]);
});

test("alerts and the graduation are marked at their intervals, what is older is left out", () => {
  const all = slots({ gaps: [] }, [candle(0), candle(1)], MINUTE, T + MINUTE);
  const alert = (at_ms: number, type: string, rest = {}) => ({ i: `${at_ms}.0`, id: "a", type, at_ms, ...rest });

  expect(
    marks([alert(T + 70_000, "price", { w: "5m", chg: 31.4, dir: "up" }), alert(T - 1, "volume"), alert(T + 5, "graduated")], T + 30_000, T + 40_000, all, MINUTE),
  ).toEqual([
    { t: T, ms: T + 30_000, kind: "event", words: "graduated" },
    { t: T, ms: T + 40_000, kind: "event", words: "as of" },
    { t: T + MINUTE, ms: T + 70_000, kind: "up", words: "price 5m ▲ +31.40%" },
  ]);
});

test("the tooltip says of a candle who gave it, how much of it is fresh, and what is doubtful", () => {
  const words = (news: Partial<Candle>) =>
    slotLines({ t: T, candle: candle(0, news), gap: null }, [], title).map((line) => `${line.tone === "warn" ? "! " : ""}${line.words}`);

  expect(words({ by: "jupiter", mixed: true, cover: 0.32, volume: 1_500, liquidity: 20_000 })).toEqual([
    "open $1.00  high $2.00",
    "low $0.5000  close $1.50",
    "▲ +50.00%",
    "12 samples by JUPITER",
    "! mixed: the source changed within",
    "! fresh prices for 32% of the interval",
    "volume $1.50K",
    "liquidity $20.0K  cap –",
  ]);
  expect(words({ kind: "flat", c: 1, cover: 1 })).toContain("flat: looked at, unchanged");
  expect(words({ origin: "geckoterminal:POOL" })).toContain("! filled in from GECKOTERMINAL, pool POOL");
  expect(words({ origin: "replay" })).toContain("! filled in from the replayed market");
  expect(words({ cover: 0.004, closed: false })).toContain("fresh prices for <1% of the interval");
  expect(words({ cover: 0.9 })).toContain("fresh prices for 90% of the interval");
});

test("the chart is there in words, with its gaps and what is doubtful", () => {
  const all = slots({ gaps: [gap(1, 3, "outage", "redis was restarted")] }, [candle(0), candle(3, { cover: 0.1, mixed: true })], MINUTE, T + 3 * MINUTE);

  expect(summary("1m", all, MINUTE)).toBe(
    "2 candles of 1m from 27 Nov 14:00 UTC to 27 Nov 14:04 UTC, sampled. First $1.00, highest seen $2.00, lowest seen $0.5000, " +
      "now $1.50. 27 Nov 14:01 UTC, outage for 2m 00s: redis was restarted. 1 mixes sources. " +
      "1 has fresh prices for less than half of the time.",
  );
  expect(summary("1m", [], MINUTE)).toBe("No candles.");
});

test("what the volume bars are is named, also where there are none", () => {
  expect(volumeWords(null)).toBe("No volume: sources give none for a minute.");
  expect(volumeWords("sum_of_3_trailing_5m")).toBe("Volume: the sum of three volumes of 5 minutes, each read near its close.");
});
