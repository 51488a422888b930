/** The tokens that the gateway follows by their ids for this page: the watchlist and what lists found. */
import type { DiscoverStream } from "../client";
import { WATCHED } from "../client/messages";
import type { KeptSet } from "./store";

/** What one list found, the newest answer first; the rest stays followed until the room is needed. */
interface Found {
  now: readonly string[];
  before: readonly string[];
}

export class Followed {
  private readonly found = new Map<object, Found>(); // by list
  private ids = new Set<string>();

  constructor(
    private readonly stream: DiscoverStream,
    private readonly starred: KeptSet,
  ) {}

  /** Follow what a list found, nothing else of it. */
  only(list: object, ids: Iterable<string>): void {
    this.found.set(list, { now: [...ids], before: [] });
    this.follow();
  }

  /** Follow what a list found too. */
  also(list: object, ids: readonly string[]): void {
    const { now, before } = this.found.get(list) ?? { now: [], before: [] };
    const known = new Set(ids);
    const older = [...now, ...before].filter((id) => !known.has(id)).slice(0, WATCHED);
    this.found.set(list, { now: ids, before: older });
    if (!ids.every((id) => this.ids.has(id))) this.follow();
  }

  private follow(): void {
    const lists = [...this.found.values()];
    const all = [...lists.flatMap(({ now }) => now), ...this.starred.values, ...lists.flatMap(({ before }) => before)];
    const ids = new Set([...new Set(all)].slice(0, WATCHED));
    if (ids.size === this.ids.size && [...ids].every((id) => this.ids.has(id))) return;
    this.ids = ids;
    this.stream.watchTokens([...ids]);
  }
}
