/** What lists can be sorted by. */
import { SORTS } from "../client/messages";

const OF_LAUNCHES = ["trending", "graduation_pct", "graduated"] as const; // the board and presets name them

export type Sort = (typeof SORTS)[number] | (typeof OF_LAUNCHES)[number];
export const KNOWN_SORTS: readonly Sort[] = [...new Set<Sort>([...SORTS, ...OF_LAUNCHES])];
