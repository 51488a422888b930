import { expect, test } from "vitest";
import type { Row } from "../src/client";
import { readTyped, typed } from "../src/model/figures";
import { activeFilters, NO_FILTERS, type Filters, type Limits } from "../src/model/filters";
import { matches, moved, passes, sorted, starredRows } from "../src/model/order";
import {
  DEFAULTS,
  formatQuery,
  isPolled,
  listTopic,
  orderOf,
  parseQuery,
  wanted,
  type Query,
} from "../src/model/query";

const NOW = 1_790_000_000_000;
const query = (news: Partial<Query>): Query => ({ ...DEFAULTS, ...news });
const limits = (limits: Limits) => ({ filters: { ...NO_FILTERS, limits } });
const row = (news: Partial<Row>): Row => ({ id: "solana:A", ...news });

test("an address says only what differs from the usual", () => {
  expect(formatQuery(DEFAULTS)).toBe("");
  expect(formatQuery(query({ sort: "volume", window: "6h", q: "a b", ...limits({ min_volume: 10_000 }) }))).toBe(
    "?sort=volume&window=6h&q=a+b&min_volume=10000",
  );
});

test("an address restores what it was made from", () => {
  const parsed = query({
    sort: "price_change",
    window: "6h",
    order: "asc",
    chain: "base",
    depth: "all",
    q: "wif & co",
    filters: {
      limits: { min_liquidity: 1000.5, max_age_minutes: 1_440, min_price: 0.0000012, max_price_change: -5, min_graduation_pct: 60 },
      has: ["mint_revoked", "verified"],
      not: ["suspicious", "thin"],
      stage: ["curve", "graduated"],
      launchpad: "pump.fun",
      protocol: "Raydium & co",
      source: "ingest:mybot",
    },
    starred: true,
    token: "base:0xabc",
    at: NOW,
  });

  expect(parseQuery(formatQuery(parsed))).toEqual(parsed);
});

test("whatever makes no sense in an address is the usual", () => {
  const parsed = parseQuery("?sort=rank&window=7d&order=up&chain=%3Cb%3E&show=9&min_volume=1e9&max_age_hours=-1&has=good&not=1&stage=moon&source=%20&min_rank=1&at=yesterday");

  expect(parsed).toEqual(DEFAULTS);
});

test("a query names its list, and - where a metric has no window", () => {
  expect(listTopic(query({ chain: "solana", window: "5m", depth: "50" }))).toBe("list:trending:5m:desc:solana:50");
  expect(listTopic(query({ sort: "liquidity" }))).toBe("list:liquidity:-:desc:*:100");
  expect(listTopic(query({ depth: "all" }))).toBe("all");
  expect(listTopic(query({ depth: "all", chain: "base" }))).toBe("chain:base");
});

test("words go to the search, with a chain, a limit or an order of their own to the list", () => {
  expect(wanted(query({ q: "$wif & co", sort: "match" }))).toEqual({
    path: "/search?q=%24wif+%26+co",
    rows: 100,
  });
  expect(wanted(query({ q: "wif", sort: "match", chain: "base", depth: "50" }))).toEqual({
    path: "/discover?sort=liquidity&order=desc&chain=base&q=wif",
    rows: 50,
  });
  expect(wanted(query({ q: "wif", sort: "volume", window: "5m", depth: "all" }))).toEqual({
    path: "/discover?sort=volume&order=desc&window=5m&q=wif",
    rows: 300,
  });
});

test("limits go to the list by the server's names, the window only where it means something", () => {
  expect(wanted(query({ sort: "newest", chain: "base", depth: "200", ...limits({ max_age_minutes: 30 }) })).path).toBe(
    "/discover?sort=newest&order=desc&chain=base&max_age_minutes=30",
  );
  expect(wanted(query({ sort: "liquidity", ...limits({ min_liquidity: 1000.5, min_volume: 10 }) })).path).toBe(
    "/discover?sort=liquidity&order=desc&window=1h&min_liquidity=1000.5&min_volume=10",
  );
  expect(wanted(query({ sort: "market_cap" })).path).toBe("/discover?sort=market_cap&order=desc");
});

