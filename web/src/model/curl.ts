/** A view as the command that requests it. Pure. */
import { wanted, type Query } from "./query";

const PAGE_MAX = 100; // rows that the server gives at once

/** The request for the first page of a query. The watchlist is this browser's: its list is requested. */
export function curl(origin: string, query: Query): string {
  const { path, rows } = wanted({ ...query, starred: false });
  return `curl ${quoted(`${origin}${path}&limit=${Math.min(PAGE_MAX, rows)}`)}`;
}

/** A word as a shell takes it, whatever is in it. */
function quoted(word: string): string {
  return `'${word.replace(/'/g, "'\\''")}'`;
}
