import { expect, test } from "vitest";
import vectors from "../../tests/vectors/trending.json";
import type { Row } from "../src/client";
import type { Window } from "../src/model/query";
import { trendingScore } from "../src/model/trending";

test("scores are those of the server, 0 is not ranked", () => {
  for (const { row, window, score } of vectors) {
    expect(trendingScore(row as Row, window as Window) ?? 0, row.id).toBe(score);
  }
});
