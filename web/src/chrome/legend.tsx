/** What is not plain at first sight in the list, for the first visit and for the help. */
import type { App } from "../app";
import type { DeclaredSource } from "../model/links";

/** One entry for each sign; `data-sign` is the column that shows it. */
export function Legend({ sources }: { sources: readonly DeclaredSource[] }) {
  return (
    <dl class="legend">
      <div data-sign="spark">
        <dt>
          <span class="spark" data-trend="up">
            <svg viewBox="0 0 44 16" aria-hidden="true">
              <path d="M1 12L9 13L17 8L25 10L34 4L43 3" />
            </svg>
          </span>
          Seen
        </dt>
        <dd>The prices this page has seen since you opened it, not the token’s whole history.</dd>
      </div>
      <div data-sign="token">
        <dt>
          <span class="badge alike">first of 2</span>
        </dt>
        <dd>
          Two tokens have this ticker. “First” is the oldest and the most liquid, <span class="badge alike" data-first="false">one of 2</span>{" "}
          is neither: compare the address.
        </dd>
      </div>
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
    </dl>
  );
}

/** The legend above the list, until it is dismissed once. */
export function Hints({ app, sources }: { app: App; sources: readonly DeclaredSource[] }) {
  return (
    <aside class="hints" aria-label="How to read the list">
      <Legend sources={sources} />
      <button type="button" class="dismiss" aria-label="Got it: hide these hints" onClick={() => app.looks.dismissHints()}>
        Got it
      </button>
    </aside>
  );
}
