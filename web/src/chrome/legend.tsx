/** What is not plain at first sight in the list, for the first visit and for the help. */
import type { App } from "../app";
import type { DeclaredSource } from "../model/links";
import type { Chip } from "../table/chips";
import { Chips } from "./chips";
import type { ChromeState } from "./state";

const SAMPLES: readonly Chip[] = [
  { kind: "mint", tone: "good", label: "mint", value: "", words: "Mint revoked" },
  { kind: "freeze", tone: "bad", label: "freeze", value: "", words: "Freezable" },
  { kind: "verified", tone: "unknown", label: "verified", value: "", words: "Not known" },
];
const FIRST: Chip = { kind: "copycat", tone: "plain", label: "first of 2", value: "", words: "First of two" };
const OTHER: Chip = { kind: "copycat", tone: "warn", label: "one of 2", value: "", words: "One of two" };

/** One entry for each sign; `data-sign` is the column that shows it. `only`: those of these columns. */
export function Legend({ sources, only }: { sources: readonly DeclaredSource[]; only?: readonly string[] }) {
  const shown = (sign: string) => only === undefined || only.includes(sign);
  return (
    <dl class="legend">
      {shown("spark") && (
        <div data-sign="spark">
          <dt>
            <span class="spark" data-trend="up">
              <svg viewBox="0 0 44 16" aria-hidden="true">
                <path d="M1 12L9 13L17 8L25 10L34 4L43 3" />
              </svg>
            </span>
            Last 24h
          </dt>
          <dd>
            The closes of the last 24 hours that this server recorded, then the live price. An hour without one is left open; “new”:
            nothing is recorded yet.
          </dd>
        </div>
      )}
      {shown("safety") && (
        <div data-sign="safety">
          <dt>
            <Chips chips={SAMPLES} />
          </dt>
          <dd>Closed: nobody can mint or freeze. Open: somebody can. A question mark or a dash is unknown, not safe.</dd>
        </div>
      )}
      <div data-sign="token">
        <dt>
          <Chips chips={[FIRST]} />
        </dt>
        <dd>
          Two tokens have this ticker. “First” is the oldest and the most liquid, <Chips chips={[OTHER]} /> is neither: compare the
          address.
        </dd>
      </div>
      {shown("sources") && (
        <div data-sign="sources">
          <dt>
            <span class="sources">
              {sources.map(({ name, letter }) => (
                <span class="source" key={name}>
                  {letter}
                </span>
              ))}
              <span class="source">I</span>
            </span>
          </dt>
          <dd>
            {sources.length > 0 && `Reported by ${sources.map(({ title }) => title).join(", ")}; `}
            I: posted to this server. A click opens the token there.
          </dd>
        </div>
      )}
    </dl>
  );
}

/** The legend above the list, until it is dismissed once. */
export function Hints({ app, state }: { app: App; state: ChromeState }) {
  // As few as a line holds; the help has all of them.
  const safety = state.fitting.includes("safety");
  const left = safety ? ["sources", "spark"] : ["spark"];
  const only = state.fitting.filter((key) => !left.includes(key));
  return (
    <aside class="hints" aria-label="How to read the list">
      <Legend sources={state.config?.sources ?? []} only={only} />
      <button type="button" class="dismiss" aria-label="Got it: hide these hints" onClick={() => app.looks.dismissHints()}>
        Got it
      </button>
    </aside>
  );
}
