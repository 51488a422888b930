/** A ticker is not an identity: say how many share it, and whether this is the one that stands out. */
import type { Row } from "../client";

export interface Copies {
  words: string;
  title: string;
  first: boolean; // the oldest, the most liquid, or both
}

export function copies(ticker: string | undefined, alike: NonNullable<Row["same_ticker"]>): Copies {
  const { count, oldest, most_liquid: deepest } = alike;
  const what = oldest && deepest ? "oldest and the most liquid" : oldest ? "oldest" : "most liquid";
  const first = oldest || deepest;
  const which = oldest && deepest ? "first" : oldest ? "oldest" : deepest ? "deepest" : "one";
  return {
    words: `${which} of ${count}`,
    title:
      `${count} tokens are called ${ticker}. ` +
      (first ? `This is the ${what} one.` : "This is neither the oldest nor the most liquid one: compare the address."),
    first,
  };
}
