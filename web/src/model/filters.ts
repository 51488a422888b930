/**
 * What a list is filtered by: the API's filters under the API's names, in the address as in a
 * request. Pure. docs/HTTP.md says what each means.
 */
import type { Row } from "../client";
import { full } from "../format/number";
import { FIGURES, limitWords, titleOf, valueOf, type Figure, type FigureName, type Window } from "./figures";

export const STAGES = ["curve", "completed", "graduated"] as const;
const FLAGS = ["suspicious", "drained", "copycat", "mintable", "freezable", "boosted", "thin"] as const;
const FACTS = ["mint_revoked", "freeze_revoked", "verified"] as const;
export const MARKS = [...FACTS, ...FLAGS] as const;
export type Stage = (typeof STAGES)[number];
export type Mark = (typeof MARKS)[number];
export type Limit = `${"min" | "max"}_${FigureName}`;
export type Limits = Readonly<Partial<Record<Limit, number>>>;

export interface Filters {
  readonly limits: Limits;
  readonly has: readonly Mark[]; // known to be true
  readonly not: readonly Mark[]; // not known to be true
  readonly stage: readonly Stage[]; // one of these; none: any
  readonly launchpad: string;
  readonly protocol: string;
  readonly source: string;
}

/** One filter in force: what it says, and what is left without it. */
export interface ActiveFilter {
  key: string;
  params: readonly string[]; // of the address, to find the one that the server refuses
  words: string;
  without: Filters;
}

export const NO_FILTERS: Filters = { limits: {}, has: [], not: [], stage: [], launchpad: "", protocol: "", source: "" };
export const STAGE_WORDS: Record<Stage, string> = { curve: "On curve", completed: "Completed", graduated: "Graduated" };
/** What each mark is called, and what it is called where it must not be. */
export const MARK_WORDS: Record<Mark, readonly [string, string]> = {
  mint_revoked: ["Mint revoked", "Mint not revoked"],
  freeze_revoked: ["Freeze revoked", "Freeze not revoked"],
  verified: ["Verified", "Not verified"],
  suspicious: ["Suspicious", "Not suspicious"],
  drained: ["Drained", "Not drained"],
  copycat: ["Copycat", "No copycat"],
  mintable: ["Mintable", "Not mintable"],
  freezable: ["Freezable", "Not freezable"],
  boosted: ["Boosted", "Not boosted"],
  thin: ["Thin pool", "No thin pool"],
};

const TEXT_MAX = { launchpad: 64, protocol: 128, source: 65 } as const;
const NUMBER = /^-?\d{1,15}(\.\d{1,30})?$/;
const SOURCE = /^[a-z][a-z0-9_-]{0,31}(:[a-z][a-z0-9_-]{0,31})?$/;
const ENDS = ["min", "max"] as const;

/** Read the filters of an address; whatever makes no sense there is no filter. */
export function parseFilters(given: URLSearchParams, prefix = ""): Filters {
  const limits: Partial<Record<Limit, number>> = {};
  for (const figure of FIGURES) {
    for (const end of ENDS) {
      const value = number(given.get(`${prefix}${end}_${figure.name}`), figure.signed);
      if (value !== null) limits[`${end}_${figure.name}`] = value;
    }
  }
  const hours = number(given.get(`${prefix}max_age_hours`)); // of earlier addresses
  if (hours !== null) limits.max_age_minutes ??= hours * 60;
  const has = chosen(MARKS, given.get(`${prefix}has`));
  const text = (name: keyof typeof TEXT_MAX) => (given.get(prefix + name) ?? "").trim().slice(0, TEXT_MAX[name]);
  return {
    limits,
    has,
    not: chosen(MARKS, given.get(`${prefix}not`)).filter((mark) => !has.includes(mark)),
    stage: chosen(STAGES, given.get(`${prefix}stage`)),
    launchpad: text("launchpad"),
    protocol: text("protocol"),
    source: SOURCE.test(text("source")) ? text("source") : "",
  };
}

/** Write filters into the parameters of an address or a request. */
export function putFilters(params: URLSearchParams, filters: Filters, prefix = ""): void {
  const put = (name: string, value: string) => {
    if (value !== "") params.set(prefix + name, value);
  };
  for (const { name } of FIGURES) {
    for (const end of ENDS) {
      const value = filters.limits[`${end}_${name}`];
      if (value !== undefined) put(`${end}_${name}`, full(value));
    }
  }
  put("has", filters.has.join());
  put("not", filters.not.join());
  put("stage", filters.stage.join());
  put("launchpad", filters.launchpad);
  put("protocol", filters.protocol);
  put("source", filters.source);
}

/** Whether any filter is in force. */
export function isFiltering(filters: Filters): boolean {
  return activeFilters(filters, "24h").length > 0;
}

