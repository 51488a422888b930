/**
 * A connection to the gateway that keeps itself: it reconnects with jitter, resumes from what it
 * holds, and says at any time how far what it shows can be trusted. No framework; usable alone.
 */
import {
  FIRST_FINAL, HEARTBEAT_MS, LAST_CODE, SILENT_BEATS, SUBPROTOCOL, WATCHLIST,
  type Beat, type Err, type Frame, type Hello, type Occurrence, type Ok, type Request, type Row,
} from "./messages";
import { StreamState, type TopicState } from "./state";

export type Phase = "connecting" | "live" | "stale" | "reconnecting" | "refused";

/** How far the view can be trusted. `ageMs`: of the newest commit; `latencyMs`: commit to here. */
export interface Status {
  phase: Phase;
  ageMs: number | null;
  latencyMs: number | null;
  reason: string;
  retryAt: number | null;
}

export interface StreamHandlers {
  /** A topic starts over: render all of it. */
  onSnap?(topic: string, state: TopicState): void;
  /** Rows of a topic changed, came or went. */
  onDiff?(topic: string, state: TopicState, changed: string[]): void;
  onEvents?(topic: string, events: Occurrence[]): void;
  onStatus?(status: Status): void;
  /** The gateway refused a request, such as a topic it does not serve. */
  onRefused?(topics: string[], code: string, message: string): void;
}

const BACKOFF_MS = [300, 8_000] as const;
const OPEN_MS = 8_000; // a handshake that takes longer is given up
const PING_MS = 5_000;

/** A request before it has its number. */
type Asking = Request extends infer R ? (R extends Request ? Omit<R, "id"> : never) : never;

interface PendingRequest {
  topics: string[];
}

export class DiscoverStream {
  readonly state = new StreamState();
  private socket: WebSocket | null = null;
  private readonly wanted = new Set<string>();
  private watched: string[] = [];
  private editId: number | null = null; // of the edit of the watchlist that is not answered yet
  private readonly pending = new Map<number, PendingRequest>();
  private nextId = 1;
  private failures = 0;
  private heartbeatMs: number = HEARTBEAT_MS;
  private heardAt = 0;
  private retryRange: readonly [number, number] | null = null;
  private watchdog: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private pingedAt = 0;
  /** The gateway's clock less this one's (ms), null while it is not known. */
  clockOffsetMs: number | null = null;
  private bestRoundTripMs = Infinity;
  private closed = false;
  private resuming = false;
  status: Status = {
    phase: "connecting",
    ageMs: null,
    latencyMs: null,
    reason: "",
    retryAt: null,
  };

  constructor(
    private readonly url: string,
    private readonly handlers: StreamHandlers,
  ) {}

