/** Requests to the HTTP API, against a stand-in for fetch: what is sent when, and what a refusal does. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Poller, type Answer, type Problem } from "../src/model/poller";

const fetched: string[] = [];
let answers: Answer[] = [];
let problems: Problem[] = [];
let reply: (path: string) => Promise<Response> = () => Promise.reject(new TypeError("no network"));

const json = (status: number, body: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const page = (ids: string[], total: number, epoch = "e1") =>
  json(200, { epoch, version: 7, as_of_ms: 9, tokens: ids.map((id) => ({ id })), total });

function poller(): Poller {
  return new Poller({
    onAnswer: (answer) => answers.push(answer),
    onProblem: (problem) => problems.push(problem),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", (path: string, { signal }: { signal: AbortSignal }) => {
    fetched.push(path);
    return new Promise<Response>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      reply(path).then(resolve, reject);
    });
  });
  fetched.length = 0;
  answers = [];
  problems = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a request is sent once the keys rest, and only its last form", async () => {
  reply = async () => page(["a"], 1);
  const one = poller();
  one.start({ path: "/search?q=p", rows: 50, everyMs: null }, 180);
  await vi.advanceTimersByTimeAsync(100);
  one.start({ path: "/search?q=pe", rows: 50, everyMs: null }, 180);
  await vi.advanceTimersByTimeAsync(1_000);

  expect(fetched).toEqual(["/search?q=pe&limit=50"]);
  expect(answers.map((answer) => answer.total)).toEqual([1]);
});

test("an answer that is on its way to an earlier request is not reported", async () => {
  reply = (path) => new Promise((resolve) => setTimeout(() => resolve(page([path], 1)), 300));
  const one = poller();
  one.start({ path: "/search?q=a", rows: 1, everyMs: null });
  await vi.advanceTimersByTimeAsync(100);
  one.start({ path: "/search?q=b", rows: 1, everyMs: null });
  await vi.advanceTimersByTimeAsync(1_000);

  expect(fetched.length).toBe(2);
  expect(answers.map((answer) => answer.rows[0]!.id)).toEqual(["/search?q=b&limit=1"]);
  expect(problems).toEqual([]);
});

test("what is to be kept up to date is requested again, and no more once it is over", async () => {
  reply = async () => page(["a"], 1);
  const one = poller();
  one.start({ path: "/discover?q=a", rows: 100, everyMs: 2_000 });
  await vi.advanceTimersByTimeAsync(4_100);
  one.stop();
  await vi.advanceTimersByTimeAsync(9_000);

  expect(fetched.length).toBe(3);
});

test("pages are read by offsets until there are enough rows, each row once", async () => {
  const ids = (from: number) => Array.from({ length: 100 }, (_, at) => `t${from + at}`);
  reply = async (path) => page(path.includes("cursor") ? ids(99) : ids(0), 250);
  poller().start({ path: "/discover?q=a", rows: 200, everyMs: null });
  await vi.advanceTimersByTimeAsync(10);

  expect(fetched).toEqual(["/discover?q=a&limit=100", "/discover?q=a&limit=100&cursor=100"]);
  expect(answers[0]!.rows.length).toBe(199);
  expect(answers[0]!.total).toBe(250);
});

test("pages of two epochs are never one answer", async () => {
  const ids = Array.from({ length: 100 }, (_, at) => `t${at}`);
  let epoch = 0;
  reply = async () => page(ids, 200, `e${(epoch += 1)}`);
  poller().start({ path: "/discover?q=a", rows: 200, everyMs: null });
  await vi.advanceTimersByTimeAsync(10);

  expect(answers).toEqual([]);
});

test("the reason why there is no list is reported", async () => {
  reply = async () => json(503, { code: "warming", reason: "no_source", detail: "no source answers; is this machine online?" });
  poller().start({ path: "/discover?sort=volume", rows: 1, everyMs: null });
  await vi.advanceTimersByTimeAsync(10);

  expect(problems.at(-1)?.reason).toBe("no_source");
});

test("a request that is wrong is reported with what is wrong in it and not sent again", async () => {
  reply = async () => json(400, { code: "bad_q", detail: "too many words", param: "q" });
  poller().start({ path: "/search?q=a", rows: 1, everyMs: 2_000 });
  await vi.advanceTimersByTimeAsync(60_000);

  expect(fetched.length).toBe(1);
  expect(problems).toEqual([
    { status: 400, code: "bad_q", reason: "", detail: "too many words", param: "q", retryAt: null },
  ]);
});

test.each([429, 503])("%i is requested again when it says", async (status) => {
  reply = async () => json(status, { code: "rate", detail: "slow down" }, { "retry-after": "5" });
  poller().start({ path: "/discover?q=a", rows: 1, everyMs: 2_000 });
  await vi.advanceTimersByTimeAsync(4_900);
  expect(fetched.length).toBe(1);
  expect(problems[0]!.retryAt! - Date.now()).toBe(100);

  reply = async () => page(["a"], 1);
  await vi.advanceTimersByTimeAsync(200);
  expect(answers.length).toBe(1);
});

test("without an answer it is requested again, more and more seldom", async () => {
  reply = () => Promise.reject(new TypeError("no network"));
  poller().start({ path: "/discover?q=a", rows: 1, everyMs: 2_000 });
  await vi.advanceTimersByTimeAsync(7_100); // at 0, 1, 3, 7 s

  expect(fetched.length).toBe(4);
  expect(problems[0]).toMatchObject({ status: 0, detail: "The server does not answer." });
});

test("a server that never ends its answer is given up", async () => {
  vi.stubGlobal("AbortSignal", Object.assign(AbortSignal, { timeout: deadline }));
  reply = () => new Promise(() => {});
  poller().start({ path: "/discover?q=a", rows: 1, everyMs: null });
  await vi.advanceTimersByTimeAsync(8_100);

  expect(problems.length).toBe(1);
});

/** As AbortSignal.timeout, on the test's clock. */
function deadline(ms: number): AbortSignal {
  const abort = new AbortController();
  setTimeout(() => abort.abort(new DOMException("late", "TimeoutError")), ms);
  return abort.signal;
}
