/** The list as it was: a slider over the time that is past, and the banner that says what is shown. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import { age } from "../format/number";
import { moment, start } from "../format/time";
import { leftWords, pastQuery } from "../model/past";
import type { ChromeState } from "./state";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How far back the slider reaches, and how long a step of it is (ms). */
const REACHES = [
  ["1h", HOUR_MS, MINUTE_MS],
  ["24h", 24 * HOUR_MS, 5 * MINUTE_MS],
  ["7d", 168 * HOUR_MS, 30 * MINUTE_MS],
  ["90d", 2_160 * HOUR_MS, 6 * HOUR_MS],
] as const;
type Reach = (typeof REACHES)[number];
const USUAL = REACHES[1];

export function TimeBar({ app, state }: { app: App; state: ChromeState }) {
  const { at } = state.query;
  const [[name, spanMs, stepMs], setReach] = useState<Reach>(() => reachOf(at, app.now()));
  const slider = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (at === null) slider.current?.focus(); // not where an address begins in the past
  }, []);
  const steps = spanMs / stepMs;
  const end = start(app.now(), stepMs) + stepMs; // the slider's right end is now
  const value = at === null ? steps : Math.max(0, Math.min(steps - 1, Math.round((at - (end - spanMs)) / stepMs)));
  const words = at === null ? "now, live" : `${moment(at, app.now())}, ${age(app.now() - at)} ago`;
  return (
    <div class="timebar" role="group" aria-label="Show the list as it was">
      <div class="switch" role="group" aria-label="How far back the slider reaches">
        {REACHES.map((reach) => (
          <button key={reach[0]} type="button" aria-pressed={reach[0] === name} onClick={() => setReach(reach)}>
            {reach[0]}
          </button>
        ))}
      </div>
      <input
        ref={slider}
        type="range"
        aria-label="As of"
        aria-valuetext={words}
        min={0}
        max={steps}
        value={value}
        onInput={(event) => {
          const chosen = Number(event.currentTarget.value);
          app.showTime(chosen >= steps ? null : end - spanMs + chosen * stepMs);
        }}
      />
      <label class="moment">
        <span class="hidden">Date and time, UTC</span>
        <input
          type="datetime-local"
          max={input(app.now())}
          value={input(at ?? app.now())}
          onChange={(event) => {
            const ms = Date.parse(`${event.currentTarget.value}Z`);
            if (!Number.isNaN(ms)) app.showTime(ms < app.now() ? ms : null);
          }}
        />
        <span class="muted" aria-hidden="true">
          UTC
        </span>
      </label>
      {at === null && (
        <button type="button" class="close" aria-label="Close the slider" onClick={() => app.open("")}>
          ×
        </button>
      )}
    </div>
  );
}

/** What is shown is of then: since when, what does not apply, and the way back. */
export function PastBanner({ app, state }: { app: App; state: ChromeState }) {
  const { recordedMs, goneCount } = state;
  const { at } = state.query;
  if (at === null) return null;
  const left = leftWords(pastQuery(state.query));
  const gone = goneCount === 0 ? "" : ` ${goneCount === 1 ? "One token was" : `${goneCount} tokens were`} removed since.`;
  const older = recordedMs !== null && recordedMs > 0 && at - recordedMs >= 2 * MINUTE_MS ? ` The newest record before it is of ${moment(recordedMs, at)}.` : "";
  return (
    <div class="past" role="status">
      <b>As it was on {moment(at, app.now())}</b>
      <span>
        Sampled figures of then, not live.{older}
        {gone} {left}
      </span>
      <button type="button" title="Key l" onClick={() => app.showTime(null)}>
        Back to live <kbd aria-hidden="true">l</kbd>
      </button>
    </div>
  );
}

/** The shortest reach that has a time. */
function reachOf(at: number | null, nowMs: number): Reach {
  if (at === null) return USUAL;
  return REACHES.find(([, spanMs]) => nowMs - at < spanMs) ?? REACHES[3];
}

/** A time as its input takes it, in UTC. */
function input(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16);
}
