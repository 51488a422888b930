import { expect, test } from "vitest";
import { DEFAULTS, type Query } from "../src/model/query";
import { paths } from "../src/model/sparkloader";
import { sparkline, Sparks } from "../src/model/sparks";

const NOW = 1_790_000_000_000;
const query = (news: Partial<Query>): Query => ({ ...DEFAULTS, ...news });

test("a line goes on with the live price and leaves hours without a close open", () => {
  expect(sparkline([1, 2, null, null, 3, 9], 1, 50, 23)).toEqual({
    path: "M0.0 21.5L10.0 11.5M40.0 1.5L50.0 21.5",
    trend: "flat",
    word: "",
  });
  expect(sparkline([null, 5, null, 7], undefined, 30, 23)).toMatchObject({ path: "M10.0 21.5h.1M30.0 1.5h.1", trend: "up" });
  expect(sparkline([4, 4], 4, 10, 24)).toMatchObject({ path: "M0.0 12.0L10.0 12.0", trend: "flat" });
});

test("a token of which nothing is recorded is new, one that was not answered yet is nothing", () => {
  const sparks = new Sparks();
  sparks.learn([{ id: "a", spark: null }, { id: "b", spark: [null, 2] }, { id: "c" }], NOW);

  expect(sparks.line("a", 1).word).toBe("new");
  expect(sparks.line("b", 1).word).toBe("new");
  expect(sparks.line("c", 1)).toEqual({ path: "", trend: "flat", word: "" });
});

test("a line is requested once in ten minutes, that of a new token and one that no answer had sooner", () => {
  const sparks = new Sparks();
  sparks.learn([{ id: "a", spark: [1, 2] }, { id: "c", spark: [null, 2] }], NOW);
  sparks.miss(["b"], NOW);

  expect([0, 599_999, 600_000].map((after) => sparks.isWanted("a", NOW + after))).toEqual([false, false, true]);
  expect([0, 14_999, 15_000].map((after) => sparks.isWanted("c", NOW + after))).toEqual([false, false, true]);
  expect([0, 9_999, 10_000].map((after) => sparks.isWanted("b", NOW + after))).toEqual([false, false, true]);
});

test("a page of the list has the lines of the rows in view; the watchlist's are requested by id", () => {
  const ids = Array.from({ length: 300 }, (_, at) => `solana:${at}`);
  const list = query({ sort: "volume", window: "1h", chain: "solana" });
  const path = "/discover?sort=volume&order=desc&window=1h&chain=solana&spark=24h";

  expect(paths([{ query: list, ids }], new Set(["solana:0", "solana:20"]))).toEqual([`${path}&limit=31`]);
  expect(paths([{ query: list, ids }], new Set(["solana:200", "solana:220"]))).toEqual([`${path}&limit=41&cursor=190`]);
  expect(paths([{ query: query({ sort: "match", q: "wif" }), ids }], new Set(["solana:7"]))).toEqual([
    "/discover?sort=liquidity&order=desc&q=wif&spark=24h&limit=100",
  ]);
  expect(paths([{ query: query({ starred: true }), ids }], new Set(["solana:1"]))).toEqual([
    "/discover?q=solana%3A1&sort=liquidity&spark=24h&limit=1",
  ]);
  expect(paths([{ query: list, ids }], new Set(["base:1"]))).toEqual([]);
});