  /** Connect, and stay connected until `close`. */
  open(): void {
    this.closed = false;
    this.watchdog ??= setInterval(() => this.watch(), 250);
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.watchdog);
    clearTimeout(this.retry);
    this.watchdog = undefined;
    this.drop();
  }

  /** Connect again at once, whatever the wait. */
  retryNow(): void {
    if (this.socket === null && !this.closed) this.connect();
  }

  /** Begin topics that are not held yet. A topic that was seeded goes on from its version. */
  subscribe(...topics: string[]): void {
    const fresh = topics.filter((topic) => !this.wanted.has(topic));
    for (const topic of fresh) this.wanted.add(topic);
    if (this.isOpen()) this.request(fresh);
  }

  unsubscribe(...topics: string[]): void {
    const held = topics.filter((topic) => this.wanted.delete(topic));
    for (const topic of held) this.state.forget(topic);
    if (held.length > 0 && this.isOpen()) this.send({ op: "unsub", topics: held }, held);
  }

  /** Follow exactly these tokens in the topic `tokens`. Snapshots of an earlier list are ignored. */
  watchTokens(ids: string[]): void {
    const some = ids.length > 0 || this.watched.length > 0;
    this.watched = ids;
    if (!this.isOpen() || !some) return;
    this.state.invalidate(WATCHLIST);
    this.editId = this.nextId;
    this.send({ op: "watch", ids, mode: "set" }, [WATCHLIST]);
  }

  /** Begin a topic with a page of `GET /discover`, before subscribing to it. */
  seed(topic: string, epoch: string, version: number, rows: Row[]): boolean {
    if (this.wanted.has(topic)) return false;
    return this.state.seed(topic, epoch, version, rows);
  }

  // -- connection -----------------------------------------------------------------------------
  private connect(): void {
    clearTimeout(this.retry);
    this.report({ phase: this.failures === 0 ? "connecting" : "reconnecting", retryAt: null });
    this.state.forgetParts();
    this.pending.clear();
    this.heardAt = performance.now();
    this.resuming = false;
    this.editId = null;
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.url, SUBPROTOCOL);
    } catch (error) {
      this.report({ phase: "refused", reason: String(error) });
      return;
    }
    this.socket = socket;
    socket.onopen = () => this.onOpen();
    socket.onmessage = (message) => {
      if (this.socket === socket) this.onMessage(message.data as string);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.onClose(event.code, event.reason);
    };
  }

  private onOpen(): void {
    this.heardAt = performance.now();
    this.resume();
    this.ping();
  }

  private onClose(code: number, reason: string): void {
    this.socket = null;
    if (this.closed) return;
    if (code >= FIRST_FINAL && code <= LAST_CODE) {
      this.report({ phase: "refused", reason: reason || `closed with ${code}` });
      return;
    }
    this.failures += 1;
    const wait = this.waitMs();
    this.report({
      phase: "reconnecting",
      reason: reason || (code === 1006 ? "no connection" : `closed with ${code}`),
      retryAt: Date.now() + wait,
    });
    this.retry = setTimeout(() => this.connect(), wait);
  }

  /** Full jitter up to a doubling cap, or what the gateway set in its `bye`. */
  private waitMs(): number {
    const [least, most] = BACKOFF_MS;
    const range = this.retryRange ?? [least / 2, Math.min(most, least * 2 ** (this.failures - 1))];
    this.retryRange = null;
    return range[0] + Math.random() * (range[1] - range[0]);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) {
      socket.onclose = socket.onmessage = socket.onopen = null;
      socket.close();
    }
  }

  /** Silence of SILENT_BEATS heartbeats is a dead connection, whatever the socket says. */
  private watch(): void {
    const socket = this.socket;
    if (socket === null) return;
    const silentMs = performance.now() - this.heardAt;
    const limit = socket.readyState === WebSocket.OPEN ? SILENT_BEATS * this.heartbeatMs : OPEN_MS;
    if (silentMs > limit) {
      this.drop();
      this.onClose(1006, `silent for ${Math.round(silentMs / 1_000)} s`);
    } else if (this.isOpen() && performance.now() - this.pingedAt > PING_MS) {
      this.ping();
    }
  }

  private isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  private send(message: Asking, topics: string[]): void {
    const id = this.nextId++;
    this.pending.set(id, { topics });
    this.socket?.send(JSON.stringify({ id, ...message }));
  }

  private ping(): void {
    this.pingedAt = performance.now();
    this.send({ op: "ping", ts: Date.now() }, []);
  }

  // -- requests -------------------------------------------------------------------------------
  /** Request everything after what is held, and the whole of what is not. */
  private resume(): void {
    const held: Record<string, number> = {};
    for (const [topic, version] of this.state.versions) {
      if (this.wanted.has(topic) || topic === WATCHLIST) held[topic] = version;
    }
    const names = Object.keys(held);
    this.resuming = this.wanted.size > 0;
    if (names.length > 0) {
      const watch = WATCHLIST in held ? { watch: this.watched } : {};
      this.send({ op: "resume", e: this.state.epoch, topics: held, ...watch }, names);
    }
    const missing = [...this.wanted].filter((topic) => !(topic in held));
    if (missing.length > 0) this.send({ op: "sub", topics: missing }, missing);
    if (this.watched.length > 0 && !(WATCHLIST in held)) this.watchTokens(this.watched);
  }

  private request(topics: string[]): void {
    for (const topic of topics) {
      const version = this.state.versions.get(topic);
      const since = version === undefined ? {} : { since: { e: this.state.epoch, v: version } };
      this.send({ op: "sub", topics: [topic], ...since }, [topic]);
    }
  }

  // -- frames ---------------------------------------------------------------------------------
  private onMessage(text: string): void {
    this.heardAt = performance.now();
    const frame = JSON.parse(text) as Frame;
    switch (frame.t) {
      case "hello":
        return this.onHello(frame);
      case "ok":
        return this.onOk(frame);
      case "err":
        return this.onErr(frame);
      case "bye":
        this.retryRange = frame.retry_ms ?? null;
        return;
      case "hb":
        this.onHeartbeat(frame);
        break;
      case "snap":
        if (frame.k === WATCHLIST ? this.editId !== null : !this.wanted.has(frame.k)) return;
        break;
      case "d":
        this.measure(frame.ts);
        break;
    }
    this.follow(frame);
  }

  private follow(frame: Frame): void {
    const effect = this.state.receive(frame);
    switch (effect.kind) {
      case "resume":
        if (!this.resuming) this.resume(); // frames behind the gap are still on the way
        return;
      case "snap":
        this.resuming = false;
        this.handlers.onSnap?.(effect.topic, this.state.topics.get(effect.topic)!);
        return;
      case "diff":
        this.resuming = false;
        this.handlers.onDiff?.(effect.topic, this.state.topics.get(effect.topic)!, effect.changed);
        return;
      case "events":
        this.resuming = false;
        this.handlers.onEvents?.(effect.topic, effect.events);
    }
  }

  private onHello(hello: Hello): void {
    this.heartbeatMs = hello.hb_ms ?? HEARTBEAT_MS;
    this.failures = 0;
    this.bestRoundTripMs = Infinity;
    this.report({ phase: hello.st === "stale" ? "stale" : "live", reason: "", retryAt: null });
  }

  private onHeartbeat(beat: Beat): void {
    this.report({
      phase: beat.st === undefined || beat.st === "live" ? "live" : "stale",
      ageMs: beat.age_ms ?? null,
      reason: "",
    });
  }

  private onOk(ok: Ok): void {
    const request = this.answered(ok.id);
    if (ok.id === this.editId) this.editId = null;
    if (request !== undefined && ok.topics !== undefined) this.resuming = false;
    if (typeof ok.ts === "number" && ok.now !== undefined) {
      const now = Date.now();
      const roundTripMs = now - ok.ts;
      // The quickest answer shows the other clock best.
      if (roundTripMs <= this.bestRoundTripMs + 1) {
        this.bestRoundTripMs = roundTripMs;
        this.clockOffsetMs = ok.now - (ok.ts + now) / 2;
      }
    }
  }

  private onErr(error: Err): void {
    this.resuming = false;
    const request = this.answered(error.id);
    if (request === undefined) return;
    for (const topic of request.topics) {
      this.wanted.delete(topic);
      this.state.forget(topic);
    }
    this.handlers.onRefused?.(request.topics, error.code, error.msg ?? "");
  }

  /** Return what an answer is to, and forget it. */
  private answered(id: Ok["id"]): PendingRequest | undefined {
    if (typeof id !== "number") return undefined;
    const request = this.pending.get(id);
    this.pending.delete(id);
    return request;
  }

  private measure(committedMs: number | undefined): void {
    if (!committedMs || this.clockOffsetMs === null) return;
    const tookMs = Math.max(0, Date.now() + this.clockOffsetMs - committedMs);
    const before = this.status.latencyMs;
    const smoothed = before === null ? tookMs : before * 0.9 + tookMs * 0.1;
    this.status = { ...this.status, latencyMs: smoothed };
  }

  private report(news: Partial<Status>): void {
    this.status = { ...this.status, ...news };
    this.handlers.onStatus?.(this.status);
  }
}
