/**
 * How numbers are written, one way for page and terminal (tests/vectors/format.json).
 * Rounding is of the exact double, ties away from zero. Unknown is `–`, never 0.
 */
export const UNKNOWN = "–";

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const SUFFIXES = ["", "K", "M", "B", "T"] as const;
const TINY_ZEROS = 4; // so many zeros after the point are counted instead of written

type Maybe = number | null | undefined;

/** A price: `$64,213.00`, `$1.23`, `$0.05123`, and `$0.0₅123` for 0.00000123. */
export function price(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  if (value === 0) return "$0";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size >= 1e6) return `${sign}$${compact(size)}`;
  const cents = size.toFixed(2);
  if (Number(cents) < 1) return `${sign}$${small(size)}`;
  return `${sign}$${cents.replace(/\B(?=(\d{3})+\.)/g, ",")}`;
}

/** A price on a scale of prices `span` apart: with as many digits as tell its steps apart. */
export function priceOnScale(value: Maybe, span: number): string {
  if (!isKnown(value) || value <= 0 || value >= 1e6 || !(span > 0)) return price(value);
  const decimals = Math.min(40, Math.ceil(-Math.log10(span)) + 1);
  if (decimals <= 2) return price(value);
  const text = value.toFixed(decimals);
  const zeros = /^0\.(0*)/.exec(text)?.[1]!.length ?? 0;
  return zeros < TINY_ZEROS ? `$${text}` : `$0.0${subscript(zeros)}${text.slice(2 + zeros)}`;
}

/** A sum of money in three digits: `$853`, `$1.23K`, `$45.6M`. */
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
  const said = Math.abs(value).toFixed(2);
  const size = Number(said);
  if (size === 0) return "0.00%";
  return `${value > 0 ? "▲ +" : "▼ −"}${size < 1_000 ? said : compact(size)}%`;
}

/** A length of time in its largest unit: `0s`, `59s`, `5m`, `23h`, `400d`. */
export function age(ms: Maybe): string {
  if (!isKnown(ms)) return UNKNOWN;
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
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

/** Write a number below 1 without useless zeros; many zeros are counted in a subscript. */
function small(size: number): string {
  let [digits, zeros] = significant(size, 4);
  if (zeros >= TINY_ZEROS) [digits, zeros] = significant(size, 3);
  if (zeros < 0) return digits;
  if (zeros < TINY_ZEROS) return `0.${"0".repeat(zeros)}${digits}`;
  return `0.0${subscript(zeros)}${digits}`;
}

function subscript(number: number): string {
  return [...String(number)].map((digit) => SUBSCRIPTS[Number(digit)]).join("");
}

/** Round to so many digits; return them without zeros at their end, and the zeros before them. */
function significant(size: number, count: number): [string, number] {
  const [digits = "", exponent = "0"] = size.toExponential(count - 1).split("e");
  return [digits.replace(".", "").replace(/0+$/, ""), -Number(exponent) - 1];
}

/** Write three digits and a unit; rounding may bring the next unit (999.6 → 1.00K). */
function compact(size: number): string {
  const exponent = Number(size.toExponential(2).split("e")[1]);
  if (exponent < 0) return small(size);
  const step = Math.min(Math.floor(exponent / 3), SUFFIXES.length - 1);
  const decimals = Math.max(0, 2 - (exponent - 3 * step));
  return (size / 10 ** (3 * step)).toFixed(decimals) + SUFFIXES[step];
}
