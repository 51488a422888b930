/** The tab's title. Pure. */
import type { Row } from "../client";
import { price } from "../format/number";

const TICKER_MAX = 24; // characters of a stranger's text
// Controls, and marks that would turn the direction of the rest of the title.
const UNWANTED = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Return the title while a token is open, or none: `JUP $0.1918 · dexwire`. */
export function title(row: Row | undefined): string {
  if (row === undefined) return "dexwire";
  const called = (row.token_ticker ?? row.token_name ?? "").replace(UNWANTED, "").trim();
  const letters = [...called];
  const short = letters.length > TICKER_MAX ? `${letters.slice(0, TICKER_MAX - 1).join("")}…` : called;
  return `${short || "Token"} ${price(row.price)} · dexwire`;
}
