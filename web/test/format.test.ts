import { expect, test } from "vitest";
import vectors from "../../tests/vectors/format.json";
import * as format from "../src/format/number";

for (const kind of ["price", "amount", "count", "percent", "age"] as const) {
  test.each(vectors[kind] as { in: number | null; out: string }[])(`${kind}: $in is $out`, (vector) => {
    expect(format[kind](vector.in)).toBe(vector.out);
  });
}

test.each([
  [null, "–"],
  [0, "0"],
  [0.00000123, "0.00000123"],
  [1.5e-12, "0.0000000000015"],
  [1234567.89, "1234567.89"],
  [-4200, "-4200"],
  [1e21, "1000000000000000000000"],
])("full: every digit of %s is %s", (value, text) => {
  expect(format.full(value)).toBe(text);
});

test("what is not finite is unknown, not a number", () => {
  expect(format.price(NaN)).toBe("–");
  expect(format.amount(undefined)).toBe("–");
});
