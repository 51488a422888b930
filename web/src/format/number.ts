/**
 * How numbers are written, one way for page and terminal (tests/vectors/format.json).
 * Rounding is of the exact double, ties away from zero. Unknown is `–`, never 0.
 */
export const UNKNOWN = "–";

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const SUFFIXES = ["", "K", "M", "B", "T"] as const;
const ZEROS_FOLDED_FROM = 4; // 0.0001234 is read at a glance, 0.00001234 is not

type Maybe = number | null | undefined;

/** A price: four significant digits, the zeros of tiny ones counted, as in `$0.0₅123`. */
export function price(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  if (value === 0) return "$0";
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  return `${sign}$${size < 1 ? small(size) : large(size)}`;
}

/** An amount of money or another sum: three significant digits and K, M, B, T. */
export function money(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  if (size === 0) return "$0";
  if (size < 0.01) return `${sign}<$0.01`;
  if (size < 1) return `${sign}$${size.toFixed(2)}`;
  return `${sign}$${compact(size)}`;
}

/** A whole number: exact below 1,000, then as money. */
export function count(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  const whole = Math.round(Math.abs(value));
  const sign = value < 0 && whole > 0 ? "−" : "";
  return sign + (whole < 1_000 ? String(whole) : compact(whole));
}

/** A change in percent, with its sign and an arrow. */
export function percent(value: Maybe): string {
  if (!isKnown(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size < 0.005) return "0.00%";
  return `${value > 0 ? "▲ +" : "▼ −"}${percentDigits(size)}%`;
}

/** How long ago: one unit, rounded down. */
export function age(ms: Maybe): string {
  if (!isKnown(ms)) return UNKNOWN;
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const days = Math.floor(seconds / 86_400);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (days < 1) return `${Math.floor(seconds / 3_600)}h`;
  if (days < 60) return `${days}d`;
  if (days < 365) return `${Math.floor(days / 30)}mo`;
  return `${Math.floor(days / 365)}y`;
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

function small(size: number): string {
  const [digits = "", exponent = "0"] = size.toExponential(3).split("e");
  const zeros = -Number(exponent) - 1;
  if (zeros < 0) return "1.00"; // rounded up to 1
  const kept = digits.replace(".", "").replace(/0+$/, "");
  if (zeros < ZEROS_FOLDED_FROM) return `0.${"0".repeat(zeros)}${kept}`;
  const folded = [...String(zeros)].map((digit) => SUBSCRIPTS[Number(digit)]).join("");
  return `0.0${folded}${kept}`;
}

function large(size: number): string {
  if (size >= 999_999.995) return compact(size, 4);
  const decimals = size < 9.9995 ? 3 : 2;
  const [whole = "", fraction = ""] = size.toFixed(decimals).split(".");
  const shown = fraction.replace(/(\d\d)0+$/, "$1");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${shown}`;
}

function compact(size: number, digits = 3): string {
  const exponent = Number(size.toExponential(digits - 1).split("e")[1]);
  const step = Math.min(Math.floor(exponent / 3), SUFFIXES.length - 1);
  const decimals = Math.max(0, digits - 1 - (exponent - 3 * step));
  return (size / 10 ** (3 * step)).toFixed(decimals) + SUFFIXES[step];
}

function percentDigits(size: number): string {
  if (size >= 999.5) return compact(size);
  if (size >= 99.95) return size.toFixed(0);
  return size.toFixed(size >= 9.995 ? 1 : 2);
}
