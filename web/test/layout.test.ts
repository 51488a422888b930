import { expect, test } from "vitest";
import { COLUMNS, TOKEN } from "../src/table/columns";
import { fit, fitPhone, tokenLeast, type Sized } from "../src/table/layout";

const sized = (key: string, least: number, leaves: number): Sized => ({ key, least, grow: 0, leaves });
const usual = (width: number) =>
  fit([{ ...TOKEN, least: tokenLeast(width) }, ...COLUMNS.filter((each) => each.usual)], width).keys;

test("columns leave where there is no room, the greatest number first; 0 stays and the list scrolls", () => {
  const columns = [sized("a", 100, 0), sized("b", 100, 2), sized("c", 100, 1), sized("d", 100, 0)];

  expect(fit(columns, 1_200).keys).toEqual(["a", "b", "c", "d"]);
  expect(fit(columns, 487).keys).toEqual(["a", "c", "d"]);
  expect(fit(columns, 300)).toMatchObject({ keys: ["a", "d"], least: 276, tight: true });
  expect(fit(columns, 100).least).toBe(276);
});

test("what grows shares the room that is left", () => {
  expect(fit([sized("a", 90, 0), { ...sized("b", 70, 0), grow: 0.8 }], 1_200).template).toBe(
    "58px 90px minmax(70px, 0.8fr)",
  );
});

test.each([
  [1_425, ["token", "age", "price", "spark", "safety", "change-5m", "change-1h", "change-24h", "volume", "trades", "liquidity", "cap"]],
  [1_009, ["token", "age", "price", "safety", "change-1h", "change-24h", "volume", "liquidity"]],
  [753, ["token", "age", "price", "safety", "change-1h", "volume"]],
])("a list of %i pixels has the columns that say most", (width, keys) => {
  expect(usual(width)).toEqual(keys);
});

test("a phone has price, change and two figures; what was added comes before the usual ones", () => {
  const chosen = ["age", "price", "safety", "change-1h", "change-24h", "volume", "cap", "holders"];

  expect(fitPhone(chosen, "1h", [], ["safety"])).toEqual(["price", "change-1h", "cap", "volume"]);
  expect(fitPhone(chosen, "24h", ["holders"], ["safety"])).toEqual(["price", "change-24h", "holders", "cap"]);
  expect(fitPhone(["age", "safety"], "1h", [], ["safety"])).toEqual(["age"]);
});
