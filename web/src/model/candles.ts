/** A token's candles as the server recorded them: what is drawn in which place, and in which words. Pure. */
import type { Occurrence } from "../client";
import { age, amount, percent, price } from "../format/number";
import { clock, moment, start } from "../format/time";

export const INTERVALS = ["1m", "5m", "15m", "1h", "4h", "1d"] as const;
export type Interval = (typeof INTERVALS)[number];
const MINUTE_MS = 60_000;
export const INTERVAL_MS: Readonly<Record<Interval, number>> = {
  "1m": MINUTE_MS,
  "5m": 5 * MINUTE_MS,
  "15m": 15 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "4h": 240 * MINUTE_MS,
  "1d": 1_440 * MINUTE_MS,
};

/** Samples of the committed price within an interval that begins at `t` (ms). */
export interface Candle {
  t: number;
  o: number;
  h: number;
  l: number;
  c: number;
  n: number; // samples
  by?: string | null; // the source that gave the price
  mixed?: boolean; // it was another one at times
  cover?: number | null; // share of the interval with a fresh price
  liquidity?: number | null;
  market_cap?: number | null;
  volume?: number | null;
  closed?: boolean;
  kind?: string; // `seen`, `flat`
  origin?: string | null; // where it was filled in from: `<source>:<pool>`
}

/** `not_recorded`: the token was not hot enough then for candles of this length. */
export const GAP_KINDS = ["unseen", "outage", "not_recorded"] as const;
export type GapKind = (typeof GAP_KINDS)[number];

export interface Gap {
  from_ms: number;
  to_ms: number;
  kind: GapKind;
  why?: string | null;
}

export interface CandlesAnswer {
  interval: string;
  from_ms: number;
  to_ms: number;
  volume_basis: string | null;
  coverage: { from_ms: number; to_ms: number; tier: string; share: number } | null;
  candles: Candle[];
  gaps: Gap[];
}

/** An interval in its place: a candle, or why there is none. `gap` null: it may still come. */
export interface Slot {
  t: number;
  candle: Candle | null;
  gap: Gap | null;
}

/** Neighbouring intervals without a candle, for the same reason. */
export interface Span {
  from: number; // `t` of the first and of the last
  to: number;
  kind: GapKind;
  why: string;
}

/** What happened at a time. */
export interface Mark {
  t: number; // of the interval
  ms: number;
  kind: "up" | "down" | "event";
  words: string;
}

const LOW_COVER = 0.5; // below, a closed candle is drawn hollow
const FULL_COVER = 0.995;
const SLOTS_MAX = 2_000; // what is older is left out
export const NO_WHY: Readonly<Record<GapKind, string>> = {
  unseen: "this token was not looked at then",
  outage: "a source or this server was down",
  not_recorded: "this token had no candles of this length then",
};
export const GAP_NAMES: Readonly<Record<GapKind, string>> = { unseen: "unseen", outage: "outage", not_recorded: "not recorded" };

/** Whether few fresh prices made a candle; one that goes on has no more yet. */
export function isThin({ cover, closed }: Candle): boolean {
  return cover != null && cover < LOW_COVER && closed !== false;
}

/** A share in as few digits as say it. */
export function share(of: number): string {
  return of < 0.01 ? "<1%" : `${Math.round(of * 100)}%`;
}

/** Every interval from the first candle on, also those without one, the oldest first. */
export function slots({ gaps }: Pick<CandlesAnswer, "gaps">, candles: readonly Candle[], step: number, nowMs: number): Slot[] {
  const last = candles.at(-1);
  if (last === undefined) return [];
  const end = Math.max(last.t, start(nowMs, step));
  const first = Math.max(candles[0]!.t, end - (SLOTS_MAX - 1) * step);
  const byTime = new Map(candles.map((candle) => [candle.t, candle]));
  const found: Slot[] = [];
  for (let t = first; t <= end; t += step) {
    const candle = byTime.get(t) ?? null;
    found.push({ t, candle, gap: candle === null ? gapOf(gaps, t, t + step, t === end) : null });
  }
  return found;
}

