import type { App } from "../app";
import { moment } from "../format/time";
import { isFiltering, NO_FILTERS } from "../model/filters";
import { sentence } from "../model/historyproblem";
import { isSearch } from "../model/query";
import type { Problem } from "../model/poller";
import { isFiltered } from "./filters";
import type { ChromeState } from "./state";

const NO_SOURCE = "no_source"; // the reason in /health and in the 503 of lists
const NOBODY = "No source answers; is this machine online?";

/** What stands in the place of rows while there are none: why, and what to do. */
export function Notice({ app, state }: { app: App; state: ChromeState }) {
  const { query, problem } = state;
  if (query.at !== null) return <PastNotice app={app} state={state} />;
  const silent = problem?.reason === NO_SOURCE || state.health?.reason === NO_SOURCE;
  if (state.shown > 0) {
    if (silent) return <Strip heading={NOBODY} words="These figures are old." />;
    if (problem === null) return null;
    return <Strip heading={heading(problem)} words={problem.retryAt === null ? problem.detail : again(problem)} />;
  }
  if (state.error !== "") {
    return (
      <div class="notice" role="alert">
        <b>No tokens to show</b>
        <p>{state.error}</p>
        <p class="muted">The page tries again by itself. `make demo` starts everything offline.</p>
      </div>
    );
  }
  if (silent) return <NoSource />;
  if (problem !== null) return <Trouble app={app} problem={problem} />;
  if (!state.loaded) return <Loading rows={8} />;
  if (query.starred && state.starredCount === 0) {
    return (
      <div class="notice">
        <b>Your watchlist is empty</b>
        <p>Click the star beside a token, or press s on a selected row.</p>
        <button type="button" onClick={() => app.ask({ starred: false })}>
          Show all tokens
        </button>
      </div>
    );
  }
  if (isFiltered(query)) return <NothingFound app={app} state={state} />;
  return (
    <div class="notice">
      <b>No tokens yet</b>
      <p>The list fills as soon as a source answers; the dots above show how each is doing.</p>
    </div>
  );
}

/** The same for a list of the past. */
function PastNotice({ app, state }: { app: App; state: ChromeState }) {
  const { problem, shown, loaded } = state;
  if (shown > 0) {
    if (problem === null) return null;
    return <Strip heading={heading(problem)} words={problem.retryAt === null ? problem.detail : again(problem)} />;
  }
  if (problem === null && !loaded) return <Loading rows={8} />;
  return (
    <div class="notice" role={problem === null ? undefined : "alert"}>
      <b>{problem === null ? "No token is recorded of then" : heading(problem)}</b>
      {problem !== null && <p>{problem.retryAt === null ? dated(sentence(problem.detail)) : again(problem)}</p>}
      <button type="button" onClick={() => app.showTime(null)}>
        Back to live
      </button>
    </div>
  );
}

/** Times of a message as people read them. */
function dated(detail: string): string {
  return detail.replace(/\b1\d{12}\b/g, (ms) => moment(Number(ms)));
}

export function Loading({ rows }: { rows: number }) {
  return (
    <div class="notice" aria-busy="true">
      <div class="skeleton" aria-label="Loading">
        {Array.from({ length: rows }, (_, index) => (
          <i key={index} />
        ))}
      </div>
    </div>
  );
}

/** The server knows no such token; say what would show more. */
function NothingFound({ app, state }: { app: App; state: ChromeState }) {
  const { query, health } = state;
  const known = health?.token_count;
  const among = query.starred ? "on your watchlist" : known === undefined ? "here" : `among ${known.toLocaleString("en")} tokens`;
  return (
    <div class="notice">
      <b>{isSearch(query.q) ? `Nothing ${among} is called “${query.q.trim()}”` : `No token ${among} passes these filters`}</b>
      {isSearch(query.q) && <p>Search looks for a whole address, the beginning of a ticker, and beginnings of words of a name.</p>}
      {isFiltering(query.filters) && <p>An unknown figure passes no limit.</p>}
      <span class="choices">
        {isFiltering(query.filters) && (
          <button type="button" onClick={() => app.ask({ filters: NO_FILTERS })}>
            Without filters
          </button>
        )}
        {query.chain !== "" && (
          <button type="button" onClick={() => app.ask({ chain: "" })}>
            On all chains
          </button>
        )}
        <button type="button" onClick={() => app.reset()}>
          Reset
        </button>
      </span>
    </div>
  );
}

/** The list cannot be had. */
function Trouble({ app, problem }: { app: App; problem: Problem }) {
  return (
    <div class="notice" role="alert">
      <b>{heading(problem)}</b>
      <p>{problem.detail}</p>
      {problem.retryAt === null ? (
        <button type="button" onClick={() => app.reset()}>
          Reset
        </button>
      ) : (
        <p class="muted">{again(problem)}</p>
      )}
    </div>
  );
}

/** The server runs, but nothing that it could list answers. */
function NoSource() {
  return (
    <div class="notice" role="alert">
      <b>{NOBODY}</b>
      <p>The list fills by itself as soon as a source answers; the dots above show how each is doing.</p>
      <p class="muted">`make demo` starts everything offline.</p>
    </div>
  );
}

/** What is wrong, below rows that are old. */
function Strip({ heading, words }: { heading: string; words: string }) {
  return (
    <p class="strip" role="alert">
      <b>{heading}</b> {words}
    </p>
  );
}

/** A problem in one sentence, for where there is little room. */
export function explain(problem: Problem): string {
  return `${heading(problem)}. ${problem.retryAt === null ? problem.detail : again(problem)}`;
}

function heading({ status, code, param }: Problem): string {
  if (status === 0) return "The server does not answer";
  if (status === 429) return "Too many requests";
  if (code === "warming") return "The list is being built up";
  if (code === "not_recorded") return "Nothing is recorded of that time";
  if (code === "history_off") return "This server keeps no history";
  if (code === "history_down") return "The history is not available now";
  if (status < 500) return param === "" ? "Invalid request" : `Invalid request: ${param}`;
  return "The server has trouble";
}

function again({ retryAt }: Problem): string {
  const seconds = Math.max(1, Math.round(((retryAt ?? 0) - Date.now()) / 1_000));
  return `The page tries again by itself, in ${seconds} s.`;
}
