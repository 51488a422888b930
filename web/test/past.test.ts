import { expect, test } from "vitest";
import { curl } from "../src/model/curl";
import { NO_FILTERS } from "../src/model/filters";
import { leftWords, pastQuery } from "../src/model/past";
import { BUILT_IN, queryOf } from "../src/model/presets";
import { DEFAULTS, parseQuery, type Query } from "../src/model/query";

const AT = 1_790_000_000_000;
const query = (news: Partial<Query>): Query => ({ ...DEFAULTS, at: AT, ...news });

test("a query of the past is requested of the history, with what that keeps", () => {
  const { path, rows, left } = pastQuery(query({ sort: "price_change", window: "24h", order: "asc", chain: "base", depth: "50" }));

  expect(path).toBe(`/history/discover?at_ms=${AT}&sort=price_change&order=asc&window=24h&chain=base`);
  expect([rows, left]).toEqual([50, []]);
});

test("what is not kept is replaced or left out, and named", () => {
  const filters = { ...NO_FILTERS, limits: { min_liquidity: 10, min_volume: 5 } };
  const all = pastQuery(query({ window: "6h", starred: true, filters }));

  expect(all.path).toBe(`/history/discover?at_ms=${AT}&sort=volume&order=desc&window=24h`);
  expect(leftWords(all)).toBe(
    "Not kept for the past: Trending, the window 6h, the 2 filters and the watchlist. The order is by volume 24h.",
  );
  expect(leftWords(pastQuery(query({ sort: "holders" })))).toBe("Not kept for the past: the order by holders. The order is by volume 1h.");
  expect(leftWords(pastQuery(query({ sort: "liquidity", q: "wif" })))).toBe("Not kept for the past: the search.");
  expect(leftWords(pastQuery(query({ sort: "market_cap" })))).toBe("");
});

test("a preset stays in the past that is looked at, and the board is never of the past", () => {
  expect(queryOf(BUILT_IN[1]!, query({ sort: "volume" })).at).toBe(AT);
  expect(parseQuery(`?view=board&at=${AT}`).at).toBeNull();
  expect(parseQuery(`?at=${AT}`).at).toBe(AT);
});

test("a list of the past is copied as its request", () => {
  expect(curl("http://h", query({ sort: "newest", depth: "200" }))).toBe(
    `curl 'http://h/history/discover?at_ms=${AT}&sort=newest&order=desc&limit=100'`,
  );
});
