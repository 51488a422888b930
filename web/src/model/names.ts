/** What tokens are called, also those that no list here shows. */
import type { Row } from "../client";
import { tokenPath } from "./query";

export interface Named {
  ticker: string; // "": unknown
  name: string;
}

const REMEMBERED = 1_000; // beyond, the one learnt longest ago is forgotten

export class Names {
  private readonly known = new Map<string, Named>();
  private readonly pending = new Map<string, Promise<Named | null>>();

  /** Return what is known of a token, from its row if there is one. */
  of(id: string, row: Row | undefined): Named {
    if (row !== undefined) this.remember(id, row);
    return this.known.get(id) ?? { ticker: "", name: "" };
  }

  /** Request it; null when the server does not know. One request for a token at a time. */
  ask(id: string): Promise<Named | null> {
    const known = this.known.get(id);
    if (known !== undefined) return Promise.resolve(known);
    const request = this.pending.get(id) ?? this.fetch(id).finally(() => this.pending.delete(id));
    this.pending.set(id, request);
    return request;
  }

  private async fetch(id: string): Promise<Named | null> {
    try {
      const answer = await fetch(tokenPath(id));
      if (!answer.ok) return null;
      return this.remember(id, ((await answer.json()) as { token: Row }).token);
    } catch {
      return null;
    }
  }

  private remember(id: string, row: Row): Named | null {
    const { token_ticker: ticker = "", token_name: name = "" } = row;
    if (ticker === "" && name === "") return null;
    if (this.known.size >= REMEMBERED) this.known.delete(this.known.keys().next().value!);
    const named = { ticker, name };
    this.known.set(id, named);
    return named;
  }
}