test("only what the stream has no topic of is polled", () => {
  expect(isPolled(query({}))).toBe(false);
  expect(isPolled(query({ chain: "base", depth: "200" }))).toBe(false);
  expect(isPolled(query({ ...limits({ min_volume: 1 }) }))).toBe(true);
  expect(isPolled(query({ ...limits({ min_volume: 1 }), depth: "all" }))).toBe(false);
  expect(isPolled(query({ q: "wif", depth: "all" }))).toBe(true);
  expect(isPolled(query({ q: "$" }))).toBe(false);
  expect(isPolled(query({ q: "wif", ...limits({ min_volume: 1 }), starred: true }))).toBe(false);
});

test("the best match is first until a column is chosen, and the address says which", () => {
  expect(parseQuery("?q=wif").sort).toBe("match");
  expect(parseQuery("?q=wif&sort=volume").sort).toBe("volume");
  expect(formatQuery(query({ q: "wif", sort: "match" }))).toBe("?q=wif");
  expect(orderOf(query({ q: "wif", sort: "match", ...limits({ min_volume: 1 }) }))).toBe("liquidity");
  expect(orderOf(query({ sort: "match" }))).toBe("trending");
});

test("a list begins with what is trending in an hour", () => {
  expect(listTopic(DEFAULTS)).toBe("list:trending:1h:desc:*:100");
  expect(wanted(DEFAULTS)).toEqual({ path: "/discover?sort=trending&order=desc&window=1h", rows: 100 });
});

test("the watchlist's rows without the metric come last instead of leaving", () => {
  const kept = [row({ id: "a" }), row({ id: "b", volume_1h: 1e5, traders_1h: 50, liquidity: 1e5 }), row({ id: "c", graduated_ms: 5 })];

  expect(starredRows(kept, DEFAULTS, NOW).map((each) => each.id)).toEqual(["b", "a", "c"]);
  expect(starredRows(kept, query({ sort: "graduated" }), NOW).map((each) => each.id)).toEqual(["c", "a", "b"]);
});

test("rows are ordered by the metric, ties by id in its direction; unknown is left out", () => {
  const rows = [
    row({ id: "a", volume_24h: 1 }),
    row({ id: "b", volume_24h: 2 }),
    row({ id: "c", volume_24h: 1 }),
    row({ id: "d" }),
  ];

  const byVolume = { sort: "volume", window: "24h" } as const;
  expect(sorted(rows, query(byVolume)).map((each) => each.id)).toEqual(["b", "c", "a"]);
  expect(sorted(rows, query({ ...byVolume, order: "asc" })).map((each) => each.id)).toEqual(["a", "c", "b"]);
});

test.each([
  [{ min_liquidity: 1 }, {}, false],
  [{ min_liquidity: 1 }, { liquidity: 1 }, true],
  [{ min_volume: 5 }, { volume_1h: 5 }, true],
  [{ max_volume: 5 }, { volume_24h: 5 }, false], // the window is 1h
  [{ max_age_minutes: 60 }, {}, false],
  [{ max_age_minutes: 60 }, { created_ms: NOW - 3_600_000 }, true],
  [{ min_age_minutes: 0 }, { created_ms: NOW + 9_000 }, true], // from the future: age 0
  [{ min_graduated_minutes: 5 }, { graduated_ms: NOW - 240_000 }, false],
  [{ min_price_change: -5, max_price_change: 0 }, { price_change_1h: -4 }, true],
])("limits %j, row %j: both ends are included, unknown passes none", (given, figures, passed) => {
  expect(passes(query({ window: "1h", ...limits(given) }), NOW)(row(figures as Partial<Row>))).toBe(passed);
});

