/** The chart library behind three functions, in a chunk of its own. */
import type { UTCTimestamp } from "lightweight-charts";
import { priceOnScale } from "../format/number";
import type { Sample } from "../model/history";

export interface Line {
  show(samples: readonly Sample[]): void;
  look(): void;
  remove(): void;
}

export async function draw(place: HTMLElement): Promise<Line> {
  const { AreaSeries, ColorType, createChart } = await import("lightweight-charts");
  const chart = createChart(place, {
    autoSize: true,
    // The credit stands below the chart: their logo would bring a style element, which the
    // page's Content-Security-Policy does not allow.
    layout: { attributionLogo: false, fontSize: 11 },
    grid: { vertLines: { visible: false } },
    rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.15, bottom: 0.1 } },
    timeScale: { borderVisible: false, timeVisible: true, secondsVisible: true, allowBoldLabels: false },
    handleScroll: false,
    handleScale: false,
  });
  let span = 0; // of the prices shown: the scale's labels must differ
  const series = chart.addSeries(AreaSeries, {
    lineWidth: 2,
    lastValueVisible: false, // it would cover the scale's own labels; the price stands above the chart
    priceFormat: { type: "custom", formatter: (price: number) => priceOnScale(price, span), minMove: 1e-12 },
  });
  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: colour("--muted"),
        fontFamily: colour("--font"),
      },
      grid: { horzLines: { color: colour("--hairline") } },
    });
    series.applyOptions({
      lineColor: colour("--accent"),
      topColor: colour("--accent-soft"),
      bottomColor: "transparent",
    });
  };
  look();
  return {
    look,
    show(samples) {
      const prices = samples.map((sample) => sample.price);
      span = Math.max(...prices) - Math.min(...prices);
      const bySecond = new Map(samples.map(({ ms, price }) => [Math.floor(ms / 1_000), price]));
      series.setData([...bySecond].map(([time, value]) => ({ time: time as UTCTimestamp, value })));
      chart.timeScale().fitContent();
    },
    remove: () => chart.remove(),
  };
}
