/** The tokens that the gateway follows by their ids for this page: the watchlist and what was found. */
import type { DiscoverStream } from "../client";
import { WATCHED } from "../client/messages";
import type { KeptSet } from "./store";

export class Followed {
  private ids = new Set<string>();

  constructor(
    private readonly stream: DiscoverStream,
    private readonly starred: KeptSet,
  ) {}

  /** Whether more is followed than the watchlist. */
  get some(): boolean {
    return this.ids.size > this.starred.values.size;
  }

  /** Follow what was found and the watchlist, nothing else. */
  only(found: Iterable<string>): void {
    this.follow(new Set([...found, ...this.starred.values]));
  }

  /** Follow what was found too; those that left stay followed until the room is needed. */
  also(found: readonly string[]): void {
    if (found.every((id) => this.ids.has(id))) return;
    this.follow(new Set([...found, ...this.starred.values, ...this.ids]));
  }

  private follow(ids: Set<string>): void {
    this.ids = new Set([...ids].slice(0, WATCHED));
    this.stream.watchTokens([...this.ids]);
  }
}
