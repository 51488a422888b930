/** The chart library behind a few functions. This module and the library are loaded when a drawer opens. */
import {
  CandlestickSeries,
  ColorType,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
  TickMarkType,
  type CandlestickData,
  type HistogramData,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from "lightweight-charts";
import { priceOnScale } from "../format/number";
import { clock, day, moment } from "../format/time";
import { isThin, spans, type Mark, type Slot } from "../model/candles";
import { seconds, Shading } from "./shading";

export interface CandleChart {
  /** Draw all slots; `fit`: and bring the newest into view. */
  show(slots: readonly Slot[], marks: readonly Mark[], fit: boolean): void;
  /** Draw the last slot again, or a new one. */
  goOn(slot: Slot): void;
  /** Take the colours of the page as they are now. */
  look(): void;
  /** Point at a slot, as the pointer does; null: at none. */
  point(slot: Slot | null): void;
  zoom(factor: number): void;
  remove(): void;
}

export interface ChartEvents {
  /** The pointer is over an interval (ms), in the left or right half of the chart; null: over none. */
  onPoint(t: number | null, half: "left" | "right"): void;
}

const IN_VIEW = 90; // slots, at first
const LEAST_IN_VIEW = 12;

interface Colours {
  up: string;
  down: string;
  upSoft: string;
  downSoft: string;
  muted: string;
  accent: string;
  warn: string;
}

export function drawCandles(place: HTMLElement, events: ChartEvents): CandleChart {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let span = 0; // of the prices shown: the scale's labels must differ
  let shown: readonly Slot[] = [];
  let marked: readonly Mark[] = [];
  const chart = createChart(place, {
    autoSize: true,
    // The credit stands below the chart: their logo would bring a style element, which the
    // page's Content-Security-Policy does not allow.
    layout: { attributionLogo: false, fontSize: 11 },
    localization: { timeFormatter: (time: Time) => moment(ms(time)) },
    grid: { vertLines: { visible: false } },
    crosshair: { mode: CrosshairMode.Magnet },
    rightPriceScale: { borderVisible: false, entireTextOnly: true, scaleMargins: { top: 0.16, bottom: 0.24 } },
    timeScale: {
      borderVisible: false,
      timeVisible: true,
      secondsVisible: false,
      allowBoldLabels: false,
      rightOffset: 1,
      tickMarkFormatter: (time: Time, kind: TickMarkType) => (kind >= TickMarkType.Time ? clock(ms(time)) : day(ms(time))),
    },
    // A wheel and a finger that moves up or down scroll the drawer.
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
    handleScale: { mouseWheel: false },
    kineticScroll: { mouse: false, touch: !still },
  });
  const candles = chart.addSeries(CandlestickSeries, {
    lastValueVisible: false, // it would cover the scale's own labels; the price stands above the chart
    priceFormat: { type: "custom", formatter: (price: number) => (price < 0 ? "" : priceOnScale(price, span)), minMove: 1e-12 },
  });
  const volumes = chart.addSeries(HistogramSeries, {
    priceScaleId: "",
    lastValueVisible: false,
    priceLineVisible: false,
    priceFormat: { type: "volume" },
  });
  volumes.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
  const shading = new Shading();
  candles.attachPrimitive(shading);
  const markers = createSeriesMarkers(candles, []);
  chart.subscribeCrosshairMove(({ time, point }) => {
    const half = (point?.x ?? 0) < place.clientWidth / 2 ? "left" : "right";
    events.onPoint(time === undefined || point === undefined ? null : ms(time), half);
  });
  let colours = coloursOf(place);

  const drawAll = () => {
    const prices = shown.flatMap(({ candle }) => (candle === null ? [] : [candle.h, candle.l]));
    span = prices.length === 0 ? 0 : Math.max(...prices) - Math.min(...prices);
    candles.setData(shown.map((slot) => bar(slot, colours)));
    volumes.setData(shown.map((slot) => volume(slot, colours)));
    shading.show(spans(shown));
    markers.setMarkers(pinned(marked, shown, colours));
  };
  const look = () => {
    const style = getComputedStyle(place);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    colours = coloursOf(place);
    chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: colours.muted,
        fontFamily: colour("--font"),
      },
      grid: { horzLines: { color: colour("--hairline") } },
      crosshair: {
        vertLine: { color: colours.muted, labelBackgroundColor: colour("--raised") },
        horzLine: { color: colours.muted, labelBackgroundColor: colour("--raised") },
      },
    });
    shading.paint({ unseen: colour("--unseen"), outage: colour("--outage"), not_recorded: "transparent", text: colours.muted, font: colour("--font") });
    if (shown.length > 0) drawAll();
  };
  look();
  return {
    look,
    show(slots, marks, fit) {
      [shown, marked] = [slots, marks];
      drawAll();
      if (fit) chart.timeScale().setVisibleLogicalRange({ from: Math.max(slots.length - IN_VIEW, 0) - 0.5, to: Math.max(slots.length, LEAST_IN_VIEW) });
    },
    goOn(slot) {
      const isNew = shown.at(-1)?.t !== slot.t;
      shown = isNew ? [...shown, slot] : [...shown.slice(0, -1), slot];
      candles.update(bar(slot, colours));
      volumes.update(volume(slot, colours));
    },
    point(slot) {
      if (slot === null) chart.clearCrosshairPosition();
      else chart.setCrosshairPosition(slot.candle?.c ?? 0, seconds(slot.t), candles);
    },
    zoom(factor) {
      const scale = chart.timeScale();
      const range = scale.getVisibleLogicalRange();
      if (range === null) return;
      const width = Math.max(LEAST_IN_VIEW, (range.to - range.from) * factor);
      scale.setVisibleLogicalRange({ from: range.to - width, to: range.to });
    },
    remove: () => chart.remove(),
  };
}

