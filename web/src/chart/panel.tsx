/** A token's candles in the drawer: the interval, what they are, the chart, and all of it in words. */
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import { age } from "../format/number";
import { moment } from "../format/time";
import {
  GAP_KINDS,
  GAP_NAMES,
  INTERVAL_MS,
  INTERVALS,
  isThin,
  marks,
  NO_WHY,
  originWords,
  share,
  slotLines,
  spans,
  summary,
  volumeWords,
  type Interval,
  type Mark,
  type PastAlert,
  type Slot,
} from "../model/candles";
import { titleOf } from "../model/links";
import { keep, kept } from "../model/store";
import { drawCandles, type CandleChart } from "./chart";
import { CandleSource } from "./source";
import { CandleTable } from "./table";

interface Props {
  app: App;
  id: string;
  alerts: readonly PastAlert[];
}

const KEY = "dexwire:interval";
const USUAL: Interval = "5m";
const ZOOM = 1.5;

interface Pointed {
  t: number;
  half: "left" | "right";
}

export function CandlePanel({ app, id, alerts }: Props) {
  const [interval, choose] = useState<Interval>(() => INTERVALS.find((each) => each === kept(KEY)) ?? USUAL);
  return (
    <figure class="candles">
      <div class="switch" role="group" aria-label="Interval of the candles">
        {INTERVALS.map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={each === interval}
            onClick={() => {
              keep(KEY, each);
              choose(each);
            }}
          >
            {each}
          </button>
        ))}
      </div>
      <p class="basis muted">
        <b>Sampled</b>: made of the prices that this server committed, not of trades. The true high may be higher, the true low lower.
      </p>
      <Candles key={interval} app={app} id={id} alerts={alerts} interval={interval} />
    </figure>
  );
}

function Candles({ app, id, alerts, interval }: Props & { interval: Interval }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<CandleChart | null>(null);
  const source = useRef<CandleSource | null>(null);
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const all = source.current?.slots ?? [];
  const here = useMarks(app, id, alerts, all, source.current?.step ?? 1);
  const latest = useRef(here);
  latest.current = here;

  useEffect(() => {
    let isFirst = true;
    const drawn = (chart.current = drawCandles(place.current!, {
      onPoint: (t, half) => setPointed((before) => (t === null ? null : before?.t === t && before.half === half ? before : { t, half })),
    }));
    const price = () => {
      const row = app.openRow();
      return row === undefined || row.stale === true || app.openGoneMs !== null ? undefined : row.price;
    };
    const made = (source.current = new CandleSource(id, interval, price, () => app.now(), {
      onChange: (fresh) => {
        if (fresh) drawn.show(made.slots, latest.current, isFirst && made.answer !== null);
        else drawn.goOn(made.slots.at(-1)!);
        if (made.answer !== null) isFirst = false;
        redraw(undefined);
      },
    }));
    return () => {
      made.stop();
      drawn.remove();
    };
  }, [app, id, interval]);
  useLook(app, chart);
  const markKey = here.map(({ ms, words }) => `${ms} ${words}`).join();
  useEffect(() => {
    if (all.length > 0) chart.current?.show(all, here, false);
  }, [markKey]);

  const { answer, problem } = source.current ?? { answer: null, problem: null };
  const title = (name: string) => titleOf(app.state.config?.sources ?? [], name);
  const at = all.findIndex(({ t }) => t === pointed?.t);
  const slot = at < 0 ? undefined : all[at];
  const lines = slot === undefined ? [] : slotLines(slot, here.filter(({ t }) => t === slot.t), title);
  const point = (index: number) => {
    const next = all[Math.min(all.length - 1, Math.max(0, index))];
    if (next === undefined) return;
    chart.current?.point(next);
    setPointed({ t: next.t, half: index > all.length / 2 ? "right" : "left" });
  };
  return (
    <>
      <div
        class="plot"
        role="slider"
        tabIndex={0}
        aria-label={`Candles of ${interval}`}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, all.length - 1)}
        aria-valuenow={at < 0 ? Math.max(0, all.length - 1) : at}
        aria-valuetext={slot === undefined ? "the arrow keys read one candle after another" : [moment(slot.t), ...lines.map(({ words }) => words)].join(", ")}
        onKeyDown={(event) => {
          if (press(event, at < 0 ? all.length - 1 : at, all.length, point, (factor) => chart.current?.zoom(factor))) {
            event.preventDefault();
            event.stopPropagation(); // the list would take the next row, the board the next column
          }
        }}
        onBlur={() => {
          chart.current?.point(null);
          setPointed(null);
        }}
      >
        <div class="canvas" ref={place} />
        {slot !== undefined && (
          <div class="tip" data-half={pointed!.half} aria-hidden="true">
            <b>{moment(slot.t)}</b>
            {lines.map(({ words, tone }) => (
              <span key={words} data-tone={tone}>
                {words}
              </span>
            ))}
          </div>
        )}
        {all.length === 0 && (
          <p class="nothing muted">{problem === null ? (answer === null ? "Loading…" : nothing(interval)) : ""}</p>
        )}
        {problem !== null && (
          <p class={all.length === 0 ? "nothing" : "wrong"} role="status">
            {problem.words}
          </p>
        )}
      </div>
      <figcaption class="muted">
        {answer?.candles.length === 0 && all.length > 0 && `${nothing(interval)} `}
        <Caption slots={all} basis={answer?.volume_basis} title={title} />
        {answer?.coverage != null && (
          <span>
            Recorded since {moment(answer.coverage.from_ms)}; fresh prices for {share(answer.coverage.share)} of {age(answer.to_ms - answer.from_ms)}.{" "}
          </span>
        )}
        Times are UTC. Chart by{" "}
        <a href="https://www.tradingview.com/" target="_blank" rel="noopener noreferrer">
          TradingView
        </a>{" "}
        Lightweight Charts™, © 2025 TradingView, Inc.
      </figcaption>
      <p class="hidden">{summary(interval, all, source.current?.step ?? 1)}</p>
      {all.length > 0 && <CandleTable slots={all} marks={here} title={title} />}
    </>
  );
}