/** Why an interval has no candle: an outage explains more than that nobody looked. */
function gapOf(gaps: readonly Gap[], from: number, to: number, isNow: boolean): Gap | null {
  const within = gaps.filter((gap) => gap.from_ms < to && gap.to_ms > from);
  const found = within.find(({ kind }) => kind === "outage") ?? within[0];
  if (found !== undefined) return found;
  return isNow ? null : { from_ms: from, to_ms: to, kind: "unseen" };
}

/** The gaps among slots, each as long as it lasts. */
export function spans(all: readonly Slot[]): Span[] {
  const found: Span[] = [];
  let open: Span | null = null;
  for (const { t, gap } of all) {
    const why = gap === null ? "" : (gap.why ?? NO_WHY[gap.kind]);
    if (gap !== null && open?.kind === gap.kind && open.why === why) open.to = t;
    else if (gap === null) open = null;
    else found.push((open = { from: t, to: t, kind: gap.kind, why }));
  }
  return found;
}

/** The candle that goes on with the live price: `last` while its interval lasts, else a new one. */
export function goOn(last: Candle | undefined, live: number, nowMs: number, step: number): Candle {
  const t = start(nowMs, step);
  if (last === undefined || last.t < t) {
    return { t, o: live, h: live, l: live, c: live, n: 0, closed: false };
  }
  return { ...last, h: Math.max(last.h, live), l: Math.min(last.l, live), c: live, closed: false };
}

/** An answer's candles, and those that this page has seen go on since. */
export function joined(answered: readonly Candle[], seen: readonly Candle[]): Candle[] {
  const own = new Map(seen.map((candle) => [candle.t, candle]));
  const last = answered.at(-1)?.t ?? -Infinity;
  const known = answered.map((candle) => {
    const mine = candle.closed === false ? own.get(candle.t) : undefined;
    return mine === undefined ? candle : { ...candle, h: Math.max(candle.h, mine.h), l: Math.min(candle.l, mine.l), c: mine.c };
  });
  return [...known, ...seen.filter(({ t }) => t > last)];
}

// -- marks ----------------------------------------------------------------------------------------
/** An alert with its time, as the server keeps it. */
export interface PastAlert extends Occurrence {
  at_ms?: number;
}

/** The alerts, the graduation and the time of the list within the slots, each at its interval. */
export function marks(
  alerts: readonly PastAlert[],
  graduatedMs: number | undefined,
  listedMs: number | undefined,
  all: readonly Slot[],
  step: number,
): Mark[] {
  const first = all[0]?.t ?? Infinity;
  const end = (all.at(-1)?.t ?? -Infinity) + step;
  const found: Mark[] = [];
  const add = (ms: number | undefined, kind: Mark["kind"], words: string) => {
    if (ms !== undefined && ms >= first && ms < end) found.push({ t: start(ms, step), ms, kind, words });
  };
  for (const alert of alerts) {
    if (alert.type === "graduated" && graduatedMs !== undefined) continue; // marked below
    add(alert.at_ms, alert.chg === undefined ? "event" : alert.dir === "down" ? "down" : "up", alertWords(alert));
  }
  add(graduatedMs, "event", "graduated");
  add(listedMs, "event", "as of");
  return found.sort((a, b) => a.ms - b.ms);
}

/** `price 5m ▲ +31.40%`, `graduated`. */
export function alertWords({ type, w, chg }: Occurrence): string {
  return [type, w, chg === undefined ? undefined : percent(chg)].filter((word) => word !== undefined).join(" ");
}

// -- words ----------------------------------------------------------------------------------------
const BASIS: Readonly<Record<string, string>> = {
  trailing_5m: "a source’s volume of 5 minutes, read near the close",
  trailing_1h: "a source’s volume of an hour, read near the close",
  sum_of_3_trailing_5m: "the sum of three volumes of 5 minutes, each read near its close",
  sum_of_4_trailing_1h: "the sum of four volumes of an hour, each read near its close",
  trailing_24h: "a source’s volume of 24 hours, read near the close",
};

/** What the volume bars are, in words. */
export function volumeWords(basis: string | null): string {
  if (basis === null) return "No volume: sources give none for a minute.";
  return `Volume: ${BASIS[basis] ?? basis.replaceAll("_", " ")}.`;
}

export interface Line {
  words: string;
  tone?: "warn" | "up" | "down";
}

