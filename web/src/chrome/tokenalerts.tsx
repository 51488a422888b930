/** The alerts of one token: those that the server recorded, and those that came since the page was opened. */
import { useEffect, useState } from "preact/hooks";
import type { App } from "../app";
import { moment } from "../format/time";
import type { PastAlert } from "../model/candles";
import { problemOf, type HistoryProblem } from "../model/historyproblem";
import { tokenPath } from "../model/query";
import { AlertList } from "./alerts";
import type { ChromeState, SeenAlert } from "./state";

/** What the server recorded of a token's alerts. */
export interface RecordedAlerts {
  alerts: readonly PastAlert[]; // the newest first
  sinceMs: number | null; // as far back as anything is recorded
  problem: HistoryProblem | null;
}

const NONE: RecordedAlerts = { alerts: [], sinceMs: null, problem: null };
const LIMIT = 100;
const AGAIN_MS = 60_000; // the stream brings new ones meanwhile

/** Request the recorded alerts of a token, now and then again; `isKept`: whether the server has any. */
export function useRecordedAlerts(id: string, isKept: boolean | null): RecordedAlerts {
  const [recorded, setRecorded] = useState(NONE);
  useEffect(() => {
    if (isKept !== true) return;
    const abort = new AbortController();
    const load = async () => {
      try {
        const answer = await fetch(`${tokenPath(id)}/alerts?limit=${LIMIT}`, { signal: abort.signal });
        const problem = answer.ok ? null : await problemOf(answer);
        const body = answer.ok ? ((await answer.json()) as { alerts: PastAlert[]; coverage?: { from_ms: number } | null }) : null;
        const alerts = [...(body?.alerts ?? [])].sort((a, b) => (b.at_ms ?? 0) - (a.at_ms ?? 0));
        if (!abort.signal.aborted) setRecorded({ alerts, sinceMs: body?.coverage?.from_ms ?? null, problem });
      } catch {
        const problem = await problemOf(null);
        if (!abort.signal.aborted) setRecorded((before) => ({ ...before, problem }));
      }
    };
    void load();
    const again = setInterval(() => void load(), AGAIN_MS);
    return () => {
      abort.abort();
      clearInterval(again);
    };
  }, [id, isKept]);
  return recorded;
}

/** Recorded alerts and those of the stream, each once, the newest first. */
export function mergedAlerts(id: string, { alerts }: RecordedAlerts, live: readonly SeenAlert[]): SeenAlert[] {
  const fresh = live.filter((alert) => alert.id === id);
  const known = new Set(fresh.map(({ i }) => i));
  const older = alerts
    .filter(({ i }) => !known.has(i))
    .map((alert) => ({ ...alert, seenMs: alert.at_ms ?? 0, ticker: "", name: "" }));
  return [...fresh, ...older].sort((a, b) => b.seenMs - a.seenMs);
}

export function TokenAlerts({ app, id, state, recorded }: { app: App; id: string; state: ChromeState; recorded: RecordedAlerts }) {
  const alerts = mergedAlerts(id, recorded, state.alerts);
  const { sinceMs, problem } = recorded;
  const since = sinceMs === null ? "since this page was opened" : `since ${moment(sinceMs)}`;
  return (
    <section>
      <h3>
        Alerts of this token <span class="muted">· {since}</span>
      </h3>
      {problem !== null && <p class="muted">{problem.words}</p>}
      {alerts.length === 0 ? <p class="muted">None.</p> : <AlertList app={app} alerts={alerts} />}
    </section>
  );
}
