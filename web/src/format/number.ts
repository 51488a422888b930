/**
 * How numbers are written, one way for page and terminal (tests/vectors/format.json).
 * Rounding is of the exact double, ties away from zero. Unknown is `–`, never 0.
 */
export const UNKNOWN = "–";

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const SUFFIXES = ["", "K", "M", "B", "T"] as const;
const TINY_ZEROS = 4; // so many zeros after the point are counted instead of written
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
const MONTH_S = 2_629_800; // 365.25 days / 12
const AGE_UNITS = [
  [12 * MONTH_S, "y", MONTH_S, "mo"],
  [MONTH_S, "mo", DAY_S, "d"],
  [DAY_S, "d", HOUR_S, "h"],
  [HOUR_S, "h", 60, "m"],
] as const;

type Maybe = number | null | undefined;

/**
 * A price: `$64,213.00`, `$1.23`, `$0.1050`, and `$0.0₅123` for 0.00000123. Below 1 it has four
 * significant digits, zeros included; behind four zeros it has three.
 */
export function price(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  if (value === 0) return "$0";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size >= 1e6) return `${sign}$${compact(size)}`;
  if (Number(size.toPrecision(4)) < 1) return `${sign}$${small(size, 4)}`;
  return `${sign}$${size.toFixed(2).replace(/\B(?=(\d{3})+\.)/g, ",")}`;
}

/** A price on a scale of prices `span` apart: with as many digits as its steps need. */
export function priceOnScale(value: Maybe, span: number): string {
  if (!isKnown(value) || value <= 0 || value >= 1e6 || !(span > 0)) return price(value);
  const decimals = Math.min(40, Math.ceil(-Math.log10(span)) + 1);
  if (decimals <= 2) return price(value);
  const text = value.toFixed(decimals);
  const zeros = /^0\.(0*)/.exec(text)?.[1]!.length ?? 0;
  return zeros < TINY_ZEROS ? `$${text}` : `$0.0${subscript(zeros)}${text.slice(2 + zeros)}`;
}

/** A sum of money in three digits: `$0.500`, `$853`, `$1.23K`, `$45.6M`. */
export function amount(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  if (value === 0) return "$0";
  return `${value < 0 ? "−" : ""}$${compact(Math.abs(value))}`;
}

/** A whole number: exact below 1,000, then as money. */
export function count(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  const whole = Math.round(Math.abs(value));
  const sign = value < 0 && whole > 0 ? "−" : "";
  return sign + (whole < 1_000 ? String(whole) : compact(whole));
}

/** A change with its direction: `▲ +3.56%`, a minus after `▼`, `0.00%`. */
export function percent(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  const rounded = Math.abs(value).toFixed(2);
  const size = Number(rounded);
  if (size === 0) return "0.00%";
  return `${value > 0 ? "▲ +" : "▼ −"}${size < 1_000 ? rounded : compact(size)}%`;
}

/**
 * A length of time: `59s`, `5m 07s`, `5h 12m`, `3d 4h`, `1mo 3d`, `2y 10mo`: the two largest units.
 * From an hour on the second is left out when it is 0; seconds behind minutes always have two
 * digits, so that a running age keeps its width.
 */
export function age(ms: Maybe): string {
  if (!isKnown(ms)) return UNKNOWN;
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  const [size, unit, smaller, smallerUnit] = AGE_UNITS.find(([least]) => seconds >= least)!;
  const rest = Math.floor((seconds % size) / smaller);
  return `${Math.floor(seconds / size)}${unit}${rest === 0 ? "" : ` ${rest}${smallerUnit}`}`;
}

/** Every digit, without an exponent: what is shown on hover and what is copied. */
export function full(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  const [digits = "0", exponent] = String(Math.abs(value)).split("e");
  const sign = value < 0 ? "-" : "";
  if (exponent === undefined) return sign + digits;
  const [whole = "", fraction = ""] = digits.split(".");
  const shift = Number(exponent);
  if (shift < 0) return `${sign}0.${"0".repeat(-shift - 1)}${whole}${fraction}`;
  return sign + whole + fraction.padEnd(shift, "0");
}

function isKnown(value: Maybe): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Write a number below 1 in so many digits; many zeros are counted in a subscript. */
function small(size: number, count: number): string {
  let [digits, zeros] = significant(size, count);
  if (zeros >= TINY_ZEROS) [digits, zeros] = significant(size, 3);
  return zeros < TINY_ZEROS ? `0.${"0".repeat(zeros)}${digits}` : `0.0${subscript(zeros)}${digits}`;
}

function subscript(number: number): string {
  return [...String(number)].map((digit) => SUBSCRIPTS[Number(digit)]).join("");
}

/** Round to so many digits; return them, and how many zeros are between the point and them. */
function significant(size: number, count: number): [string, number] {
  const [digits = "", exponent = "0"] = size.toExponential(count - 1).split("e");
  return [digits.replace(".", ""), -Number(exponent) - 1];
}

/** Write three digits and a unit; rounding may bring the next unit (999.6 → 1.00K). */
function compact(size: number): string {
  const rounded = size.toExponential(2); // of the exact number: a division first would round twice
  const exponent = Number(rounded.split("e")[1]);
  if (exponent < 0) return small(size, 3);
  const step = Math.min(Math.floor(exponent / 3), SUFFIXES.length - 1);
  const decimals = Math.max(0, 2 - (exponent - 3 * step));
  return (Number(rounded) / 10 ** (3 * step)).toFixed(decimals) + SUFFIXES[step];
}
