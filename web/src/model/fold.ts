// How names and tickers are compared: the same form as the server's (shared/merge/names.py);
// tests/vectors/tickers.json holds both to it.

// Nothing to see, and of no class below: fillers, a blank Braille cell, joiners, emoji styles.
const UNSEEN =
  /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0000}-\u{e001f}\u{e0080}-\u{e0fff}]/gu;
// Control, format (zero width, bidi), surrogates, private use, unassigned.
const HIDDEN = /\p{C}/gu;

const PLAIN = /^[ -~]*$/;

const spaced = (text: string): string => text.split(/\s+/).filter(Boolean).join(" ");

/** Compatibility forms and cases are one, spaces are collapsed, what cannot be seen is left out. */
export function fold(text: string): string {
  if (PLAIN.test(text)) return spaced(text.toLowerCase());
  // Upper case first: it makes "ss" of "ß", as folding does.
  const cased = text.normalize("NFKC").toUpperCase().toLowerCase().replaceAll("ς", "σ");
  return spaced(spaced(cased.normalize("NFKC")).replace(UNSEEN, "").replace(HIDDEN, ""));
}

/** A ticker's form: people write `$WIF` for WIF. */
export function foldTicker(text: string): string {
  const folded = fold(text);
  return folded.replace(/^\$+\s*/, "") || folded;
}
