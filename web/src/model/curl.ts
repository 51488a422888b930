/** A view as the command that requests it. Pure. */
import { pastQuery } from "./past";
import { PAGE_MAX, wanted, type Query } from "./query";

/** The request for the first page of a query. The watchlist is this browser's: its list is requested. */
export function curl(origin: string, query: Query): string {
  const { path, rows } = query.at === null ? wanted({ ...query, starred: false }) : pastQuery(query);
  return `curl ${quoted(`${origin}${path}&limit=${Math.min(PAGE_MAX, rows)}`)}`;
}

/** A word as a shell takes it, whatever is in it. */
function quoted(word: string): string {
  return `'${word.replace(/'/g, "'\\''")}'`;
}