/** What the tooltip says of a slot, line by line; `title` names a source for people. */
export function slotLines(slot: Slot, here: readonly Mark[], title: (source: string) => string): Line[] {
  const said = slot.candle === null ? gapLines(slot.gap) : candleLines(slot.candle, title);
  return [...said, ...here.map(({ words, ms }): Line => ({ words: `${clock(ms)} ${words}` }))];
}

function gapLines(gap: Gap | null): Line[] {
  if (gap === null) return [{ words: "nothing yet" }];
  return [{ words: `${GAP_NAMES[gap.kind]}: ${gap.why ?? NO_WHY[gap.kind]}`, tone: "warn" }];
}

function candleLines(candle: Candle, title: (source: string) => string): Line[] {
  const { o, h, l, c, n, by, mixed, cover, volume, liquidity, market_cap: cap, kind, origin } = candle;
  const change = o > 0 ? ((c - o) / o) * 100 : undefined;
  const lines: Line[] = [
    { words: `open ${price(o)}  high ${price(h)}` },
    { words: `low ${price(l)}  close ${price(c)}` },
  ];
  if (kind === "flat") lines.push({ words: "flat: looked at, unchanged" });
  else if (change !== undefined) lines.push({ words: percent(change), tone: change < 0 ? "down" : "up" });
  if (origin != null) lines.push({ words: `filled in from ${originWords(origin, title)}`, tone: "warn" });
  else if (n > 0) lines.push({ words: `${n} ${n === 1 ? "sample" : "samples"}${by == null ? "" : ` by ${title(by)}`}` });
  if (mixed === true) lines.push({ words: "mixed: the source changed within", tone: "warn" });
  if (cover != null && cover < FULL_COVER) {
    const words = `fresh prices for ${share(cover)} of the interval`;
    lines.push(isThin(candle) ? { words, tone: "warn" } : { words });
  }
  if (volume != null) lines.push({ words: `volume ${amount(volume)}` });
  if (liquidity != null || cap != null) lines.push({ words: `liquidity ${amount(liquidity)}  cap ${amount(cap)}` });
  if (candle.closed === false) lines.push({ words: "goes on" });
  return lines;
}

/** Where a candle was filled in from, for people. */
export function originWords(origin: string, title: (source: string) => string): string {
  const [source = "", pool] = origin.split(":");
  if (pool !== undefined) return `${title(source)}, pool ${pool}`;
  return source === "replay" ? "the replayed market" : title(source);
}

/** The whole chart in a few sentences, for those who do not see it. */
export function summary(interval: string, all: readonly Slot[], step: number): string {
  const candles = all.map(({ candle }) => candle).filter((candle) => candle !== null);
  const first = candles[0];
  const last = candles.at(-1);
  if (first === undefined || last === undefined) return "No candles.";
  const count = (many: number, one: string, some: string) => `${many} ${many === 1 ? one : some}`;
  const sentences = [
    `${count(candles.length, "candle", "candles")} of ${interval} from ${moment(first.t)} to ${moment(last.t + step)}, sampled.`,
    `First ${price(first.o)}, highest seen ${price(Math.max(...candles.map(({ h }) => h)))}, ` +
      `lowest seen ${price(Math.min(...candles.map(({ l }) => l)))}, now ${price(last.c)}.`,
    ...spans(all).map(({ from, to, kind, why }) => `${moment(from)}, ${GAP_NAMES[kind]} for ${age(to - from + step)}: ${why}.`),
  ];
  const flat = candles.filter(({ kind }) => kind === "flat").length;
  const mixed = candles.filter((candle) => candle.mixed === true).length;
  const low = candles.filter(isThin).length;
  const foreign = candles.filter(({ origin }) => origin != null).length;
  if (foreign > 0) sentences.push(`${count(foreign, "was", "were")} filled in, not sampled.`);
  if (flat > 0) sentences.push(`${count(flat, "is", "are")} flat.`);
  if (mixed > 0) sentences.push(`${count(mixed, "mixes", "mix")} sources.`);
  if (low > 0) sentences.push(`${count(low, "has", "have")} fresh prices for less than half of the time.`);
  return sentences.join(" ");
}
