/** New, on its curve, graduated: three lists side by side, or one of them with tabs where there is no room. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import type { ColumnState } from "../model/board";
import { COLUMN_STAGES, COLUMN_WORDS, COLUMNS, type ColumnKey } from "../model/columns";
import { activeFilters, isFiltering, NO_FILTERS } from "../model/filters";
import { columnQuery } from "../model/query";
import { chainName } from "../chrome/filters";
import { explain, Loading } from "../chrome/notice";
import { trust, type ChromeState } from "../chrome/state";
import { Active, Funnel } from "../chrome/views";
import { SORT_WORDS } from "../chrome/words";

const LEAST_PX = 300; // of a column beside others

export function BoardView({ app, state }: { app: App; state: ChromeState }) {
  const place = useRef<HTMLDivElement>(null);
  const [narrow, setNarrow] = useState(() => innerWidth < LEAST_PX * COLUMNS.length);
  useEffect(() => {
    const sizes = new ResizeObserver(([entry]) => setNarrow(entry!.contentRect.width < LEAST_PX * COLUMNS.length));
    sizes.observe(place.current!);
    return () => sizes.disconnect();
  }, []);
  return (
    <div ref={place} class="board" data-narrow={narrow} data-phase={trust(state)}>
      {narrow && <Tabs app={app} state={state} />}
      <div class="columns">
        {COLUMNS.map((key) => (
          <Column key={key} app={app} state={state} column={key} narrow={narrow} />
        ))}
      </div>
    </div>
  );
}

function Tabs({ app, state }: { app: App; state: ChromeState }) {
  const at = COLUMNS.indexOf(state.column);
  const move = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation(); // the board would go to a card
    const next = COLUMNS[(at + by + COLUMNS.length) % COLUMNS.length]!;
    app.showColumn(next);
    event.currentTarget.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Columns" onKeyDown={move}>
      {COLUMNS.map((key) => (
        <button
          key={key}
          id={`tab-${key}`}
          type="button"
          role="tab"
          aria-selected={state.column === key}
          aria-controls={`column-${key}`}
          tabIndex={state.column === key ? 0 : -1}
          onClick={() => app.showColumn(key)}
        >
          {COLUMN_WORDS[key]} <Total state={state.columnStates[key]} />
        </button>
      ))}
    </div>
  );
}

interface ColumnProps {
  app: App;
  state: ChromeState;
  column: ColumnKey;
  narrow: boolean;
}

function Column({ app, state, column, narrow }: ColumnProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => app.mountColumn(column, place.current!), [app, column]);
  const { query } = state;
  const list = state.columnStates[column];
  const chosen = query.columns[column];
  const role = narrow ? { role: "tabpanel" as const, "aria-labelledby": `tab-${column}` } : { "aria-label": COLUMN_WORDS[column] };
  return (
    <section
      id={`column-${column}`}
      class="column"
      data-column={column}
      data-busy={!list.loaded && list.shown > 0}
      hidden={narrow && state.column !== column}
      onPointerDown={() => app.showColumn(column)}
      {...role}
    >
      <header>
        {!narrow && (
          <h2>
            {COLUMN_WORDS[column]} <Total state={list} />
          </h2>
        )}
        <Order app={app} state={state} column={column} />
        <Funnel
          active={activeFilters(chosen.filters, query.window).length + (chosen.chain === "" ? 0 : 1)}
          label={`Filters of ${COLUMN_WORDS[column]}`}
          onClick={() => app.openSheet(column)}
        />
      </header>
      <Active
        filters={chosen.filters}
        window={query.window}
        refused={list.problem?.param ?? ""}
        onChange={(filters) => app.askColumn(column, { filters })}
        more={
          chosen.chain === ""
            ? []
            : [{ key: "chain", words: chainName(chosen.chain), onRemove: () => app.askColumn(column, { chain: "" }) }]
        }
      />
      <div class="pane">
        <div class="place" ref={place} />
        <Empty app={app} column={column} list={list} />
        {list.frozen && (state.paused || list.moved > 0) && (
          <button
            type="button"
            class="moved"
            title="Let the cards go where they belong"
            onClick={() => app.hold.settleColumn(column)}
            onPointerLeave={() => app.hold.restColumn(column, false)}
          >
            {state.paused ? "Paused" : "Order held"} · {list.moved} moved
          </button>
        )}
      </div>
    </section>
  );
}

function Total({ state: { total } }: { state: ColumnState }) {
  return <span class="total">{total === null ? "" : total.toLocaleString("en")}</span>;
}

/** What a column is sorted by, and which way. */
function Order({ app, state, column }: Omit<ColumnProps, "narrow">) {
  const { sort, order } = state.query.columns[column];
  const falling = order === "desc";
  return (
    <span class="order">
      <select
        aria-label={`Sort ${COLUMN_WORDS[column]} by`}
        value={sort}
        onChange={(event) => app.askColumn(column, { sort: event.currentTarget.value as typeof sort })}
      >
        {Object.entries(SORT_WORDS).map(([each, words]) => (
          <option key={each} value={each}>
            {words}
          </option>
        ))}
      </select>
      <button
        type="button"
        aria-label={falling ? "Descending; reverse" : "Ascending; reverse"}
        title={falling ? "Descending" : "Ascending"}
        onClick={() => app.askColumn(column, { order: falling ? "asc" : "desc" })}
      >
        {falling ? "↓" : "↑"}
      </button>
    </span>
  );
}

const NOTHING: Record<ColumnKey, string> = {
  new: "No token yet",
  curve: "No token is on its curve",
  graduated: "No token has graduated",
};

/** What stands in the place of cards while there are none. */
function Empty({ app, column, list }: { app: App; column: ColumnKey; list: ColumnState }) {
  if (list.shown > 0) return list.problem === null ? null : <p class="strip" role="alert">{explain(list.problem)}</p>;
  if (list.problem !== null) {
    return (
      <div class="notice" role="alert">
        <p>{explain(list.problem)}</p>
      </div>
    );
  }
  if (!list.loaded) return <Loading rows={6} />;
  const filtered = isFiltering(app.state.query.columns[column].filters);
  return (
    <div class="notice">
      <b>{filtered ? "No token passes these filters" : NOTHING[column]}</b>
      {filtered && (
        <button type="button" onClick={() => app.askColumn(column, { filters: NO_FILTERS })}>
          Without filters
        </button>
      )}
    </div>
  );
}

/** What the sheet of a column needs. */
export function columnSheet(state: ChromeState, column: ColumnKey) {
  return {
    title: `Filters of ${COLUMN_WORDS[column]}`,
    query: columnQuery(state.query, column),
    stages: COLUMN_STAGES[column],
  };
}