/** Whether a figure is limited that is another one in another window. */
export function followsWindow({ limits }: Filters): boolean {
  const isLimited = ({ name }: { name: FigureName }) => limitsOf(limits, name).some((end) => end !== undefined);
  return FIGURES.some((figure) => figure.windowed === true && isLimited(figure));
}

/** The test that a row must pass. Unknown is within no limit and is no mark, as on the server. */
export function passing(filters: Filters, window: Window, nowMs: number): (row: Row) => boolean {
  const { has, not, stage, launchpad, protocol, source } = filters;
  const tests: ((row: Row) => boolean)[] = [];
  for (const figure of FIGURES) {
    const [least, most] = limitsOf(filters.limits, figure.name);
    if (least === undefined && most === undefined) continue;
    tests.push((row) => {
      const value = valueOf(row, figure, window, nowMs);
      return value !== undefined && value >= (least ?? -Infinity) && value <= (most ?? Infinity);
    });
  }
  for (const mark of has) tests.push((row) => isMarked(row, mark));
  for (const mark of not) tests.push((row) => !isMarked(row, mark));
  if (stage.length > 0) tests.push((row) => stage.some((each) => textOf(row, "stage") === each));
  if (launchpad !== "") tests.push((row) => textOf(row, "launchpad").toLowerCase() === launchpad.toLowerCase());
  if (protocol !== "") tests.push((row) => textOf(row, "protocol").toLowerCase() === protocol.toLowerCase());
  if (source !== "") tests.push((row) => row.sources?.includes(source) ?? false);
  return (row) => tests.every((test) => test(row));
}

/** Whether a row is known to be what a mark says. */
export function isMarked(row: Row, mark: Mark): boolean {
  const words = row as unknown as { flags?: readonly string[] } & Record<string, unknown>;
  return words[mark] === true || (words.flags?.includes(mark) ?? false);
}

/** Every filter in force, in the order of the sheet. */
export function activeFilters(filters: Filters, window: Window): ActiveFilter[] {
  const found: ActiveFilter[] = [];
  for (const figure of FIGURES) {
    const [least, most] = limitsOf(filters.limits, figure.name);
    if (least === undefined && most === undefined) continue;
    const without = limited(limited(filters, `min_${figure.name}`, null), `max_${figure.name}`, null);
    const params = [`min_${figure.name}`, `max_${figure.name}`];
    found.push({ key: figure.name, params, words: `${titleOf(figure, window)} ${range(figure, least, most)}`, without });
  }
  for (const name of ["has", "not"] as const) {
    for (const mark of filters[name]) {
      const without = { ...filters, [name]: filters[name].filter((each) => each !== mark) };
      found.push({ key: `${name}-${mark}`, params: [name], words: MARK_WORDS[mark][name === "has" ? 0 : 1], without });
    }
  }
  if (filters.stage.length > 0) {
    const words = filters.stage.map((stage) => STAGE_WORDS[stage]).join(" or ");
    found.push({ key: "stage", params: ["stage"], words, without: { ...filters, stage: [] } });
  }
  for (const name of ["launchpad", "protocol", "source"] as const) {
    if (filters[name] === "") continue;
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    found.push({ key: name, params: [name], words: `${title} ${filters[name]}`, without: { ...filters, [name]: "" } });
  }
  return found;
}

/** Filters with one limit set, or without it. */
export function limited(filters: Filters, limit: Limit, value: number | null): Filters {
  const { [limit]: _, ...rest } = filters.limits as Partial<Record<Limit, number>>;
  return { ...filters, limits: value === null ? rest : { ...rest, [limit]: value } };
}

function range(figure: Figure, least: number | undefined, most: number | undefined): string {
  const words = (value: number) => limitWords(figure.unit, value);
  if (least !== undefined && most !== undefined) return `${words(least)} – ${words(most)}`;
  return least !== undefined ? `≥ ${words(least)}` : `≤ ${words(most!)}`;
}

function limitsOf(limits: Limits, name: FigureName): [number | undefined, number | undefined] {
  return [limits[`min_${name}`], limits[`max_${name}`]];
}

/** Return a row's field that is a text, "" when it has none. */
export function textOf(row: Row, field: string): string {
  const value = (row as unknown as Record<string, unknown>)[field];
  return typeof value === "string" ? value : "";
}

function number(given: string | null, signed = false): number | null {
  if (given === null || !NUMBER.test(given)) return null;
  const value = Number(given) + 0;
  return value < 0 && !signed ? null : value;
}

function chosen<T extends string>(known: readonly T[], given: string | null): T[] {
  const wanted = (given ?? "").split(",");
  return known.filter((word) => wanted.includes(word));
}
