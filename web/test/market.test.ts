/** Where rows come from, against stand-ins for WebSocket and fetch. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Row } from "../src/client";
import { NO_FILTERS } from "../src/model/filters";
import { Feed } from "../src/model/feed";
import { Market } from "../src/model/market";
import { DEFAULTS, type Query } from "../src/model/query";
import { KeptSet } from "../src/model/store";

class Socket {
  static OPEN = 1;
  static last: Socket;
  readyState = 0;
  sent: { op: string; id: number; ids?: string[]; topics?: string[] }[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor() {
    Socket.last = this;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Socket["sent"][number]);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
    this.say({ t: "hello", proto: 1, e: "e1", v: 1, hb_ms: 60_000, ts: 0 });
  }

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** Answer the last edit of the watchlist with these rows. */
  watched(rows: Row[], v: number): void {
    const edit = this.sent.filter((message) => message.op === "watch").at(-1)!;
    this.say({ t: "ok", id: edit.id, topics: { tokens: "snap" } });
    this.say({ t: "snap", k: "tokens", e: "e1", v, rows });
  }
}

const fetched: string[] = [];
let tokens: Row[] = [];

function market(news: Partial<Query>): Market {
  const feed = new Feed("ws://gateway/ws", new KeptSet("stars", 500), { onStatus() {}, onAlerts() {} });
  const query: Query = { ...DEFAULTS, sort: "volume", window: "24h", ...news };
  const made = new Market(feed, query, { onChange() {} });
  feed.open();
  made.start();
  return made;
}

const row = (id: string, rv: number, liquidity: number): Row => ({ id, rv, liquidity, volume_24h: 1 });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("fetch", async (path: string) => {
    fetched.push(path);
    const body = { epoch: "e1", version: 5, as_of_ms: 0, tokens, total: tokens.length };
    return new Response(JSON.stringify(body));
  });
  fetched.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("rows within limits are requested, followed by their ids, and leave with the diff", async () => {
  tokens = [row("a", 5, 90), row("b", 5, 80)];
  const one = market({ filters: { ...NO_FILTERS, limits: { min_liquidity: 50 } } });
  Socket.last.open();
  await vi.advanceTimersByTimeAsync(10);
  expect(one.shown()).toEqual(["b", "a"]);
  expect(Socket.last.sent.at(-1)).toMatchObject({ op: "watch", ids: ["a", "b"] });

  Socket.last.watched(tokens, 5);
  Socket.last.say({ t: "d", k: "tokens", pv: 5, v: 6, set: [{ id: "a", rv: 6, liquidity: 40 }] });
  expect(one.shown()).toEqual(["b"]);
  expect(fetched.length).toBe(1);
});

test("of two views of a row the later is shown, whichever way it came", async () => {
  tokens = [row("a", 5, 90)];
  const one = market({ filters: { ...NO_FILTERS, limits: { min_liquidity: 50 } } });
  Socket.last.open();
  await vi.advanceTimersByTimeAsync(10);
  Socket.last.watched([row("a", 7, 97)], 7);
  expect(one.row("a")!.liquidity).toBe(97);

  tokens = [row("a", 6, 96)];
  await vi.advanceTimersByTimeAsync(2_100);
  expect(one.row("a")!.liquidity).toBe(97);

  tokens = [row("a", 9, 99)];
  await vi.advanceTimersByTimeAsync(2_100);
  expect(one.row("a")!.liquidity).toBe(99);
});

test("a row that comes to meet the limits is there with the next answer", async () => {
  tokens = [row("a", 5, 90)];
  const one = market({ filters: { ...NO_FILTERS, limits: { min_liquidity: 50 } } });
  Socket.last.open();
  await vi.advanceTimersByTimeAsync(10);
  tokens = [row("a", 5, 90), row("c", 8, 60)];
  await vi.advanceTimersByTimeAsync(2_000);

  expect(one.shown()).toEqual(["c", "a"]);
  expect(Socket.last.sent.at(-1)).toMatchObject({ op: "watch", ids: ["a", "c"] });
});

test("a list is requested once, and again and again only while there is no stream", async () => {
  tokens = [row("a", 5, 90)];
  const one = market({});
  await vi.advanceTimersByTimeAsync(2_900);
  expect(one.polling).toBe(false);
  expect(fetched.length).toBe(1);
  await vi.advanceTimersByTimeAsync(4_200);
  expect(one.polling).toBe(true);
  expect(fetched.length).toBe(4);

  Socket.last.open();
  expect(one.polling).toBe(false);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(fetched.length).toBe(4);
});

test("rows at hand that match are shown until the server has answered", async () => {
  tokens = [{ ...row("a", 5, 90), token_ticker: "WIF" }, { ...row("b", 5, 80), token_ticker: "PEPE" }];
  const one = market({});
  Socket.last.open();
  await vi.advanceTimersByTimeAsync(10);
  one.ask({ ...DEFAULTS, q: "pe", sort: "match" });
  expect(one.shown()).toEqual(["b"]);
  expect(one.loaded).toBe(false);

  tokens = [{ ...row("z", 5, 1), token_ticker: "PEAR" }];
  await vi.advanceTimersByTimeAsync(200);
  expect(one.shown()).toEqual(["z"]);
  expect(fetched.at(-1)).toBe("/search?q=pe&limit=100");
});

test("of a trending list that the gateway does not keep all rows are followed, and put in order here", async () => {
  tokens = [{ ...row("a", 5, 90), volume_1h: 1 }, { ...row("b", 5, 90_000), volume_1h: 5_000, traders_1h: 40 }];
  const one = market({ sort: "trending", window: "1h" });
  Socket.last.open();
  await vi.advanceTimersByTimeAsync(10);
  const asked = Socket.last.sent.find(({ topics }) => topics?.includes("list:trending:1h:desc:*:100"))!;
  Socket.last.say({ t: "err", id: asked.id, code: "too_many_lists", k: "list:trending:1h:desc:*:100" });
  Socket.last.say({ t: "snap", k: "all", e: "e1", v: 5, rows: tokens });
  await vi.advanceTimersByTimeAsync(2_100);

  expect(Socket.last.sent.at(-1)?.topics).toEqual(["all"]);
  expect(one.shown()).toEqual(["b", "a"]);
});
