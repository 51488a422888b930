/** The place of the candles in the drawer. What draws them, the chart library with it, is loaded when it is needed. */
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { App } from "../app";
import type { PastAlert } from "../model/candles";

export interface CandlePlaceProps {
  app: App;
  id: string;
  alerts: readonly PastAlert[];
}

type Panel = FunctionComponent<CandlePlaceProps>;

export function CandlePlace(props: CandlePlaceProps) {
  const isKept = props.app.keepsHistory;
  const [loaded, setLoaded] = useState<{ Panel: Panel } | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (isKept !== true || loaded !== null) return;
    import("../chart/panel").then(
      ({ CandlePanel }) => setLoaded({ Panel: CandlePanel }),
      () => setFailed(true),
    );
  }, [isKept]);
  // Once drawn it stays: when the history goes away, the panel says so itself.
  if (loaded !== null) return <loaded.Panel {...props} />;
  return (
    <figure class="candles" data-empty={isKept === false || failed}>
      <p class="nothing muted">{failed ? "The chart could not be loaded; reload the page." : isKept === false ? without(props.app) : "Loading…"}</p>
    </figure>
  );
}

function without({ state }: App): string {
  const history = state.health?.history;
  if (history?.state !== "down") return "This server keeps no history (HISTORY=off): no candles.";
  return `The history is not available now${history.why == null ? "" : `: ${history.why}`}.`;
}
