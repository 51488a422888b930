import type { App } from "../app";
import { isFiltered } from "./filters";
import type { ChromeState } from "./state";

/** What stands in the place of rows while there are none: why, and what to do. */
export function Notice({ app, state }: { app: App; state: ChromeState }) {
  if (state.shown > 0) return null;
  const { query, status } = state;
  if (state.error !== "" && !state.loaded) {
    return (
      <div class="notice" role="alert">
        <b>No tokens to show</b>
        <p>{state.error}</p>
        <p class="muted">The page tries again by itself. `make demo` starts everything offline.</p>
      </div>
    );
  }
  if (!state.loaded) {
    return (
      <div class="notice" aria-busy="true">
        {status.phase === "refused" ? (
          <>
            <b>The stream was refused</b>
            <p>{status.reason}. Check WS_ORIGINS and WS_PUBLIC_URL of this deployment.</p>
          </>
        ) : (
          <div class="skeleton" aria-label="Loading">
            {Array.from({ length: 8 }, (_, index) => (
              <i key={index} />
            ))}
          </div>
        )}
      </div>
    );
  }
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
  if (isFiltered(query)) {
    return (
      <div class="notice">
        <b>Nothing among these {state.held.toLocaleString("en")} tokens matches</b>
        <p>Search and limits look at the rows that are loaded.</p>
        <span class="choices">
          {query.depth !== "all" && (
            <button type="button" onClick={() => app.ask({ depth: "all" })}>
              Look at everything
            </button>
          )}
          <button type="button" onClick={() => app.reset()}>
            Reset
          </button>
        </span>
      </div>
    );
  }
  return (
    <div class="notice">
      <b>No tokens yet</b>
      <p>The list fills as soon as a source answers; the dots above tell how each is doing.</p>
    </div>
  );
}
