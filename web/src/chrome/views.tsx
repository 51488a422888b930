/** The presets, the filters in force, and what can be done with the view as it is. */
import { useState } from "preact/hooks";
import type { App } from "../app";
import { activeFilters, NO_FILTERS, type Filters } from "../model/filters";
import { leftWords, pastQuery } from "../model/past";
import { isShown, NAME_MAX, queryOf, type Preset } from "../model/presets";
import { formatQuery, type Query } from "../model/query";
import { closeAround, Dialog } from "./dialog";
import type { ChromeState } from "./state";

const KEYS = 9; // presets that a key shows

export function Views({ app, state }: { app: App; state: ChromeState }) {
  const { query, presets } = state;
  return (
    <div class="views">
      {query.view === "list" && <Funnel idle={app.isPast} active={activeFilters(query.filters, query.window).length} onClick={() => app.openSheet("list")} />}
      <div class="presets" role="group" aria-label="Presets">
        {presets.map((preset, place) => (
          <button
            key={`${preset.own} ${preset.name}`}
            type="button"
            class="preset"
            aria-pressed={isShown(preset, query)}
            aria-disabled={leftOf(preset, query) !== ""}
            title={leftOf(preset, query) || (place < KEYS ? `Key ${place + 1}` : undefined)}
            onClick={() => app.presets.show(preset)}
          >
            {place < KEYS && <kbd aria-hidden="true">{place + 1}</kbd>}
            {preset.name}
          </button>
        ))}
      </div>
      <button type="button" class="preset more" aria-label="Save preset" title="Save, rename, share" onClick={() => app.open("presets")}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 3.5v9M3.5 8h9" />
        </svg>
        <span>Save preset</span>
      </button>
    </div>
  );
}

/** Why a preset cannot be shown of the past; "" where it can. */
function leftOf(preset: Preset, query: Query): string {
  return query.at === null ? "" : leftWords(pastQuery(queryOf(preset, query)));
}

interface FunnelProps {
  idle?: boolean; // filters do not apply now
  active: number; // filters in force
  label?: string; // of one of several, which say no more than how many
  onClick(): void;
}

/** Opens the sheet. */
export function Funnel({ active, label, idle = false, onClick }: FunnelProps) {
  return (
    <button
      type="button"
      class={active > 0 ? "chip funnel on" : "chip funnel"}
      aria-haspopup="dialog"
      aria-label={label === undefined || active === 0 ? label : `${label}: ${active}`}
      aria-disabled={idle}
      title={idle ? "Filters are of the live list" : (label ?? "Filters (f)")}
      onClick={onClick}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M2 4h12M4.5 8h7M6.5 12h3" />
      </svg>
      {label === undefined && "Filters"}
      {active > 0 && <b>{active}</b>}
    </button>
  );
}

interface ActiveProps {
  filters: Filters;
  window: ChromeState["query"]["window"];
  refused: string; // the parameter that the server does not take
  idle?: boolean; // none of them applies now: the list is of the past
  onChange(filters: Filters): void;
  more?: readonly { key: string; words: string; onRemove(): void }[]; // that are no filters of a list
}

/** The filters in force, each with a button that removes it. */
export function Active({ filters, window, refused, idle = false, onChange, more = [] }: ActiveProps) {
  const active = activeFilters(filters, window);
  if (active.length + more.length === 0) return null;
  return (
    <ul class="active" data-idle={idle} aria-label={idle ? "Filters that do not apply to the past" : "Filters in force"}>
      {active.map(({ key, words, params, without }) => (
        <li key={key}>
          <button
            type="button"
            class="chip"
            aria-label={`Remove the filter ${words}`}
            aria-invalid={params.includes(refused)}
            onClick={() => onChange(without)}
          >
            {words} <span aria-hidden="true">×</span>
          </button>
        </li>
      ))}
      {more.map(({ key, words, onRemove }) => (
        <li key={key}>
          <button type="button" class="chip" aria-label={`Remove the filter ${words}`} onClick={onRemove}>
            {words} <span aria-hidden="true">×</span>
          </button>
        </li>
      ))}
      {active.length > 1 && (
        <li>
          <button type="button" class="clear" onClick={() => onChange(NO_FILTERS)}>
            Clear all
          </button>
        </li>
      )}
    </ul>
  );
}

/** Save the view, share it, and rename or remove what was saved. */
export function ManagePresets({ app, state }: { app: App; state: ChromeState }) {
  const own = state.presets.filter((preset) => preset.own);
  const first = state.presets.length - own.length;
  return (
    <Dialog class="help manage" label="Presets" onClose={() => app.state.panel === "presets" && app.open("")}>
      <header>
        <h2>Presets</h2>
        <button type="button" class="close" aria-label="Close the presets" onClick={(event) => closeAround(event.currentTarget)}>
          ×
        </button>
      </header>
      <Save app={app} />
      <p class="choices">
        <button type="button" class="plain" onClick={() => void app.copy(location.origin + location.pathname + formatQuery({ ...state.query, token: "" }), "Link copied")}>
          Copy link
        </button>
        <button type="button" class="plain" onClick={() => void app.presets.copyCurl(state.query)}>
          Copy as curl
        </button>
      </p>
      <h3>Your own</h3>
      {own.length === 0 && <p class="muted">None yet. A preset is what you see now: filters, sort, window and chain. This browser keeps it.</p>}
      <ol class="own" aria-label="Your own presets">
        {own.map((preset, place) => (
          <Own key={preset.name} app={app} preset={preset} number={first + place + 1} />
        ))}
      </ol>
    </Dialog>
  );
}

function Save({ app }: { app: App }) {
  const [name, setName] = useState("");
  return (
    <form
      class="save"
      onSubmit={(event) => {
        event.preventDefault();
        if (app.presets.save(name)) setName("");
      }}
    >
      <input
        type="text"
        aria-label="Name of this preset"
        placeholder="Name of this preset"
        maxLength={NAME_MAX}
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={name.trim() === ""}>
        Save
      </button>
    </form>
  );
}

function Own({ app, preset, number }: { app: App; preset: Preset; number: number }) {
  return (
    <li>
      {number <= KEYS ? <kbd title={`Key ${number}`}>{number}</kbd> : <kbd>–</kbd>}
      <input
        type="text"
        aria-label={`Name of ${preset.name}`}
        maxLength={NAME_MAX}
        defaultValue={preset.name}
        onChange={(event) => {
          if (!app.presets.rename(preset, event.currentTarget.value)) event.currentTarget.value = preset.name;
        }}
      />
      <button type="button" class="plain" onClick={() => app.presets.remove(preset)} aria-label={`Delete ${preset.name}`}>
        Delete
      </button>
    </li>
  );
}
