import { useEffect, useRef } from "preact/hooks";
import type { App } from "../app";
import { BoardView, columnSheet } from "../board/board";
import { Alerts } from "./alerts";
import { Drawer } from "./drawer";
import { Filters, isFiltered } from "./filters";
import { Help } from "./help";
import { press } from "./keyboard";
import { Hints } from "./legend";
import type { DeclaredSource } from "../model/links";
import { columnOf, orderOf, type Query } from "../model/query";
import { Notice } from "./notice";
import { TopBar } from "./topbar";
import { Sheet } from "./sheet";
import { PastBanner, TimeBar } from "./timebar";
import { trust, type ChromeState, type SheetOf } from "./state";
import { useApp } from "./use";
import { Active, ManagePresets, Views } from "./views";
import { View } from "./view";

export function Page({ app }: { app: App }) {
  const state = useApp(app);
  const isBoard = state.query.view === "board";
  const place = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => app.mount(place.current!), [app]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]") !== null) return; // its keys are its own
      const at = event.target as HTMLElement;
      const isSlider = at.matches("input[type=range]");
      if (isSlider && /^(Arrow|Page|Home|End|Tab)/.test(event.key)) return; // its own
      if (at.matches("input, select, textarea") && !isSlider) {
        if (event.key === "Escape") at.blur();
        return;
      }
      if (event.key === "/") {
        search.current?.focus();
        search.current?.select();
      } else if (event.key === "Enter" && at.matches("button, a")) return;
      else if (!press(app, event)) return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [app]);
  return (
    <>
      {state.config?.demo && (
        <p class="demo" role="note">
          <b>Demo</b> Replayed market, not live data: no figure here is a fact about a token.
        </p>
      )}
      <TopBar app={app} state={state} search={search} />
      <main>
        <h1 class="hidden">Tokens on decentralised exchanges, live</h1>
        <Filters app={app} state={state} />
        <Views app={app} state={state} />
        {(state.panel === "time" || app.isPast) && <TimeBar app={app} state={state} />}
        <PastBanner app={app} state={state} />
        {!isBoard && (
          <Active
            filters={state.query.filters}
            window={state.query.window}
            refused={state.problem?.param ?? ""}
            idle={app.isPast}
            onChange={(filters) => app.ask({ filters })}
          />
        )}
        <div class="stage">
          {isBoard && <BoardView app={app} state={state} />}
          <div class="list" hidden={isBoard} data-past={app.isPast} data-phase={trust(state)} data-busy={!state.loaded && state.shown > 0}>
            {state.hints && <Hints app={app} state={state} />}
            <div class="pane">
              <div class="table" ref={place} />
              <Notice app={app} state={state} />
              {state.frozen && (state.paused || state.moved > 0) && (
                <button
                  type="button"
                  class="moved"
                  title="Let the rows go where they belong"
                  onClick={() => app.hold.settle()}
                  onPointerLeave={() => app.hold.rest(false)}
                >
                  {state.paused ? "Paused" : "Order held"}
                  {" · "}
                  {state.moved} moved
                </button>
              )}
            </div>
          </div>
          {state.query.token !== "" && <Drawer key={state.query.token} app={app} id={state.query.token} state={state} />}
          {state.panel === "alerts" && <Alerts app={app} state={state} />}
          {state.panel === "view" && <View app={app} state={state} />}
        </div>
      </main>
      <footer>
        <span class="counted">{counted(state)}</span>
        <Credits sources={state.config?.sources ?? []} />
      </footer>
      {state.panel === "presets" && <ManagePresets app={app} state={state} />}
      {state.sheet !== "" && <OpenSheet app={app} state={state} sheet={state.sheet} />}
      {state.panel === "help" && <Help app={app} state={state} />}
      <div class="toast" role="status" aria-live="polite" data-shown={state.toast !== ""}>
        {state.toast}
      </div>
    </>
  );
}

/** The sheet of the list, or of a column of the board. */
function OpenSheet({ app, state, sheet }: { app: App; state: ChromeState; sheet: Exclude<SheetOf, ""> }) {
  if (sheet === "list") {
    const apply = (query: Query) => app.ask({ ...query, token: app.state.query.token });
    return <Sheet app={app} state={state} title="Filters" query={state.query} stages={null} onApply={apply} />;
  }
  const apply = (wanted: Query) => {
    const { query } = app.state;
    app.ask({ window: wanted.window, columns: { ...query.columns, [sheet]: columnOf(wanted, query, sheet) } });
  };
  return <Sheet key={sheet} app={app} state={state} {...columnSheet(state, sheet)} onApply={apply} />;
}

/** Whose data these are: the words that a source's terms require, and the others by their names. */
function Credits({ sources }: { sources: readonly DeclaredSource[] }) {
  const others = sources.filter(({ credit }) => credit === "");
  return (
    <span class="credits">
      {sources
        .filter(({ credit }) => credit !== "")
        .map((source) => (
          <Website key={source.name} source={source} words={source.credit} />
        ))}
      {others.length > 0 && (
        <span>
          Data by{" "}
          {others.map((source, place) => (
            <span key={source.name}>
              {place > 0 && (place === others.length - 1 ? " and " : ", ")}
              <Website source={source} words={source.title} />
            </span>
          ))}
        </span>
      )}
    </span>
  );
}

function Website({ source, words }: { source: DeclaredSource; words: string }) {
  return (
    <a href={source.website} target="_blank" rel="noopener noreferrer">
      {words}
    </a>
  );
}

/** How many rows are shown of how many that pass, and of how many there are. */
function counted(state: ChromeState): string {
  const { shown, total, query, health } = state;
  const many = (count: number) => count.toLocaleString("en");
  const all = health?.token_count;
  if (query.view === "board") return all === undefined ? "" : `${many(all)} tokens`;
  if (!state.loaded || total === null) return `${many(shown)} shown`;
  if (query.at !== null) return `${many(shown)} shown of ${many(total)} then`;
  if (!isFiltered(query) || all === undefined || all < total) return `${many(shown)} shown of ${many(total)}`;
  const passing = `${many(total)} of ${many(all)}`;
  const best = orderOf(query) === "match" ? ", the best match first" : "";
  return shown < total ? `${many(shown)} shown${best}; ${passing} match` : `${passing} match${best}`;
}
