/** The rows of a list as it was. Nothing here is live: an answer stays until another time is chosen. */
import type { Row } from "../client";
import { pastQuery, type PastRow } from "./past";
import { Poller, type Problem } from "./poller";
import type { Query } from "./query";

export interface PastEvents {
  onChange(): void;
}

const SLIDING_MS = 120; // a request is sent when the slider rests

export class PastList {
  loaded = false;
  problem: Problem | null = null;
  total: number | null = null;
  recordedMs: number | null = null; // the newest record that the answer shows
  private byId = new Map<string, PastRow>();
  private asked = "";
  private readonly poller: Poller;

  constructor(private readonly events: PastEvents) {
    this.poller = new Poller({
      onAnswer: (answer) => {
        this.byId = new Map(answer.rows.map((row) => [row.id, row]));
        this.total = answer.total;
        this.recordedMs = answer.asOfMs;
        this.finish(null);
      },
      onProblem: (problem) => {
        if (problem.retryAt === null) this.byId.clear();
        this.finish(problem);
      },
    });
  }

  /** Show a query at its time; what was shown before stays until the answer is there. */
  show(query: Query): void {
    const { path, rows } = pastQuery(query);
    if (this.asked === `${path} ${rows}`) return;
    const isFirst = this.asked === "";
    this.asked = `${path} ${rows}`;
    this.loaded = false;
    this.poller.start({ path, rows, everyMs: null }, isFirst ? 0 : SLIDING_MS);
  }

  /** Forget it: the list is live again. */
  leave(): void {
    this.poller.stop();
    this.asked = "";
    this.loaded = false;
    this.problem = this.total = this.recordedMs = null;
    this.byId.clear();
  }

  shown(): readonly string[] {
    return [...this.byId.keys()];
  }

  row(id: string): Row | undefined {
    return this.byId.get(id);
  }

  /** Whether a row is still listed now. */
  isListed(id: string): boolean {
    return this.byId.get(id)?.gone_ms === undefined;
  }

  /** How many of the rows were removed since. */
  get goneCount(): number {
    return [...this.byId.values()].filter(({ gone_ms }) => gone_ms !== undefined).length;
  }

  private finish(problem: Problem | null): void {
    this.problem = problem;
    this.loaded = problem === null;
    this.events.onChange();
  }
}
