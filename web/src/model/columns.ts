/** The board's three columns: what each lists, and what can be chosen of it. Pure. */
import { SORTS } from "../client/messages";
import { NO_FILTERS, parseFilters, putFilters, type Filters, type Stage } from "./filters";

export const COLUMNS = ["new", "curve", "graduated"] as const;
export type ColumnKey = (typeof COLUMNS)[number];

/** What is chosen of a column; its filters do not name the stages that it is of in any case. */
export interface Column {
  readonly sort: (typeof SORTS)[number];
  readonly order: "desc" | "asc";
  readonly chain: string; // "" is that of the page
  readonly filters: Filters;
}

export type Columns = Readonly<Record<ColumnKey, Column>>;

const usual = (sort: Column["sort"]): Column => ({ sort, order: "desc", chain: "", filters: NO_FILTERS });

export const USUAL: Columns = { new: usual("newest"), curve: usual("graduation_pct"), graduated: usual("graduated") };
export const COLUMN_WORDS: Readonly<Record<ColumnKey, string>> = { new: "New", curve: "On curve", graduated: "Graduated" };
/** The stages of a column; null: any, also none. What completed its curve has not graduated yet. */
export const COLUMN_STAGES: Readonly<Record<ColumnKey, readonly Stage[] | null>> = {
  new: null,
  curve: ["curve", "completed"],
  graduated: ["graduated"],
};

/** Read the columns of an address: `new.min_liquidity=1000`. */
export function parseColumns(given: URLSearchParams): Columns {
  return { new: parseColumn(given, "new"), curve: parseColumn(given, "curve"), graduated: parseColumn(given, "graduated") };
}

/** Write what differs from the usual. */
export function putColumns(params: URLSearchParams, columns: Columns): void {
  for (const key of COLUMNS) {
    const { sort, order, chain, filters } = columns[key];
    if (sort !== USUAL[key].sort) params.set(`${key}.sort`, sort);
    if (order !== "desc") params.set(`${key}.order`, order);
    if (chain !== "") params.set(`${key}.chain`, chain);
    putFilters(params, filters, `${key}.`);
  }
}

/** Read a chain of an address; "" is none, or none that can be. */
export function parseChain(given: string | null): string {
  return /^[a-z0-9_-]{1,32}$/.test(given ?? "") ? given! : "";
}

function parseColumn(given: URLSearchParams, key: ColumnKey): Column {
  const filters = parseFilters(given, `${key}.`);
  return {
    sort: SORTS.find((sort) => sort === given.get(`${key}.sort`)) ?? USUAL[key].sort,
    order: given.get(`${key}.order`) === "asc" ? "asc" : "desc",
    chain: parseChain(given.get(`${key}.chain`)),
    filters: COLUMN_STAGES[key] === null ? filters : { ...filters, stage: [] },
  };
}
