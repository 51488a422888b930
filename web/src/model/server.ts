/** What the page reads of the server beside rows: where the stream is, and how the sources are. */
import type { Config, Health } from "../chrome/state";

const HEALTH_EVERY_MS = 5_000;
const RETRY_MS = [500, 8_000] as const;

export interface ServerEvents {
  onError(error: string): void;
  /** null: the server does not answer. */
  onHealth(health: Health | null): void;
}

export class Server {
  constructor(private readonly events: ServerEvents) {}

  /** Return the configuration, as soon as the server gives it. */
  async configure(): Promise<Config> {
    for (let wait: number = RETRY_MS[0]; ; wait = Math.min(RETRY_MS[1], wait * 2)) {
      try {
        const answer = await fetch("/config.json");
        if (answer.ok) return (await answer.json()) as Config;
      } catch {
        // reported below, like an answer that is not one
      }
      this.events.onError("The server does not answer. Is dexwire running?");
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  /** Read the health again and again, while the page is visible. */
  async watchHealth(): Promise<void> {
    for (;;) {
      if (!document.hidden) {
        try {
          const answer = await fetch("/health");
          this.events.onHealth((await answer.json()) as Health);
        } catch {
          this.events.onHealth(null);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, HEALTH_EVERY_MS));
    }
  }
}
