/** Views that are one click or one key away: those that come with the page, and the user's own. */
import { DEFAULTS, formatQuery, parseQuery, remembered, type Query } from "./query";
import { keep, kept } from "./store";

/** A view by its address. `own`: this browser keeps it, and it can be renamed and removed. */
export interface Preset {
  readonly name: string;
  readonly search: string; // as in an address, without an open token
  readonly own: boolean;
}

export const NAME_MAX = 40; // characters
const SEARCH_MAX = 4_000;
const OWN_MAX = 50;
const KEY = "dexwire:presets";

const SAFE = [
  "has=mint_revoked,freeze_revoked",
  "not=suspicious,drained,copycat,thin",
  "min_liquidity=10000",
  "max_top_holders_pct=50",
].join("&");

export const BUILT_IN: readonly Preset[] = [
  ["Trending 1h", "?sort=trending&window=1h"],
  ["New < 1 h, liquidity > 10k", "?sort=newest&window=1h&max_age_minutes=60&min_liquidity=10000"],
  ["About to graduate", "?sort=graduation_pct&window=1h&stage=curve,completed"],
  ["Fresh graduates", "?sort=graduated&window=1h&stage=graduated"],
  ["Safe only", `?sort=trending&window=1h&${SAFE}`],
].map(([name, search]) => ({ name: name!, search: canonical(search!), own: false }));

/** The user's own presets, as this browser keeps them. Without storage they last as long as the page. */
export class Presets {
  private own: Preset[] = read();

  /** All presets, in the order of their keys. */
  get all(): readonly Preset[] {
    return [...BUILT_IN, ...this.own];
  }

  /** Keep a view under a name; one of that name is replaced. Return whether there was room. */
  save(name: string, query: Query): boolean {
    const made = { name: named(name), search: searchOf(query), own: true };
    const taken = this.own.some((each) => each.name === made.name);
    if (made.name === "" || (!taken && this.own.length >= OWN_MAX)) return false;
    this.put(taken ? this.own.map((each) => (each.name === made.name ? made : each)) : [...this.own, made]);
    return true;
  }

  /** Give one of the user's own another name; a name that is taken or empty changes nothing. */
  rename(preset: Preset, name: string): boolean {
    const wanted = named(name);
    if (wanted === "" || this.own.some((each) => each.name === wanted)) return wanted === preset.name;
    this.put(this.own.map((each) => (each.name === preset.name ? { ...each, name: wanted } : each)));
    return true;
  }

  remove(preset: Preset): void {
    this.put(this.own.filter((each) => each.name !== preset.name));
  }

  private put(own: Preset[]): void {
    this.own = own;
    keep(KEY, JSON.stringify(own.map(({ name, search }) => ({ name, search }))));
  }
}

/** The query of a preset, shown after another. Those of the page are of the chain that is looked at. */
export function queryOf(preset: Preset, before: Query): Query {
  const { chain, token, at } = before;
  const query = remembered(parseQuery(preset.search), before);
  return { ...query, token, at: query.view === "board" ? null : at, chain: preset.own ? query.chain : chain };
}

/** Whether a query is what a preset shows. */
export function isShown(preset: Preset, query: Query): boolean {
  return searchOf(query) === searchOf(queryOf(preset, query));
}

/** The address of a view, without an open token or a time. */
export function searchOf(query: Query): string {
  return formatQuery({ ...query, token: DEFAULTS.token, at: DEFAULTS.at });
}

function canonical(search: string): string {
  return searchOf(parseQuery(search));
}

function named(name: string): string {
  return name.trim().replace(/\s+/g, " ").slice(0, NAME_MAX);
}

function read(): Preset[] {
  let stored: unknown;
  try {
    stored = JSON.parse(kept(KEY) ?? "[]");
  } catch {
    return []; // not written by this page
  }
  if (!Array.isArray(stored)) return [];
  const found = new Map<string, Preset>();
  for (const each of stored as Partial<Preset>[]) {
    if (typeof each?.name !== "string" || typeof each.search !== "string" || each.search.length > SEARCH_MAX) continue;
    const name = named(each.name);
    if (name !== "") found.set(name, { name, search: canonical(each.search), own: true });
  }
  return [...found.values()].slice(0, OWN_MAX);
}
