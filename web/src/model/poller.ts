/**
 * Requests the rows of a query from the HTTP API, once or again and again, and reports what is wrong when
 * it cannot have them. The newest request is the only one: an earlier one is cancelled.
 */
import type { Row } from "../client";
import { PAGE_MAX, type Wanted } from "./query";

export interface Answer {
  epoch: string;
  version: number;
  asOfMs: number;
  rows: Row[];
  total: number;
}

/** Why there is no answer. `status` 0: nobody answers. `retryAt`: null when a retry is useless. */
export interface Problem {
  status: number;
  code: string;
  reason: string; // why more exactly: `no_source`, or ""
  detail: string;
  param: string;
  retryAt: number | null;
}

export interface PageRequest extends Wanted {
  /** How long after an answer it is requested again (ms); null: never. */
  everyMs: number | null;
}

export interface PollerEvents {
  onAnswer(answer: Answer, request: PageRequest): void;
  onProblem(problem: Problem, request: PageRequest): void;
}

const GIVEN_UP_MS = 8_000;
const RETRY_MS = [1_000, 16_000] as const;

interface Body {
  epoch: string;
  version: number;
  as_of_ms?: number;
  recorded_ms?: number; // of the history, which has no version
  tokens: Row[];
  total: number;
}

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: { code?: string; reason?: string; detail?: string; param?: string },
    readonly retryAfterMs: number | null,
  ) {
    super(body.detail ?? `the server answered ${status}`);
  }
}

export class Poller {
  private request: PageRequest | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private abort: AbortController | null = null;
  private failures = 0;
  private overdue = false; // a request was due while the page was hidden

  private readonly look = () => this.onVisible();

  constructor(private readonly events: PollerEvents) {}

  /** Send a request, after a pause in which it may still change. */
  start(request: PageRequest, afterMs = 0): void {
    this.stop();
    this.request = request;
    this.failures = 0;
    this.overdue = false;
    if (typeof document !== "undefined") document.addEventListener("visibilitychange", this.look);
    this.timer = setTimeout(() => void this.run(request), afterMs);
  }

  /** Forget the request; what is on its way is dropped. */
  stop(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    if (typeof document !== "undefined") document.removeEventListener("visibilitychange", this.look);
    this.request = this.abort = null;
  }

  private onVisible(): void {
    if (!this.overdue || isHidden() || this.request === null) return;
    this.overdue = false;
    this.next(this.request, 0);
  }

  private next(request: PageRequest, afterMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.overdue = isHidden(); // an answer now would be old when the page is looked at
      if (!this.overdue) void this.run(request);
    }, afterMs);
  }

  private async run(request: PageRequest): Promise<void> {
    const abort = (this.abort = new AbortController());
    let answer: Answer;
    try {
      answer = await read(request, AbortSignal.any([abort.signal, AbortSignal.timeout(GIVEN_UP_MS)]));
    } catch (error) {
      if (abort.signal.aborted) return;
      this.abort = null;
      this.onFailure(error, request);
      return;
    }
    if (abort.signal.aborted) return;
    this.abort = null;
    this.failures = 0;
    if (request.everyMs !== null) this.next(request, request.everyMs);
    this.events.onAnswer(answer, request);
  }

  private onFailure(error: unknown, request: PageRequest): void {
    const refused = error instanceof Refused ? error : null;
    // What was wrong with the request is wrong with it the next time too.
    const hopeless = refused !== null && refused.status < 500 && refused.status !== 429;
    this.failures += 1;
    const [least, most] = RETRY_MS;
    const usualMs = Math.min(most, least * 2 ** (this.failures - 1));
    const waitMs = refused?.retryAfterMs ?? usualMs;
    if (!hopeless) this.next(request, waitMs);
    const problem = {
      status: refused?.status ?? 0,
      code: refused?.body.code ?? "",
      reason: refused?.body.reason ?? "",
      detail: refused?.message ?? "The server does not answer.",
      param: refused?.body.param ?? "",
      retryAt: hopeless ? null : Date.now() + waitMs,
    };
    this.events.onProblem(problem, request);
  }
}

/** Read as many pages as the request wants. Pages are of the list as it is at each. */
async function read({ path, rows }: Wanted, signal: AbortSignal): Promise<Answer> {
  const found = new Map<string, Row>();
  let epoch = "";
  for (let passed = 0; ; ) {
    const limit = Math.min(PAGE_MAX, rows - passed);
    const from = passed === 0 ? "" : `&cursor=${passed}`;
    const answer = await fetch(`${path}&limit=${limit}${from}`, {
      signal,
      headers: { accept: "application/json" },
    });
    if (!answer.ok) throw await refusal(answer);
    const body = (await answer.json()) as Body;
    if (epoch !== "" && body.epoch !== epoch) throw new Error("another epoch began between two pages");
    epoch = body.epoch;
    for (const row of body.tokens) found.set(row.id, row);
    passed += body.tokens.length;
    if (passed >= rows || passed >= body.total || body.tokens.length < limit) {
      const { version, total } = body;
      return { epoch, version, asOfMs: body.as_of_ms ?? body.recorded_ms ?? 0, rows: [...found.values()], total };
    }
  }
}

async function refusal(answer: Response): Promise<Refused> {
  const after = Number(answer.headers.get("retry-after") ?? Number.NaN);
  const body = (await answer.json().catch(() => ({}))) as Refused["body"];
  return new Refused(answer.status, body, Number.isFinite(after) ? Math.max(500, after * 1_000) : null);
}

function isHidden(): boolean {
  return typeof document !== "undefined" && document.hidden;
}
