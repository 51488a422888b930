import { expect, test } from "vitest";
import { problemOf } from "../src/model/historyproblem";

const refusal = (status: number, body: object) => new Response(JSON.stringify(body), { status });

test.each([
  [503, { code: "history_off" }, "This server keeps no history (HISTORY=off).", false],
  [503, { code: "history_down", detail: "the disk is full" }, "The history is not available now: the disk is full. Trying again.", true],
  [429, { code: "rate" }, "Too many requests; trying again.", true],
  [404, { code: "not_found", detail: "no such token" }, "No such token.", false],
  [500, {}, "The server answered 500.", true],
])("a %i is explained in plain words, and requested again only where that may help", async (status, body, words, again) => {
  expect(await problemOf(refusal(status, body))).toMatchObject({ words, again });
});

test("a server that does not answer is requested again", async () => {
  expect(await problemOf(null)).toMatchObject({ words: "The server does not answer; trying again.", again: true });
});
