import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import { draw, type Line } from "./draw";

/** The prices that this page has seen; the chart library is loaded when it is first needed. */
export function PriceLine({ app, id }: { app: App; id: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(0);
  useEffect(() => {
    let line: Line | null = null;
    let over = false;
    let theme = "";
    const refresh = () => {
      const samples = app.market?.history.line(id) ?? [];
      setSeen(samples.length);
      const look = `${app.state.theme} ${app.state.palette}`;
      if (look !== theme) line?.look();
      theme = look;
      line?.show(samples);
    };
    void draw(place.current!).then((made) => {
      if (over) made.remove();
      else line = made;
      refresh();
    });
    const timer = setInterval(refresh, 1_000);
    return () => {
      over = true;
      clearInterval(timer);
      line?.remove();
    };
  }, [app, id]);
  return (
    <figure class="line" data-empty={seen < 2}>
      <div ref={place} class="chart" role="img" aria-label="Prices seen since this page was opened" />
      {seen < 2 && <p class="muted">The line begins with the next change of price.</p>}
      <figcaption class="muted">
        Seen since this page was opened · chart by{" "}
        <a href="https://www.tradingview.com" target="_blank" rel="noopener noreferrer">
          TradingView
        </a>
      </figcaption>
    </figure>
  );
}
