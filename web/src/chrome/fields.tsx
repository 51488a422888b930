/** The fields of the filter sheet. */
import { useState } from "preact/hooks";
import { readTyped, titleOf, typed, type Figure, type FigureName, type Window } from "../model/figures";
import { limited, MARK_WORDS, type Filters, type Limit, type Mark } from "../model/filters";

const SIGNS = { price: "$", usd: "$", percent: "%", count: "", score: "", minutes: "" } as const;
const EXAMPLES = { price: "0.001", usd: "10k", percent: "50", count: "100", score: "40", minutes: "1h" } as const;

interface RangeProps {
  figure: Figure & { name: FigureName };
  window: Window;
  filters: Filters;
  refused: string; // the parameter that the server does not take
  onChange(filters: Filters): void;
}

/** Both ends of one figure. */
export function Range({ figure, window, filters, refused, onChange }: RangeProps) {
  const title = titleOf(figure, window);
  return (
    <div class="range" role="group" aria-label={title}>
      <span aria-hidden="true">{title}</span>
      {(["min", "max"] as const).map((end) => {
        const limit: Limit = `${end}_${figure.name}`;
        return (
          <End
            key={end}
            figure={figure}
            words={`${title}, ${end === "min" ? "at least" : "at most"}`}
            hint={end === "min" ? "min" : "max"}
            value={filters.limits[limit] ?? null}
            refused={refused === limit}
            onChange={(value) => onChange(limited(filters, limit, value))}
          />
        );
      })}
    </div>
  );
}

interface EndProps {
  figure: Figure;
  words: string;
  hint: string;
  value: number | null;
  refused: boolean;
  onChange(value: number | null): void;
}

function End({ figure: { unit, signed }, words, hint, value, refused, onChange }: EndProps) {
  const shown = value === null ? "" : typed(unit, value);
  const [text, setText] = useState<string | null>(null); // while it is typed
  const wrong = text !== null && Number.isNaN(readTyped(unit, text, signed));
  const sign = SIGNS[unit];
  return (
    <label class="end" data-sign={sign} data-set={value !== null}>
      <input
        type="text"
        inputMode={unit === "minutes" || signed ? "text" : "decimal"}
        aria-label={words}
        aria-invalid={wrong || refused}
        title={wrong ? `Not a number, such as ${EXAMPLES[unit]}` : `Such as ${EXAMPLES[unit]}`}
        placeholder={hint}
        autocomplete="off"
        spellcheck={false}
        maxLength={32}
        value={text ?? shown}
        onInput={(event) => {
          const given = event.currentTarget.value;
          const read = readTyped(unit, given, signed);
          setText(given);
          onChange(Number.isNaN(read) ? null : read);
        }}
        onBlur={() => !wrong && setText(null)}
      />
    </label>
  );
}

interface ChoiceProps {
  mark: Mark;
  filters: Filters;
  onChange(filters: Filters): void;
}

const CHOICES = ["any", "has", "not"] as const;

/** Whether a mark must be there, must not be known to be there, or does not matter. */
export function Choice({ mark, filters, onChange }: ChoiceProps) {
  const chosen = filters.has.includes(mark) ? "has" : filters.not.includes(mark) ? "not" : "any";
  const choose = (choice: (typeof CHOICES)[number]) => {
    const without = (marks: readonly Mark[]) => marks.filter((each) => each !== mark);
    const [has, not] = [without(filters.has), without(filters.not)];
    onChange({
      ...filters,
      has: choice === "has" ? [...has, mark] : has,
      not: choice === "not" ? [...not, mark] : not,
    });
  };
  return (
    <fieldset class="choice" data-set={chosen !== "any"}>
      <legend>{MARK_WORDS[mark][0]}</legend>
      <span class="switch">
        {CHOICES.map((choice) => (
          <label key={choice}>
            <input type="radio" name={mark} checked={chosen === choice} onChange={() => choose(choice)} />
            <span>{choice === "any" ? "Any" : choice === "has" ? "Yes" : "No"}</span>
          </label>
        ))}
      </span>
    </fieldset>
  );
}

interface TextProps {
  label: string;
  value: string;
  known: readonly string[]; // offered; others can be typed
  refused: boolean;
  onChange(value: string): void;
}

export function Text({ label, value, known, refused, onChange }: TextProps) {
  const list = `known-${label.toLowerCase()}`;
  return (
    <label class="field" data-set={value !== ""}>
      <span>{label}</span>
      <input
        type="text"
        list={list}
        placeholder="any"
        autocomplete="off"
        spellcheck={false}
        maxLength={128}
        aria-invalid={refused}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value.trim())}
      />
      <datalist id={list}>
        {known.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </label>
  );
}

interface PickProps {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  refused?: boolean;
  onChange(value: string): void;
}

export function Pick({ label, value, options, refused = false, onChange }: PickProps) {
  const offered = options.some(([option]) => option === value) ? options : [...options, [value, value] as const];
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} aria-invalid={refused} onChange={(event) => onChange(event.currentTarget.value)}>
        {offered.map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
