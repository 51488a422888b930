/** Shades the intervals without a candle behind the candles, and names why where there is room. */
import type { IPrimitivePaneRenderer, ISeriesPrimitive, SeriesAttachedParameter, Time, UTCTimestamp } from "lightweight-charts";
import { GAP_NAMES, type Span } from "../model/candles";

export interface ShadeLook {
  unseen: string;
  outage: string;
  not_recorded: string;
  text: string;
  font: string;
}

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

const HATCH = 7; // pixels between the lines of an outage
const LABEL_TOP = 12;
const LABEL_SIZE = 10;

export class Shading implements ISeriesPrimitive<Time> {
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private spans: readonly Span[] = [];
  private look: ShadeLook = { unseen: "", outage: "", not_recorded: "", text: "", font: "" };
  private readonly views = [
    { zOrder: () => "bottom" as const, renderer: () => ({ draw: (target: Target) => this.draw(target) }) },
  ];

  attached(to: SeriesAttachedParameter<Time>): void {
    this.attachedTo = to;
  }

  paneViews() {
    return this.views;
  }

  show(spans: readonly Span[]): void {
    this.spans = spans;
    this.attachedTo?.requestUpdate();
  }

  paint(look: ShadeLook): void {
    this.look = look;
    this.attachedTo?.requestUpdate();
  }

  private draw(target: Target): void {
    const scale = this.attachedTo?.chart.timeScale();
    if (scale === undefined) return;
    const half = scale.options().barSpacing / 2;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const { from, to, kind } of this.spans) {
        const first = scale.timeToCoordinate(seconds(from));
        const last = scale.timeToCoordinate(seconds(to));
        if (first === null || last === null) continue;
        const left = Math.max(0, first - half);
        const width = Math.min(mediaSize.width, last + half) - left;
        if (width <= 0) continue;
        this.shade(context, kind, left, width, mediaSize.height);
      }
    });
  }

  private shade(context: CanvasRenderingContext2D, kind: Span["kind"], left: number, width: number, height: number): void {
    context.save();
    context.beginPath();
    context.rect(left, 0, width, height);
    context.clip();
    context.fillStyle = this.look[kind];
    context.fillRect(left, 0, width, height);
    if (kind === "outage") hatch(context, this.look.outage, left, width, height);
    context.font = `${LABEL_SIZE}px ${this.look.font}`;
    context.fillStyle = this.look.text;
    context.textBaseline = "middle";
    name(context, GAP_NAMES[kind], left, width);
    context.restore();
  }
}

/** Write the kind across the top, from top to bottom where that has no room. */
function name(context: CanvasRenderingContext2D, words: string, left: number, width: number): void {
  const long = context.measureText(words).width;
  if (long + 6 <= width) context.fillText(words, left + 3, LABEL_TOP);
  else if (width >= LABEL_SIZE) {
    context.translate(left + width / 2, LABEL_TOP);
    context.rotate(Math.PI / 2);
    context.fillText(words, 0, 0);
  }
}

function hatch(context: CanvasRenderingContext2D, colour: string, left: number, width: number, height: number): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = left - height; x < left + width; x += HATCH) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
}

export function seconds(ms: number): UTCTimestamp {
  return (ms / 1_000) as UTCTimestamp;
}