function nothing(interval: Interval): string {
  if (INTERVAL_MS[interval] >= INTERVAL_MS["1h"]) return "Nothing is recorded of this token yet.";
  return `No candle of ${interval} is recorded yet: minutes are kept of the hottest tokens. 1h is kept of all.`;
}

/** What the signs of the chart mean, those that are there. */
function Caption({ slots, basis, title }: { slots: readonly Slot[]; basis: string | null | undefined; title(source: string): string }) {
  const found = spans(slots);
  const origins = new Set(slots.flatMap(({ candle }) => (candle?.origin == null ? [] : [originWords(candle.origin, title)])));
  return (
    <span class="signs">
      {GAP_KINDS.filter((kind) => found.some((each) => each.kind === kind)).map((kind) => (
        <span key={kind}>
          <i class="shade" data-kind={kind} aria-hidden="true" /> {GAP_NAMES[kind]}: {NO_WHY[kind]}.{" "}
        </span>
      ))}
      {slots.some(({ candle }) => candle !== null && isThin(candle)) && <span>Hollow: fresh prices for less than half of the interval. </span>}
      {origins.size > 0 && <span>Pale: not sampled, filled in from {[...origins].join(" and ")}. </span>}
      {basis !== undefined && <span>{volumeWords(basis)} </span>}
    </span>
  );
}

/** The marks of the slots: alerts, the open row's graduation, the time that the list is shown of. */
function useMarks(app: App, id: string, alerts: readonly PastAlert[], all: readonly Slot[], step: number): readonly Mark[] {
  const row = app.openRow();
  if (all.length === 0) return [];
  return marks(alerts, row?.id === id ? row.graduated_ms : undefined, app.state.query.at ?? undefined, all, step);
}

/** Draw in other colours when others are chosen. */
function useLook(app: App, chart: { current: CandleChart | null }): void {
  const look = `${app.state.theme} ${app.state.palette}`;
  useEffect(() => chart.current?.look(), [look]);
}

/** Act on a key over the chart; return whether it was one of ours. */
function press(event: KeyboardEvent, at: number, count: number, point: (index: number) => void, zoom: (factor: number) => void): boolean {
  const places: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    PageUp: at - 10,
    PageDown: at + 10,
    Home: 0,
    End: count - 1,
  };
  const place = places[event.key];
  if (place !== undefined) point(place);
  else if (event.key === "+" || event.key === "=") zoom(1 / ZOOM);
  else if (event.key === "-") zoom(ZOOM);
  else return false;
  return true;
}
