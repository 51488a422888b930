/** The details of one token, beside the list. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import type { Row } from "../client";
import { age } from "../format/number";
import { moment } from "../format/time";
import { tokenPath } from "../model/query";
import { markChips, safetyChips } from "../table/chips";
import { CandlePlace } from "./candles";
import { Avatar, ChipsInWords } from "./chips";
import type { Detail } from "./detail";
import { Figures } from "./figures";
import { Outwards } from "./outward";
import { Own } from "./own";
import { Pools } from "./pools";
import { SourceTable } from "./sources";
import type { ChromeState } from "./state";
import { TokenAlerts, useRecordedAlerts } from "./tokenalerts";
import { Why } from "./why";

const AGAIN_MS = 5_000;
const GONE = 410; // the token was removed; the answer has its last row

export function Drawer({ app, id, state }: { app: App; id: string; state: ChromeState }) {
  const [detail, setDetail] = useState<Detail | null>(null);
  const [problem, setProblem] = useState("");
  const [, tick] = useState(0);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    close.current?.focus();
    let over = false;
    const load = async () => {
      try {
        const answer = await fetch(tokenPath(id));
        const body = (await answer.json()) as Detail & { detail?: string; token?: Row; gone_ms?: number };
        if (over) return;
        const isGone = answer.status === GONE && body.token !== undefined;
        if (answer.ok) setDetail(body);
        if (answer.ok || isGone) app.learn(body.token, isGone ? (body.gone_ms ?? 0) : null);
        setProblem(answer.ok || isGone ? "" : (body.detail ?? "This token cannot be shown."));
      } catch {
        if (!over) setProblem("The server does not answer; trying again.");
      }
    };
    void load();
    const again = setInterval(() => void load(), AGAIN_MS);
    const redraw = setInterval(() => tick((count) => count + 1), 500);
    return () => {
      over = true;
      clearInterval(again);
      clearInterval(redraw);
    };
  }, [app, id]);
  const recorded = useRecordedAlerts(id, app.keepsHistory);
  const row = app.openRow();
  const ticker = row?.token_ticker ?? "Token";
  return (
    <aside class="side drawer" aria-label={`Details of ${ticker}`}>
      <header>
        <Avatar row={row ?? { id }} images={app.images} />
        <span class="words">
          <h2>{ticker}</h2>
          <span class="muted name">{row?.token_name}</span>
        </span>
        <button
          type="button"
          class="star"
          aria-pressed={app.starred.values.has(id)}
          aria-label="On the watchlist"
          title="Watch this token"
          onClick={() => app.star(id)}
        >
          ★
        </button>
        <button ref={close} type="button" class="close" aria-label="Close the details" onClick={() => app.ask({ token: "" })}>
          ×
        </button>
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label="Figures and sources">
        {problem !== "" && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <Then app={app} at={state.query.at} />
        {row !== undefined && (
          <Figures app={app} row={row}>
            <CandlePlace app={app} id={id} alerts={recorded.alerts} />
            {detail?.history !== undefined && <Own figures={detail.history} />}
          </Figures>
        )}
        {row !== undefined && (
          <section>
            <h3>Safety and stage</h3>
            <ChipsInWords chips={[...safetyChips(row), ...markChips(row, app.now())]} />
          </section>
        )}
        {row !== undefined && <Outwards row={row} />}
        {detail !== null && row !== undefined && (
          <SourceTable detail={detail} row={row} declared={state.config?.sources ?? []} />
        )}
        {detail?.explanation !== undefined && <Why explanation={detail.explanation} />}
        {detail !== null && <Pools pools={detail.pools} />}
        <TokenAlerts app={app} id={id} state={state} recorded={recorded} />
      </div>
    </aside>
  );
}

/** What the figures below are not: live, of a token that was removed; of then, beside a list of the past. */
function Then({ app, at }: { app: App; at: number | null }) {
  const goneMs = app.openGoneMs;
  if (goneMs !== null) {
    const when = goneMs > 0 ? ` ${age(app.now() - goneMs)} ago` : "";
    return (
      <p class="problem" role="status">
        Removed{when}: no source reports this token. These are its last figures.
      </p>
    );
  }
  if (at === null) return null;
  return <p class="problem">These figures are live, not those of {moment(at, app.now())}.</p>;
}
