import { expect, test } from "vitest";
import vectors from "../../tests/vectors/tickers.json";
import { foldTicker } from "../src/model/fold";
import { matches } from "../src/model/order";
import type { Row } from "../src/client";

test.each(vectors)("$in is compared as $out, as on the server", (vector) => {
  expect(foldTicker(vector.in)).toBe(vector.out);
});

test("a row is found by its ticker with a dollar or without one on either side", () => {
  const row: Row = { id: "solana:A", token_ticker: "$WIF" };
  expect(["wif", "$wif", "$$WIF", "W\u200bI"].map((wanted) => matches(row, wanted))).toEqual([true, true, true, true]);
});
