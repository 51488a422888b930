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

test.each([
  [0.1923, 0.004, "$0.1923"],
  [0.00000262, 1e-8, "$0.0₅2620"],
  [0.000002621, 1e-8, "$0.0₅2621"],
  [15.741, 0.02, "$15.741"],
  [15.741, 3, "$15.74"],
  [0.00012, 0, "$0.0001200"],
  [64213, 900, "$64,213.00"],
])("on a scale %s of a span of %s is %s", (value, span, text) => {
  expect(format.priceOnScale(value, span)).toBe(text);
});
