/** Which of the chosen columns a list has room for, and how wide each is. Pure. */

/** What the layout knows of a column; widths in pixels. */
export interface Sized {
  key: string;
  least: number;
  grow: number; // its share of the room that is left, 0: none
  leaves: number; // where there is no room the greatest leaves first; 0: it stays
}

export interface Layout {
  keys: string[];
  template: string; // of the grid
  least: number; // of a row: below it the list scrolls sideways
  tight: boolean;
}

interface Spacing {
  lead: number; // star and rank
  gap: number;
  padding: number; // left and right together
}

const ROOMY: Spacing = { lead: 58, gap: 8, padding: 22 };
const TIGHT: Spacing = { lead: 50, gap: 6, padding: 14 };
const TIGHT_BELOW = 996; // pixels of the list

/** Leave out columns until the rest has room. */
export function fit(chosen: readonly Sized[], width: number): Layout {
  const tight = width < TIGHT_BELOW;
  const spacing = tight ? TIGHT : ROOMY;
  let columns = [...chosen];
  while (leastWidth(columns, spacing) > width) {
    const first = columns.reduce((a, b) => (b.leaves >= a.leaves ? b : a));
    if (first.leaves === 0) break;
    columns = columns.filter((each) => each !== first);
  }
  return {
    keys: columns.map((each) => each.key),
    template: [`${spacing.lead}px`, ...columns.map(track)].join(" "),
    least: leastWidth(columns, spacing),
    tight,
  };
}

function track({ least, grow }: Sized): string {
  return grow === 0 ? `${least}px` : `minmax(${least}px, ${grow}fr)`;
}

function leastWidth(columns: readonly Sized[], { lead, gap, padding }: Spacing): number {
  return columns.reduce((sum, each) => sum + gap + each.least, lead + padding);
}

/** The figures of a phone's row: two beside the name, two below them. */
export const SLOTS = 4;

/**
 * Return the columns of a phone's row: price and change, then what the user added, then the usual
 * ones. What is no figure (`wide`) has no place beside them.
 */
export function fitPhone(
  chosen: readonly string[],
  window: string,
  added: readonly string[],
  wide: readonly string[],
): string[] {
  const wished = ["price", `change-${window}`, ...added, "cap", "volume", ...chosen];
  const figures = [...new Set(wished)].filter((key) => chosen.includes(key) && !wide.includes(key));
  return figures.slice(0, SLOTS);
}

/** The least width of the token's own column: a wide list shows more of its name and chips. */
export function tokenLeast(width: number): number {
  return width >= 1240 ? 176 : width >= TIGHT_BELOW ? 150 : 128;
}
