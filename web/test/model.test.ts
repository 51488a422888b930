import { expect, test } from "vitest";
import type { Row } from "../src/client";
import { History } from "../src/model/history";
import { matches, moved, passes, sorted } from "../src/model/order";
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
const row = (news: Partial<Row>): Row => ({ id: "solana:A", ...news });

test("an address says only what differs from the usual", () => {
  expect(formatQuery(DEFAULTS)).toBe("");
  expect(formatQuery(query({ window: "1h", q: "a b", minVolume: 10_000 }))).toBe(
    "?sort=volume&window=1h&q=a+b&min_volume=10000",
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
    minLiquidity: 1000.5,
    maxAgeHours: 24,
    starred: true,
    token: "base:0xabc",
  });

  expect(parseQuery(formatQuery(parsed))).toEqual(parsed);
});

test("whatever makes no sense in an address is the usual", () => {
  const parsed = parseQuery("?sort=rank&window=7d&order=up&chain=%3Cb%3E&show=9&min_volume=1e9&max_age_hours=-1");

  expect(parsed).toEqual(DEFAULTS);
});

test("a query names its list, and - where a metric has no window", () => {
  expect(listTopic(query({ chain: "solana", window: "5m", depth: "50" }))).toBe("list:volume:5m:desc:solana:50");
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
  expect(wanted(query({ sort: "newest", chain: "base", depth: "200", maxAgeHours: 0.5 })).path).toBe(
    "/discover?sort=newest&order=desc&chain=base&max_age_minutes=30",
  );
  expect(wanted(query({ sort: "liquidity", minLiquidity: 1000.5, minVolume: 10 })).path).toBe(
    "/discover?sort=liquidity&order=desc&window=24h&min_liquidity=1000.5&min_volume=10",
  );
  expect(wanted(query({ sort: "market_cap" })).path).toBe("/discover?sort=market_cap&order=desc");
});

test("only what the stream has no topic of is polled", () => {
  expect(isPolled(query({}))).toBe(false);
  expect(isPolled(query({ chain: "base", depth: "200" }))).toBe(false);
  expect(isPolled(query({ minVolume: 1 }))).toBe(true);
  expect(isPolled(query({ minVolume: 1, depth: "all" }))).toBe(false);
  expect(isPolled(query({ q: "wif", depth: "all" }))).toBe(true);
  expect(isPolled(query({ q: "$" }))).toBe(false);
  expect(isPolled(query({ q: "wif", minVolume: 1, starred: true }))).toBe(false);
});

test("the best match is first until a column is chosen, and the address says which", () => {
  expect(parseQuery("?q=wif").sort).toBe("match");
  expect(parseQuery("?q=wif&sort=volume").sort).toBe("volume");
  expect(formatQuery(query({ q: "wif", sort: "match" }))).toBe("?q=wif");
  expect(orderOf(query({ q: "wif", sort: "match", minVolume: 1 }))).toBe("liquidity");
  expect(orderOf(query({ sort: "match" }))).toBe("volume");
});

test("rows are ordered by the metric, ties by id in its direction; unknown is left out", () => {
  const rows = [
    row({ id: "a", volume_24h: 1 }),
    row({ id: "b", volume_24h: 2 }),
    row({ id: "c", volume_24h: 1 }),
    row({ id: "d" }),
  ];

  expect(sorted(rows, DEFAULTS).map((each) => each.id)).toEqual(["b", "c", "a"]);
  expect(sorted(rows, query({ order: "asc" })).map((each) => each.id)).toEqual(["a", "c", "b"]);
});

test("an unknown figure passes no limit", () => {
  expect(passes(row({}), query({ minLiquidity: 1 }), NOW)).toBe(false);
  expect(passes(row({ liquidity: 1 }), query({ minLiquidity: 1 }), NOW)).toBe(true);
  expect(passes(row({ volume_1h: 5 }), query({ minVolume: 5, window: "1h" }), NOW)).toBe(true);
  expect(passes(row({}), query({ maxAgeHours: 1 }), NOW)).toBe(false);
  expect(passes(row({ created_ms: NOW - 3_600_000 }), query({ maxAgeHours: 1 }), NOW)).toBe(true);
  expect(passes(row({ chain: "base" }), query({ chain: "bsc" }), NOW)).toBe(false);
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

test("changes within a second share a sample", () => {
  const history = new History();
  history.note(row({ price: 1 }), NOW);
  history.note(row({ price: 2 }), NOW + 1_500);
  history.note(row({ price: 3 }), NOW + 1_700);
  history.note(row({ price: 3 }), NOW + 9_000);

  expect(history.line("solana:A").map((sample) => sample.price)).toEqual([1, 2, 3]);
  expect(history.sparkline("solana:A", 84, 24).trend).toBe("up");
});

