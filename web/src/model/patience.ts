/** How long the page waits for a stream before it polls its lists instead. */
import type { Status } from "../client";

const PATIENCE_MS = 3_000; // without a stream for this long, the list is polled instead

export class Patience {
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `poll` is called with whether to poll; often with the same as before. */
  constructor(private readonly poll: (polling: boolean) => void) {}

  take(status: Status): void {
    if (status.phase === "live" || status.phase === "stale") {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.poll(false);
    } else if (status.phase === "refused") this.poll(true);
    else this.timer ??= setTimeout(() => this.poll(true), PATIENCE_MS);
  }
}
