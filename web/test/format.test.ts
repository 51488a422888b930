import { expect, test } from "vitest";
import vectors from "../../tests/vectors/format.json";
import * as format from "../src/format/number";

const { about: _, ...kinds } = vectors;
type Kind = keyof typeof kinds;

for (const kind of Object.keys(kinds) as Kind[]) {
  test.each(kinds[kind] as [number | null, string][])(`${kind}(%s) is %s`, (value, text) => {
    expect(format[kind](value)).toBe(text);
  });
}

test("what is not finite is unknown, not a number", () => {
  expect(format.price(NaN)).toBe("–");
  expect(format.money(undefined)).toBe("–");
});
