/** Every filter of the API on one sheet, with the number of tokens that pass before it is applied. */
import { useState } from "preact/hooks";
import type { App } from "../app";
import { SORTS, WINDOWS } from "../client/messages";
import { FIGURES, type Figure } from "../model/figures";
import { MARKS, NO_FILTERS, STAGES, STAGE_WORDS, type Filters, type Stage } from "../model/filters";
import { orderOf, type Order, type Query, type Window } from "../model/query";
import { useCount, type Count } from "./counter";
import { closeAround, Dialog } from "./dialog";
import { Choice, Pick, Range, Text } from "./fields";
import { chainName } from "./filters";
import type { ChromeState } from "./state";
import { SORT_WORDS } from "./words";

const GROUPS: readonly [Figure["group"], string][] = [
  ["market", "Market"],
  ["trading", "Trading"],
  ["holders", "Holders and developer"],
];

interface Props {
  app: App;
  state: ChromeState;
  title: string;
  query: Query; // what is shown now
  /** The stages that this list is of in any case; null: they can be chosen. */
  stages: readonly Stage[] | null;
  onApply(query: Query): void;
}

export function Sheet({ app, state, title, query, stages, onApply }: Props) {
  const [draft, setDraft] = useState(query);
  const [resets, setResets] = useState(0);
  const count = useCount(app, draft);
  const { filters, window } = draft;
  const refused = count.problem?.param ?? "";
  const change = (news: Filters) => setDraft((before) => ({ ...before, filters: news }));
  const range = (figure: (typeof FIGURES)[number]) => (
    <Range key={figure.name} figure={figure} window={window} filters={filters} refused={refused} onChange={change} />
  );
  return (
    <Dialog class="sheet" label={title} onClose={() => app.closeSheet()}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          onApply(draft);
          closeAround(event.currentTarget);
        }}
      >
        <header>
          <h2>{title}</h2>
          <button type="button" class="close" aria-label="Close the filters" onClick={(event) => closeAround(event.currentTarget)}>
            ×
          </button>
        </header>
        <div class="scroll" key={resets}>
          <section class="ordering">
            <Pick
              label="Sort by"
              value={orderOf(draft)}
              options={sorts(draft)}
              onChange={(sort) => setDraft({ ...draft, sort: sort as Order })}
            />
            <Pick
              label="Order"
              value={draft.order}
              options={[
                ["desc", "Descending"],
                ["asc", "Ascending"],
              ]}
              onChange={(order) => setDraft({ ...draft, order: order as Query["order"] })}
            />
            <Pick
              label="Window"
              value={window}
              options={WINDOWS.map((each) => [each, each])}
              onChange={(each) => setDraft({ ...draft, window: each as Window })}
            />
            <Pick
              label="Chain"
              value={draft.chain}
              options={[["", "All chains"], ...state.chains.map((chain) => [chain, chainName(chain)] as const)]}
              refused={refused === "chain"}
              onChange={(chain) => setDraft({ ...draft, chain })}
            />
          </section>
          <section>
            <h3>
              Safety and quality <small>“No” includes unknown</small>
            </h3>
            <div class="choices">
              {MARKS.map((mark) => (
                <Choice key={mark} mark={mark} filters={filters} onChange={change} />
              ))}
            </div>
          </section>
          {GROUPS.map(([group, words]) => (
            <section key={group}>
              <h3>{words}</h3>
              <div class="ranges">{FIGURES.filter((figure) => figure.group === group).map(range)}</div>
            </section>
          ))}
          <section>
            <h3>Launch</h3>
            {stages === null && <Stages filters={filters} onChange={change} />}
            <div class="ranges">{FIGURES.filter((figure) => figure.group === "stage").map(range)}</div>
            <div class="texts">
              {(["launchpad", "protocol"] as const).map((name) => (
                <Text
                  key={name}
                  label={name === "launchpad" ? "Launchpad" : "Exchange"}
                  value={filters[name]}
                  known={app.words(name)}
                  refused={refused === name}
                  onChange={(value) => change({ ...filters, [name]: value })}
                />
              ))}
              <Pick
                label="Source"
                value={filters.source}
                options={[["", "any"], ...(state.config?.sources ?? []).map(({ name, title: words }) => [name, words] as const)]}
                refused={refused === "source"}
                onChange={(source) => change({ ...filters, source })}
              />
            </div>
          </section>
        </div>
        <footer>
          <button
            type="button"
            class="plain"
            onClick={() => {
              setDraft({ ...draft, filters: stages === null ? NO_FILTERS : { ...NO_FILTERS, stage: stages } });
              setResets(resets + 1);
            }}
          >
            Reset
          </button>
          <button type="button" class="plain" onClick={() => void app.presets.copyCurl(draft)}>
            Copy as curl
          </button>
          <button type="submit" class="primary" data-busy={count.counting}>
            {applyWords(count)}
          </button>
          <p class="hidden" role="status">
            {count.counting || count.total === null ? "" : `${count.total} tokens pass`}
          </p>
          {count.problem !== null && (
            <p class="problem" role="alert">
              {count.problem.detail}
            </p>
          )}
        </footer>
      </form>
    </Dialog>
  );
}

interface StagesProps {
  filters: Filters;
  onChange(filters: Filters): void;
}

function Stages({ filters, onChange }: StagesProps) {
  const toggled = (stage: Stage) =>
    STAGES.filter((each) => (each === stage) !== filters.stage.includes(each)); // in the usual order
  return (
    <div class="stages" role="group" aria-label="Stage">
      {STAGES.map((stage) => (
        <button
          key={stage}
          type="button"
          class="chip"
          aria-pressed={filters.stage.includes(stage)}
          onClick={() => onChange({ ...filters, stage: toggled(stage) })}
        >
          {STAGE_WORDS[stage]}
        </button>
      ))}
    </div>
  );
}

function applyWords({ total }: Count): string {
  if (total === null) return "Show";
  return total === 1 ? "Show 1 token" : `Show ${total.toLocaleString("en")} tokens`;
}

/** What can be sorted by; the best match only where words are searched for. */
function sorts(query: Query): readonly (readonly [string, string])[] {
  const known = SORTS.map((sort) => [sort, SORT_WORDS[sort] ?? sort] as const);
  return orderOf(query) === "match" ? [["match", "Best match"], ...known] : known;
}
