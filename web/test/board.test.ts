/** The board: its address, and three lists over one connection. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Board } from "../src/model/board";
import { Feed } from "../src/model/feed";
import { NO_FILTERS } from "../src/model/filters";
import {
  columnOf,
  columnQuery,
  DEFAULTS,
  formatQuery,
  isPolled,
  listTopic,
  parseQuery,
  remembered,
  wanted,
  type Query,
} from "../src/model/query";
import { USUAL } from "../src/model/columns";
import { KeptSet } from "../src/model/store";

const board = (news: Partial<Query> = {}): Query => ({ ...DEFAULTS, view: "board", ...news });
const limits = { min_liquidity: 1_000 };

test("new is followed over the stream; stages are requested, the completed with those on their curve", () => {
  expect(listTopic(columnQuery(board(), "new"))).toBe("list:newest:-:desc:*:50");
  expect(isPolled(columnQuery(board(), "new"))).toBe(false);
  expect(wanted(columnQuery(board({ chain: "base" }), "curve"))).toEqual({
    path: "/discover?sort=graduation_pct&order=desc&chain=base&stage=curve%2Ccompleted",
    rows: 50,
  });
  expect(wanted(columnQuery(board(), "graduated")).path).toBe("/discover?sort=graduated&order=desc&stage=graduated");
});

test("an address restores the columns, each with filters, sort and chain of its own", () => {
  const query = board({
    window: "5m",
    chain: "solana",
    columns: {
      new: { sort: "volume", order: "asc", chain: "base", filters: { ...NO_FILTERS, stage: ["curve"] } },
      curve: { ...USUAL.curve, filters: { ...NO_FILTERS, limits, not: ["suspicious"] } },
      graduated: USUAL.graduated,
    },
  });
  const search = formatQuery(query);

  expect(new URLSearchParams(search).get("curve.min_liquidity")).toBe("1000");
  expect(parseQuery(search)).toEqual(query);
  expect(formatQuery(board())).toBe("?view=board");
  expect(parseQuery("?view=wall&new.sort=rank&curve.stage=graduated&new.chain=%3C")).toEqual(DEFAULTS);
});

test("an address says nothing of the view that it does not show, and the page remembers it", () => {
  const list = { ...DEFAULTS, filters: { ...NO_FILTERS, limits }, columns: { ...USUAL, new: { ...USUAL.new, chain: "base" } } };
  const both = { ...list, view: "board" as const };

  expect(formatQuery(list)).not.toContain("new.");
  expect(formatQuery(both)).not.toContain("min_liquidity");
  expect(remembered(parseQuery(formatQuery(list)), list)).toEqual(list);
  expect(remembered(parseQuery(formatQuery(both)), list)).toEqual(both);
});

test("what is applied to a column is what it lists", () => {
  const query = board({ chain: "base" });
  const draft = { ...columnQuery(query, "curve"), sort: "volume" as const, chain: "solana" };
  const column = columnOf(draft, query, "curve");

  expect(column).toEqual({ sort: "volume", order: "desc", chain: "solana", filters: NO_FILTERS });
  expect(columnOf(columnQuery(query, "new"), query, "new")).toEqual(USUAL.new);
});

class Socket {
  static OPEN = 1;
  static last: Socket;
  readyState = 0;
  sent: { op: string; topics?: string[]; ids?: string[] }[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;

  constructor() {
    Socket.last = this;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Socket["sent"][number]);
  }

  close(): void {
    this.readyState = 3;
  }
}

const fetched: string[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  fetched.length = 0;
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("fetch", async (path: string) => {
    fetched.push(path);
    const ids = path.includes("graduated") ? ["g"] : path.includes("stage") ? ["c1", "c2"] : ["n"];
    const tokens = ids.map((id) => ({ id, rv: 1, graduation_pct: 50, graduated_ms: 1, launchpad: "moonshot", stage: path.includes("sort=graduated") ? "graduated" : "curve" }));
    return new Response(JSON.stringify({ epoch: "e1", version: 1, as_of_ms: 1, tokens, total: tokens.length }));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("its lists share one socket and the followed ids; nothing is requested once it is stopped", async () => {
  const feed = new Feed("ws://gateway/ws", new KeptSet("stars", 500), { onStatus() {}, onAlerts() {} });
  const lists = new Board(feed, board(), { onChange() {} });
  feed.open();
  lists.start();
  const socket = Socket.last;
  socket.readyState = 1;
  socket.onopen?.();
  socket.onmessage?.({ data: JSON.stringify({ t: "hello", proto: 1, e: "e1", v: 1, hb_ms: 60_000, ts: 0 }) });
  await vi.advanceTimersByTimeAsync(100);

  expect(lists.lists.curve.shown()).toEqual(["c2", "c1"]);
  expect(lists.lists.graduated.shown()).toEqual(["g"]);
  expect(socket.sent.filter(({ op }) => op === "watch").at(-1)!.ids!.toSorted()).toEqual(["c1", "c2", "g"]);

  expect(lists.words("launchpad")).toEqual(["moonshot"]);

  lists.stop();
  fetched.length = 0;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(fetched).toEqual([]);
  expect(Socket.last).toBe(socket);
});