test.each([
  [{ has: ["mint_revoked"] }, {}, false],
  [{ has: ["mint_revoked"] }, { mint_revoked: true }, true],
  [{ not: ["mint_revoked"] }, {}, true], // unknown is not known to be true
  [{ not: ["suspicious"] }, { flags: ["suspicious", "thin"] }, false],
  [{ has: ["boosted"], not: ["thin"] }, { flags: ["boosted"] }, true],
  [{ stage: ["curve", "completed"] }, { stage: "completed" }, true],
  [{ stage: ["curve"] }, {}, false],
  [{ launchpad: "Pump.Fun" }, { launchpad: "pump.fun" }, true],
  [{ protocol: "raydium" }, { protocol: "Raydium" }, true],
  [{ source: "jupiter" }, { sources: ["dexscreener"] }, false],
])("filters %j, row %j", (given, words, passed) => {
  const filters = { ...NO_FILTERS, ...given } as Filters;
  expect(passes(query({ filters }), NOW)(row(words as Partial<Row>))).toBe(passed);
});

test("a chain is one of the query's", () => {
  expect(passes(query({ chain: "bsc" }), NOW)(row({ chain: "base" }))).toBe(false);
});

test("the hours of earlier addresses are minutes", () => {
  expect(parseQuery("?max_age_hours=0.5").filters.limits).toEqual({ max_age_minutes: 30 });
});

test("each filter is named and can be removed on its own; both ends of a figure are one", () => {
  const filters: Filters = {
    ...NO_FILTERS,
    limits: { min_liquidity: 10_000, max_liquidity: 1_500_000, min_volume: 1_000, max_age_minutes: 90 },
    has: ["mint_revoked"],
    not: ["copycat"],
    stage: ["curve", "completed"],
    launchpad: "pump.fun",
  };
  const active = activeFilters(filters, "1h");

  expect(active.map(({ words }) => words)).toEqual([
    "Liquidity $10K – $1.5M",
    "Age ≤ 1h 30m",
    "Volume 1h ≥ $1K",
    "Mint revoked",
    "No copycat",
    "On curve or Completed",
    "Launchpad pump.fun",
  ]);
  expect(active[0]!.without).toEqual({ ...filters, limits: { min_volume: 1_000, max_age_minutes: 90 } });
  expect(active[4]!.without).toEqual({ ...filters, not: [] });
});

test.each([
  ["usd", "10k", 10_000],
  ["usd", "$1.5m", 1_500_000],
  ["usd", "1,000", 1_000],
  ["usd", "1234567", 1_234_567],
  ["count", "2k", 2_000],
  ["minutes", "90m", 90],
  ["minutes", "2h", 120],
  ["minutes", "45", 45],
  ["minutes", "7d", 10_080],
  ["percent", "12.5%", 12.5],
  ["price", ".000001", 0.000001],
  ["price", "1k", NaN],
  ["usd", "-1", NaN],
  ["usd", "ten", NaN],
  ["usd", "9999t", NaN],
  ["usd", " ", null],
] as const)("a limit in %s typed as %j is %d", (unit, text, value) => {
  expect(readTyped(unit, text)).toEqual(value);
});

test.each([
  ["usd", 10_000, "10k"],
  ["usd", 1_234_567, "1234567"],
  ["minutes", 120, "2h"],
  ["minutes", 90, "1.5h"],
  ["minutes", 0.5, "0.5"],
  ["price", 0.0000012, "0.0000012"],
] as const)("a limit of %s %d is shown for typing as %j, and read back", (unit, value, text) => {
  expect(typed(unit, value)).toBe(text);
  expect(readTyped(unit, text)).toBe(value);
});

test("a search finds tickers by their begin, names by words, addresses exactly", () => {
  const wif = row({ token_ticker: "WIF", token_name: "dogwifhat", token_address: "EKpQ" });

  expect(matches(wif, "$wi")).toBe(true);
  expect(matches(wif, "hat dog")).toBe(true);
  expect(matches(wif, "ekpq")).toBe(true);
  expect(matches(wif, "ekp")).toBe(false);
});

test("rows that passed another one, came or left are counted, not those that were pushed along", () => {
  expect(moved(["a", "b", "c"], ["a", "b", "c"])).toBe(0);
  expect(moved(["a", "b", "c"], ["b", "a", "c"])).toBe(1);
  expect(moved(["a", "b", "c", "d"], ["d", "a", "b", "c"])).toBe(1);
  expect(moved(["a", "b", "c"], ["x", "a", "b"])).toBe(2);
  expect(moved(["a", "b"], ["a", "c"])).toBe(2);
});
