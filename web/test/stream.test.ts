/** The connection against a stand-in for WebSocket: what is sent when, and what a lost one does. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DiscoverStream, type Status } from "../src/client";

class Socket {
  static OPEN = 1;
  static all: Socket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    Socket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
    this.say({ t: "hello", proto: 1, e: "e1", v: 1, hb_ms: 1000, ts: 0 });
  }

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  lose(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }

  ops(): unknown[] {
    return this.sent.map((message) => message["op"]).filter((op) => op !== "ping");
  }
}

let statuses: Status[] = [];
const refused: string[][] = [];

function start(...topics: string[]): DiscoverStream {
  const stream = new DiscoverStream("ws://gateway/ws", {
    onStatus: (status) => statuses.push(status),
    onRefused: (names) => refused.push(names),
  });
  stream.open();
  if (topics.length > 0) stream.subscribe(...topics);
  return stream;
}

const last = () => Socket.all.at(-1)!;
const phase = () => statuses.at(-1)!.phase;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  Socket.all = [];
  statuses = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("it speaks the subprotocol and subscribes once it is open", () => {
  start("all");
  last().open();

  expect(last().protocol).toBe("discover.v1.json");
  expect(last().ops()).toEqual(["sub"]);
  expect(phase()).toBe("live");
});

test("a lost connection is reported at once and resumed from what is held", () => {
  start("all");
  last().open();
  last().say({ t: "snap", k: "all", e: "e1", v: 5, rows: [] });
  last().lose(1006);
  expect(phase()).toBe("reconnecting");

  vi.advanceTimersByTime(1_000);
  last().open();

  expect(Socket.all.length).toBe(2);
  expect(last().sent[0]).toMatchObject({ op: "resume", e: "e1", topics: { all: 5 } });
  expect(phase()).toBe("live");
});

test("three heartbeats of silence are a lost connection", () => {
  start("all");
  last().open();
  vi.advanceTimersByTime(3_600);

  expect(statuses.some((status) => status.phase === "reconnecting")).toBe(true);
  vi.advanceTimersByTime(1_000);
  expect(Socket.all.length).toBe(2);
});

test("a gap is requested once, however many frames follow it", () => {
  start("all");
  last().open();
  last().say({ t: "snap", k: "all", e: "e1", v: 5, rows: [] });
  last().say({ t: "d", k: "all", pv: 6, v: 7, set: [] });
  last().say({ t: "d", k: "all", pv: 7, v: 8, set: [] });

  expect(last().ops()).toEqual(["sub", "resume"]);
});

test("after a goodbye the client comes back within the range of the gateway", () => {
  start("all");
  last().open();
  last().say({ t: "bye", why: "drain", retry_ms: [4_000, 5_000] });
  last().lose(4002);

  vi.advanceTimersByTime(3_900);
  expect(Socket.all.length).toBe(1);
  vi.advanceTimersByTime(1_200);
  expect(Socket.all.length).toBe(2);
});

test("what was refused for good is not requested again", () => {
  start("all");
  last().lose(4504);
  vi.advanceTimersByTime(60_000);

  expect(Socket.all.length).toBe(1);
  expect(phase()).toBe("refused");
});

test("a refused topic is reported and forgotten", () => {
  start("all", "nonsense");
  last().open();
  const asked = last().sent.find((message) => message["op"] === "sub")!;
  last().say({ t: "err", id: asked["id"], code: "bad_topic", msg: "", retry: false });

  expect(refused).toEqual([["all", "nonsense"]]);
});

test("a snapshot of an earlier watchlist is ignored until the edit is answered", () => {
  const stream = start();
  last().open();
  stream.watchTokens(["solana:A"]);
  const edit = last().sent.at(-1)!;
  last().say({ t: "snap", k: "tokens", e: "e1", v: 5, rows: [{ id: "solana:OLD" }] });
  expect(stream.state.topics.has("tokens")).toBe(false);

  last().say({ t: "ok", id: edit["id"], topics: { tokens: "snap" } });
  last().say({ t: "snap", k: "tokens", e: "e1", v: 5, rows: [{ id: "solana:A" }] });

  expect([...stream.state.topics.get("tokens")!.rows.keys()]).toEqual(["solana:A"]);
});

test("an epoch that ended is reported by the heartbeat and resumed from", () => {
  start("all");
  last().open();
  last().say({ t: "snap", k: "all", e: "e1", v: 5, rows: [] });
  last().say({ t: "hb", e: "e2", v: 1, ts: 0, age_ms: 1, st: "live" });

  expect(last().ops()).toEqual(["sub", "resume"]);
});
