import { expect, test } from "vitest";
import { movedBy, movedPast, movedTo, readChoice, toggled, usualChoice } from "../src/model/choice";

const known = [
  { key: "age", usual: true },
  { key: "price", usual: true },
  { key: "holders", usual: false },
  { key: "volume", usual: true },
];

test("without a choice the usual columns are shown in their order", () => {
  expect(usualChoice(known)).toEqual({ order: ["age", "price", "holders", "volume"], shown: ["age", "price", "volume"] });
  for (const kept of [null, "", "null", "[1]", '{"order": [1], "shown": []}', '{"order": ["age"]}']) {
    expect(readChoice(kept, known)).toEqual(usualChoice(known));
  }
});

test("what was kept is shown; columns that are gone are left out, new ones come in where they usually are", () => {
  const kept = '{"order": ["volume", "gone", "age", "holders", "age"], "shown": ["holders", "volume", "gone"]}';

  expect(readChoice(kept, known)).toEqual({ order: ["volume", "age", "price", "holders"], shown: ["volume", "price", "holders"] });
});

test("columns are switched on and off, and moved to a place, by places, and past what is shown", () => {
  const usual = usualChoice(known);

  expect(toggled(usual, "holders").shown).toEqual(["age", "price", "volume", "holders"]);
  expect(toggled(usual, "age").shown).toEqual(["price", "volume"]);
  expect(movedTo(usual, "volume", "age").order).toEqual(["volume", "age", "price", "holders"]);
  expect(movedBy(usual, "age", 9).order).toEqual(["price", "holders", "volume", "age"]);
  expect(movedPast(usual, "price", 1).order).toEqual(["age", "holders", "volume", "price"]);
  expect(movedPast(usual, "age", -1)).toEqual(usual);
});
