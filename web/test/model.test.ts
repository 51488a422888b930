import { expect, test } from "vitest";
import type { Row } from "../src/client";
import { History } from "../src/model/history";
import { sourceLink } from "../src/model/links";
import { matches, moved, passes, sorted } from "../src/model/order";
import { DEFAULTS, discoverPath, formatQuery, listTopic, parseQuery, type Query } from "../src/model/query";

const NOW = 1_790_000_000_000;
const query = (news: Partial<Query>): Query => ({ ...DEFAULTS, ...news });
const row = (news: Partial<Row>): Row => ({ id: "solana:A", ...news });

test("an address says only what differs from the usual", () => {
  expect(formatQuery(DEFAULTS)).toBe("");
  expect(formatQuery(query({ window: "1h", q: "a b", minVolume: 10_000 }))).toBe(
    "?window=1h&q=a+b&min_volume=10000",
  );
});

test("an address restores what it was made from", () => {
  const asked = query({
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

  expect(parseQuery(formatQuery(asked))).toEqual(asked);
});

test("whatever makes no sense in an address is the usual", () => {
  const asked = parseQuery("?sort=rank&window=7d&order=up&chain=%3Cb%3E&show=9&min_volume=1e9&max_age_hours=-1");

  expect(asked).toEqual(DEFAULTS);
});

test("a query names its list, and - where a metric has no window", () => {
  expect(listTopic(query({ chain: "solana", window: "5m", depth: "50" }))).toBe("list:volume:5m:desc:solana:50");
  expect(listTopic(query({ sort: "liquidity" }))).toBe("list:liquidity:-:desc:*:100");
  expect(listTopic(query({ depth: "all" }))).toBe("all");
  expect(listTopic(query({ depth: "all", chain: "base" }))).toBe("chain:base");
});

test("a query begins with the page of /discover that equals its list", () => {
  expect(discoverPath(query({ sort: "newest", chain: "base", depth: "200" }))).toBe(
    "/discover?sort=newest&order=desc&chain=base&limit=100",
  );
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
  const none = new Set<string>();

  expect(passes(row({}), query({ minLiquidity: 1 }), NOW, none)).toBe(false);
  expect(passes(row({ liquidity: 1 }), query({ minLiquidity: 1 }), NOW, none)).toBe(true);
  expect(passes(row({ volume_1h: 5 }), query({ minVolume: 5, window: "1h" }), NOW, none)).toBe(true);
  expect(passes(row({}), query({ maxAgeHours: 1 }), NOW, none)).toBe(false);
  expect(passes(row({ created_ms: NOW - 3_600_000 }), query({ maxAgeHours: 1 }), NOW, none)).toBe(true);
  expect(passes(row({}), query({ starred: true }), NOW, new Set(["solana:A"]))).toBe(true);
});

test("a search finds tickers by their begin, names by words, addresses exactly", () => {
  const wif = row({ token_ticker: "WIF", token_name: "dogwifhat", token_address: "EKpQ" });

  expect(matches(wif, "$wi")).toBe(true);
  expect(matches(wif, "hat dog")).toBe(true);
  expect(matches(wif, "ekpq")).toBe(true);
  expect(matches(wif, "ekp")).toBe(false);
});

test("rows that moved, came or left are counted", () => {
  expect(moved(["a", "b", "c"], ["a", "b", "c"])).toBe(0);
  expect(moved(["a", "b", "c"], ["b", "a", "c"])).toBe(2);
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

test("a hostile address cannot leave its place in a link", () => {
  const link = sourceLink("jupiter", row({ chain: "solana", token_address: "x/../?a=<b>" }));

  expect(link.url).toBe("https://jup.ag/tokens/x%2F..%2F%3Fa%3D%3Cb%3E");
});