/** A candle, or the room of one. What few fresh prices made is hollow, what was filled in is pale. */
function bar({ t, candle }: Slot, colours: Colours): CandlestickData<UTCTimestamp> | WhitespaceData<UTCTimestamp> {
  if (candle === null) return { time: seconds(t) };
  const { o: open, h: high, l: low, c: close, kind } = candle;
  const line = kind === "flat" ? colours.muted : close < open ? colours.down : colours.up;
  const pale = close < open ? colours.downSoft : colours.upSoft;
  const body = isThin(candle) ? "transparent" : candle.origin != null ? pale : line;
  return { time: seconds(t), open, high, low, close, color: body, borderColor: line, wickColor: line };
}

function volume({ t, candle }: Slot, colours: Colours): HistogramData<UTCTimestamp> | WhitespaceData<UTCTimestamp> {
  if (candle?.volume == null) return { time: seconds(t) };
  return { time: seconds(t), value: candle.volume, color: candle.c < candle.o ? colours.downSoft : colours.upSoft };
}

/** The marks of an interval as one sign; an interval without a candle shows it at the one before. */
function pinned(marks: readonly Mark[], slots: readonly Slot[], colours: Colours): SeriesMarker<UTCTimestamp>[] {
  const drawn = slots.filter(({ candle }) => candle !== null).map(({ t }) => t);
  const byTime = new Map<number, Mark[]>();
  for (const mark of marks) {
    const t = drawn.findLast((each) => each <= mark.t) ?? drawn[0];
    if (t !== undefined) byTime.set(t, [...(byTime.get(t) ?? []), mark]);
  }
  return [...byTime].sort(([a], [b]) => a - b).map(([t, here]) => sign(t, here, colours));
}

function sign(t: number, here: readonly Mark[], colours: Colours): SeriesMarker<UTCTimestamp> {
  const event = here.find(({ kind }) => kind === "event");
  const down = here.every(({ kind }) => kind === "down");
  const base = { time: seconds(t), size: 0.8 };
  if (event !== undefined) return { ...base, position: "aboveBar", shape: "square", color: colours.accent, text: event.words };
  const text = here.length > 1 ? String(here.length) : "";
  if (down) return { ...base, position: "aboveBar", shape: "arrowDown", color: colours.warn, text };
  return { ...base, position: "belowBar", shape: "arrowUp", color: colours.warn, text };
}

function coloursOf(place: HTMLElement): Colours {
  const style = getComputedStyle(place);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    up: colour("--up"),
    down: colour("--down"),
    upSoft: colour("--up-soft"),
    downSoft: colour("--down-soft"),
    muted: colour("--muted"),
    accent: colour("--accent"),
    warn: colour("--warn"),
  };
}

function ms(time: Time): number {
  return (time as number) * 1_000;
}
