import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { StreamState, type Frame, type Row } from "../src/client";

interface Case {
  name: string;
  frames: { frame: Frame; answer: "RESUME" | null }[];
  epoch: string;
  versions: Record<string, number>;
  rows?: Record<string, Row[]>;
  ids?: Record<string, string[]>;
  heard?: Record<string, string[]>;
}

const folder = new URL("../../tests/vectors/stream/", import.meta.url);
const cases = readdirSync(folder).flatMap((file) =>
  (JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Case[]).map(
    (each) => [`${file}: ${each.name}`, each] as const,
  ),
);

test("there are vectors", () => expect(cases.length).toBeGreaterThan(30));

test.each(cases)("%s", (_, { frames, epoch, versions, rows, ids, heard }) => {
  const state = new StreamState();
  const received = new Map<string, string[]>();

  const answers = frames.map(({ frame }) => {
    const effect = state.receive(frame);
    if (effect.kind === "events") {
      const before = received.get(effect.topic) ?? [];
      received.set(effect.topic, [...before, ...effect.events.map((event) => event.i)]);
    }
    return effect.kind === "resume" ? "RESUME" : null;
  });

  expect(answers).toEqual(frames.map(({ answer }) => answer));
  expect(state.epoch).toBe(epoch);
  expect(Object.fromEntries(state.versions)).toEqual(versions);
  for (const [topic, expected] of Object.entries(rows ?? {})) {
    const held = state.topics.get(topic)!.rows;
    expect(Object.fromEntries(held)).toEqual(Object.fromEntries(expected.map((row) => [row.id, row])));
  }
  for (const [topic, expected] of Object.entries(ids ?? {})) {
    expect(state.topics.get(topic)!.ids).toEqual(expected);
  }
  for (const [topic, expected] of Object.entries(heard ?? {})) {
    expect(received.get(topic) ?? []).toEqual(expected);
  }
});

test("a page of /discover begins a topic that goes on with diffs", () => {
  const state = new StreamState();

  expect(state.seed("list:volume:24h:desc:*:10", "e1", 5, [{ id: "solana:A", price: 1 }])).toBe(true);
  const effect = state.receive({
    t: "d",
    k: "list:volume:24h:desc:*:10",
    pv: 5,
    v: 6,
    set: [{ id: "solana:A", price: 2 }],
  });

  expect(effect.kind).toBe("diff");
  expect(state.topics.get("list:volume:24h:desc:*:10")!.rows.get("solana:A")!.price).toBe(2);
});

test("a page of another epoch begins nothing beside what is held", () => {
  const state = new StreamState();
  state.receive({ t: "snap", k: "all", e: "e1", v: 5, rows: [] });

  expect(state.seed("list:volume:24h:desc:*:10", "e2", 5, [])).toBe(false);
});

test("a change of a row that is not held requests all of the topic", () => {
  const state = new StreamState();
  state.receive({ t: "snap", k: "all", e: "e1", v: 5, rows: [] });

  const effect = state.receive({ t: "d", k: "all", pv: 5, v: 6, set: [{ id: "solana:A", price: 2 }] });

  expect(effect.kind).toBe("resume");
  expect(state.versions.has("all")).toBe(false);
});
