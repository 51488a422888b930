/** The table's columns: what each shows of a row, how wide it is, and how a click on its head sorts. */
import type { Row } from "../client";
import { WINDOWS } from "../client/messages";
import * as format from "../format/number";
import type { Choosable } from "../model/choice";
import type { Sort, Window } from "../model/query";
import {
  ageCell,
  figure,
  graduationCell,
  safetyCell,
  sourcesCell,
  sparkCell,
  tokenCell,
  tradesCell,
  trend,
  type Cell,
} from "./cells";
import type { Sized } from "./layout";

export interface Column extends Sized, Choosable {
  name: string; // where the user chooses columns
  title(window: Window): string;
  hint: string;
  numeric: boolean;
  sort?: { by: Sort; window?: Window };
  make(): Cell;
}

type Windowed = "volume" | "buy_volume" | "sell_volume" | "traders" | "net_buyers";

const FIGURE = { least: 74, grow: 0.8, numeric: true } as const;

function change(window: Window, leaves: number): Column {
  const field = `price_change_${window}` as const;
  return {
    ...FIGURE,
    key: `change-${window}`,
    name: `Change ${window}`,
    title: () => window,
    hint: `Price change in ${window}`,
    least: 88,
    leaves,
    usual: true,
    sort: { by: "price_change", window },
    make: figure(
      (row) => row[field],
      format.percent,
      (node, value) => {
        node.dataset["trend"] = trend(value);
      },
    ),
  };
}

/** A figure of the chosen window. */
function windowed(field: Windowed, sort: Sort | null, name: string, short: string, hint: string, write: typeof format.amount): Omit<Column, "leaves" | "usual"> {
  return {
    ...FIGURE,
    ...(sort === null ? {} : { sort: { by: sort } }),
    key: field.replace("_", "-"),
    name,
    title: (window) => `${short} ${window}`,
    hint,
    make: figure((row, shown) => row[`${field}_${shown.window}`], write),
  };
}

function plain(key: string, name: string, hint: string, sort: Sort | null, read: (row: Row) => number | undefined, write: typeof format.amount): Omit<Column, "leaves" | "usual"> {
  return { ...FIGURE, ...(sort === null ? {} : { sort: { by: sort } }), key, name, title: () => name, hint, make: figure(read, write) };
}

const share = (value: number | null | undefined): string =>
  typeof value === "number" ? `${value.toFixed(value < 10 ? 1 : 0)}%` : format.UNKNOWN;
const score = (value: number | null | undefined): string =>
  typeof value === "number" ? value.toFixed(0) : format.UNKNOWN;

const USUAL = { usual: true } as const;
const OPTIONAL = { usual: false, leaves: 0 } as const; // added by the user: it stays
const CHANGE_LEAVES: Record<Window, number> = { "5m": 7, "1h": 1, "6h": 10, "24h": 4 };

/** Always there and always first. */
export const TOKEN: Column = {
  key: "token",
  name: "Token",
  title: () => "Token",
  hint: "Ticker, name, chain, stage and warnings",
  numeric: false,
  least: 176,
  grow: 2.2,
  leaves: 0,
  ...USUAL,
  make: tokenCell,
};

export const COLUMNS: readonly Column[] = [
  { ...FIGURE, ...USUAL, key: "age", name: "Age", title: () => "Age", hint: "Since the first pool", least: 68, grow: 0, leaves: 2, sort: { by: "newest" }, make: ageCell },
  { ...FIGURE, ...USUAL, key: "price", name: "Price", title: () => "Price", hint: "In USD", least: 92, grow: 0.3, leaves: 0, make: figure((row) => row.price, format.price) },
  { ...USUAL, key: "spark", name: "Last 24h", title: () => "Last 24h", hint: "The price of the last 24 hours: recorded closes of each hour, then the live price", numeric: false, least: 92, grow: 0, leaves: 8, make: sparkCell },
  { ...USUAL, key: "safety", name: "Safety", title: () => "Safety", hint: "Largest holders, dev, organic score; mint, freeze, verified. A dash or a question mark is unknown", numeric: false, least: 178, grow: 0, leaves: 1, make: safetyCell },
  ...WINDOWS.map((window) => change(window, CHANGE_LEAVES[window])),
  { ...windowed("volume", "volume", "Volume", "Vol", "Volume in USD", format.amount), ...USUAL, leaves: 0 },
  {
    ...FIGURE,
    ...USUAL,
    key: "trades",
    name: "Transactions",
    title: (window) => `Txns ${window}`,
    hint: "Transactions, with the split of buys and sells of 24h",
    least: 78,
    leaves: 6,
    sort: { by: "transactions" },
    make: tradesCell,
  },
  { ...plain("liquidity", "Liquidity", "In USD, all pools that count", "liquidity", (row) => row.liquidity, format.amount), ...USUAL, leaves: 3 },
  { ...plain("cap", "Mkt cap", "Market cap in USD", "market_cap", (row) => row.market_cap, format.amount), ...USUAL, leaves: 5 },
  { ...windowed("traders", "traders", "Traders", "Traders", "Distinct traders: never more than there are", format.count), ...OPTIONAL, least: 82 },
  { ...windowed("net_buyers", null, "Net buyers", "Net", "Buyers less sellers", format.count), ...OPTIONAL },
  { ...plain("organic", "Organic", "Organic score, 0 to 100", "organic_score", (row) => row.organic_score, score), ...OPTIONAL },
  { ...plain("holders", "Holders", "Addresses that hold the token", "holders", (row) => row.holders, format.count), ...OPTIONAL },
  { ...windowed("buy_volume", null, "Buy volume", "Buys", "Bought, in USD", format.amount), ...OPTIONAL },
  { ...windowed("sell_volume", null, "Sell volume", "Sells", "Sold, in USD", format.amount), ...OPTIONAL },
  { ...FIGURE, ...OPTIONAL, sort: { by: "graduation_pct" }, key: "graduation", name: "Graduation", title: () => "Grad.", hint: "How much of the bonding curve is done", make: graduationCell },
  { ...plain("top-holders", "Top holders", "Share of the largest holders", null, (row) => row.top_holders_pct, share), ...OPTIONAL, least: 86 },
  { ...plain("dev-share", "Dev", "Share of the dev", null, (row) => row.dev_pct, share), ...OPTIONAL, least: 62 },
  { ...USUAL, key: "sources", name: "Sources", title: () => "Sources", hint: "Who reports it; each opens the token there", numeric: false, least: 100, grow: 0, leaves: 9, make: sourcesCell },
];

/** Columns of which the history keeps the figures. */
export const KEPT: readonly string[] = ["age", "price", "change-1h", "change-24h", "volume", "liquidity", "cap"];
/** Columns that are no figures: a phone has no place for them beside the name. */
export const WIDE: readonly string[] = ["spark", "safety", "sources"];
export const BY_KEY: ReadonlyMap<string, Column> = new Map([TOKEN, ...COLUMNS].map((column) => [column.key, column]));
