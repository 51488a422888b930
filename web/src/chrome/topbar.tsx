import type { RefObject } from "preact";
import type { App } from "../app";
import { age } from "../format/number";
import { moment } from "../format/time";
import { titleOf } from "../model/links";
import { Q_MAX } from "../model/query";
import { trust, type ChromeState, type SourceHealth } from "./state";

interface Props {
  app: App;
  state: ChromeState;
  search: RefObject<HTMLInputElement | null>;
}

export function TopBar({ app, state, search }: Props) {
  return (
    <header class="top">
      <a class="brand" href="/" aria-label="dexwire: start page">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M3 20h6l4-11 6 15 3-8h7" />
        </svg>
        <span>dexwire</span>
      </a>
      <label class="search">
        <span class="hidden">Search all tokens by ticker, name or address</span>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="7" cy="7" r="4.5" />
          <path d="m10.5 10.5 3.5 3.5" />
        </svg>
        <input
          ref={search}
          type="search"
          placeholder="Ticker, name or address"
          value={state.query.q}
          autocomplete="off"
          maxLength={Q_MAX}
          aria-invalid={state.problem?.param === "q"}
          spellcheck={false}
          onInput={(event) => app.ask({ q: event.currentTarget.value }, "replace")}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <Sources state={state} />
      <Pill app={app} state={state} />
      <span class="tools">
        <button
          type="button"
          class="tool"
          aria-pressed={state.panel === "alerts"}
          aria-label={state.unread > 0 ? `Alerts, ${state.unread} new` : "Alerts"}
          title="Alerts"
          onClick={() => app.open("alerts")}
        >
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M10 3a4.5 4.5 0 0 0-4.5 4.5c0 4-1.5 5-1.5 6h12c0-1-1.5-2-1.5-6A4.5 4.5 0 0 0 10 3Zm-1.8 13a1.9 1.9 0 0 0 3.6 0" />
          </svg>
          {state.unread > 0 && <span class="count">{state.unread > 99 ? "99+" : state.unread}</span>}
        </button>
        <button
          type="button"
          class="tool"
          aria-pressed={state.panel === "time" || app.isPast}
          aria-label="The list as it was"
          title="The list as it was (t)"
          onClick={() => app.open("time")}
        >
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M3.6 7A7 7 0 1 1 3 10M3 3.5V7h3.5M10 6v4.2l2.8 1.8" />
          </svg>
        </button>
        <button
          type="button"
          class="tool"
          aria-pressed={state.panel === "view"}
          aria-label="View: columns, rows and chips"
          title="Columns, rows and chips (v)"
          onClick={() => app.open("view")}
        >
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M3 5.5h7M14.5 5.5H17M3 10h2.5M10 10h7M3 14.5h8M15.5 14.5H17" />
            <circle cx="12.2" cy="5.5" r="1.8" />
            <circle cx="7.7" cy="10" r="1.8" />
            <circle cx="13.2" cy="14.5" r="1.8" />
          </svg>
        </button>
        <button
          type="button"
          class="tool wide"
          aria-pressed={state.palette === "safe"}
          aria-label="Colours that differ without red and green"
          title="Colour-blind palette"
          onClick={() => app.looks.setPalette(state.palette === "safe" ? "classic" : "safe")}
        >
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5Z" />
            <circle cx="10" cy="10" r="2.3" />
          </svg>
        </button>
        <button
          type="button"
          class="tool wide"
          aria-label={state.theme === "dark" ? "Light colours" : "Dark colours"}
          title="Dark or light"
          onClick={() => app.looks.setTheme(state.theme === "dark" ? "light" : "dark")}
        >
          <svg viewBox="0 0 20 20" aria-hidden="true">
            {state.theme === "dark" ? (
              <>
                <circle cx="10" cy="10" r="3.4" />
                <path d="M10 2v2.2M10 15.8V18M2 10h2.2M15.8 10H18M4.3 4.3l1.6 1.6M14.1 14.1l1.6 1.6M15.7 4.3l-1.6 1.6M5.9 14.1l-1.6 1.6" />
              </>
            ) : (
              <path d="M16 12.2A6.5 6.5 0 1 1 7.8 4a5.2 5.2 0 0 0 8.2 8.2Z" />
            )}
          </svg>
        </button>
        <button type="button" class="tool" aria-label="Help" title="Help (?)" onClick={() => app.open("help")}>
          ?
        </button>
      </span>
    </header>
  );
}

/** How far the figures can be trusted, in one place. */
function Pill({ app, state }: { app: App; state: ChromeState }) {
  const { at } = state.query;
  if (at !== null) {
    return (
      <button type="button" class="pill" data-phase="past" title="The list is not live. Back to live (l)" onClick={() => app.showTime(null)}>
        <i class="dot" aria-hidden="true" />
        <span role="status">as of</span>
        <span class="detail">{moment(at, app.now())}</span>
      </button>
    );
  }
  const { phase, latencyMs, reason } = state.status;
  const word = trust(state);
  const ageMs = state.polling ? (state.health?.data_age_ms ?? null) : state.status.ageMs;
  const seconds = ageMs === null ? "" : ageMs < 60_000 ? `${(ageMs / 1_000).toFixed(1)} s` : age(ageMs);
  const because = reason === "" ? "" : ` (${reason})`;
  const title = [
    state.polling ? `No stream${because}: the list is polled every 2 s` : `Stream: ${phase}${because}`,
    word === "offline" ? "Nor does the server answer: the figures are old" : "",
    ageMs === null ? "" : `Age of the newest commit: ${seconds}`,
    latencyMs === null || state.polling ? "" : `From commit to this page: ${Math.round(latencyMs)} ms`,
  ];
  const aged = word === "live" || word === "stale" || word === "polling";
  return (
    <button
      type="button"
      class="pill"
      data-phase={word}
      title={title.filter(Boolean).join("\n")}
      onClick={() => app.market?.stream.retryNow()}
    >
      <i class="dot" aria-hidden="true" />
      <span role="status">{word}</span>
      {aged && ageMs !== null && <span class="detail">data {seconds}</span>}
      {word === "live" && latencyMs !== null && <span class="detail">{Math.round(latencyMs)} ms</span>}
    </button>
  );
}

function Sources({ state }: { state: ChromeState }) {
  const sources = Object.entries(state.health?.sources ?? {});
  const title = (name: string) => titleOf(state.config?.sources ?? [], name);
  return (
    <ul class="health" aria-label="Sources">
      {sources.map(([name, source]) => (
        <li key={name} data-state={source.state} title={described(title(name), source)}>
          <i class="dot" aria-hidden="true" />
          <span>{title(name)}</span>
          <span class="hidden">{source.state}</span>
        </li>
      ))}
    </ul>
  );
}

function described(title: string, source: SourceHealth): string {
  const heard = source.age_ms === undefined ? "" : `, last answer ${age(source.age_ms)} ago`;
  const wrong = source.last_error === undefined || source.state === "ok" ? "" : `: ${source.last_error}`;
  return `${title}: ${source.state}${heard}${wrong}`;
}
