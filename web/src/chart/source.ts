/** Requests a token's candles again and again, and lets the last one go on with the live price between. */
import { start } from "../format/time";
import {
  goOn,
  INTERVAL_MS,
  joined,
  slots,
  type Candle,
  type CandlesAnswer,
  type Interval,
  type Slot,
} from "../model/candles";
import { problemOf, type HistoryProblem } from "../model/historyproblem";
import { tokenPath } from "../model/query";

export interface CandleSourceEvents {
  /** `fresh`: there is a new answer, so that all is to be drawn; else the last slot only. */
  onChange(fresh: boolean): void;
}

const LIMIT = 300;
const LIVE_MS = 250; // a commit comes each 200 ms
const AFTER_CLOSE_MS = 2_500; // until the recorder has written what closed
const AGAIN_MS = 60_000; // at most: late samples, and what another reader closed
const RETRY_MS = 10_000;

export class CandleSource {
  answer: CandlesAnswer | null = null;
  problem: HistoryProblem | null = null;
  slots: Slot[] = [];
  readonly step: number;
  private seen: Candle[] = []; // by this page, since the last answer
  private request: ReturnType<typeof setTimeout> | undefined;
  private readonly ticks: ReturnType<typeof setInterval>;
  private readonly abort = new AbortController();

  /** `price`: the live one, undefined while it is unknown or old; `now`: the server's clock (ms). */
  constructor(
    private readonly id: string,
    readonly interval: Interval,
    private readonly price: () => number | undefined,
    private readonly now: () => number,
    private readonly events: CandleSourceEvents,
  ) {
    this.step = INTERVAL_MS[interval];
    this.ticks = setInterval(() => this.tick(), LIVE_MS);
    void this.load();
  }

  stop(): void {
    clearTimeout(this.request);
    clearInterval(this.ticks);
    this.abort.abort();
  }

  private async load(): Promise<void> {
    let waitMs = RETRY_MS;
    try {
      const answer = await fetch(`${tokenPath(this.id)}/candles?interval=${this.interval}&limit=${LIMIT}`, {
        headers: { accept: "application/json" },
        signal: this.abort.signal,
      });
      if (answer.ok) {
        this.take((await answer.json()) as CandlesAnswer);
        waitMs = this.nextMs();
      } else this.problem = await problemOf(answer);
    } catch {
      if (this.abort.signal.aborted) return;
      this.problem = await problemOf(null);
    }
    if (this.abort.signal.aborted) return;
    this.events.onChange(true);
    if (this.problem === null || this.problem.again) this.request = setTimeout(() => void this.load(), waitMs);
  }

  /** How long until the interval that goes on now is closed and written (ms). */
  private nextMs(): number {
    const nowMs = this.now();
    return Math.min(AGAIN_MS, start(nowMs, this.step) + this.step - nowMs + AFTER_CLOSE_MS);
  }

  private take(answer: CandlesAnswer): void {
    this.answer = answer;
    this.problem = null;
    const last = answer.candles.at(-1)?.t ?? -Infinity;
    this.seen = this.seen.filter(({ t }) => t >= last);
    this.place();
  }

  private tick(): void {
    const live = this.price();
    if (this.answer === null || live === undefined || document.hidden) return;
    const before = this.slots.at(-1)?.candle ?? undefined;
    const candle = goOn(before, live, this.now(), this.step);
    if (before !== undefined && before.t === candle.t && before.c === candle.c && before.h === candle.h && before.l === candle.l) return;
    this.seen = [...this.seen.filter(({ t }) => t !== candle.t), candle];
    const isNext = before !== undefined && candle.t - before.t <= this.step;
    if (!isNext) this.place();
    else if (candle.t === before.t) this.slots = [...this.slots.slice(0, -1), { t: candle.t, candle, gap: null }];
    else this.slots = [...this.slots, { t: candle.t, candle, gap: null }];
    this.events.onChange(!isNext);
  }

  private place(): void {
    const { answer, seen } = this;
    if (answer !== null) this.slots = slots(answer, joined(answer.candles, seen), this.step, this.now());
  }
}
