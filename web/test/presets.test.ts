/** Presets, kept in the browser; views as commands. */
import { beforeEach, expect, test, vi } from "vitest";
import { curl } from "../src/model/curl";
import { NO_FILTERS } from "../src/model/filters";
import { BUILT_IN, isShown, Presets, queryOf } from "../src/model/presets";
import { DEFAULTS, parseQuery, type Query } from "../src/model/query";

const query = (search: string): Query => parseQuery(search);
let stored: Map<string, string>;

beforeEach(() => {
  stored = new Map();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  });
});

test("the page comes with five, and each shows what its name says", () => {
  expect(BUILT_IN.map(({ name }) => name)).toEqual([
    "Trending 1h",
    "New < 1 h, liquidity > 10k",
    "About to graduate",
    "Fresh graduates",
    "Safe only",
  ]);
  expect(queryOf(BUILT_IN[1]!, DEFAULTS).filters.limits).toEqual({ max_age_minutes: 60, min_liquidity: 10_000 });
  expect(queryOf(BUILT_IN[2]!, DEFAULTS).filters.stage).toEqual(["curve", "completed"]);
  expect(queryOf(BUILT_IN[3]!, DEFAULTS).filters.stage).toEqual(["graduated"]);
  expect(queryOf(BUILT_IN[4]!, DEFAULTS).filters).toMatchObject({
    has: ["mint_revoked", "freeze_revoked"],
    not: ["suspicious", "drained", "copycat", "thin"],
  });
});

test("those of the page are of the chain that is looked at, the user's own of their own", () => {
  const presets = new Presets();
  presets.save("Mine", query("?chain=base&min_volume=5"));
  const own = presets.all.at(-1)!;
  const now = query("?chain=solana&token=solana:A");

  expect(queryOf(BUILT_IN[1]!, now)).toMatchObject({ chain: "solana", token: "solana:A" });
  expect(queryOf(own, now)).toMatchObject({ chain: "base", token: "solana:A" });
  expect(isShown(own, queryOf(own, now))).toBe(true);
  expect(isShown(own, now)).toBe(false);
  expect(isShown(BUILT_IN[1]!, queryOf(BUILT_IN[1]!, now))).toBe(true);
});

test("a preset of the list leaves the board's columns as they are, and one of the board the list's filters", () => {
  const presets = new Presets();
  presets.save("Mine", query("?view=board&new.chain=base"));
  const chosen = { ...query("?min_volume=5"), columns: query("?view=board&curve.order=asc").columns };

  expect(queryOf(BUILT_IN[1]!, { ...chosen, view: "board" }).columns).toEqual(chosen.columns);
  expect(queryOf(presets.all.at(-1)!, chosen)).toMatchObject({ view: "board", filters: chosen.filters });
});

test("what was saved is there the next time, renamed and removed", () => {
  const presets = new Presets();
  presets.save("  One  ", query("?min_volume=1&token=solana:A"));
  presets.save("Two", query("?min_volume=2"));
  presets.save("One", query("?min_volume=3"));
  const names = () => new Presets().all.filter((each) => each.own).map(({ name, search }) => `${name} ${search}`);

  expect(names()).toEqual(["One ?min_volume=3", "Two ?min_volume=2"]);
  expect(presets.rename(presets.all[5]!, "Two")).toBe(false);
  expect(presets.rename(presets.all[5]!, " ")).toBe(false);
  expect(presets.rename(presets.all[5]!, "First")).toBe(true);
  presets.remove(presets.all[6]!);
  expect(names()).toEqual(["First ?min_volume=3"]);
});

test.each(["{", "7", '[{"name": 1}, null, {"name": "a", "search": 2}, {"name": " ", "search": ""}]'])(
  "what something else kept there is no preset: %s",
  (text) => {
    stored.set("dexwire:presets", text);

    expect(new Presets().all).toEqual(BUILT_IN);
  },
);

test("a view is the request for its first page, quoted for a shell", () => {
  const filters = { ...NO_FILTERS, limits: { min_volume: 1_000 }, has: ["verified" as const], launchpad: "it's $HOME" };

  expect(curl("http://dex:8000", { ...DEFAULTS, sort: "newest", window: "1h", depth: "200", filters })).toBe(
    "curl 'http://dex:8000/discover?sort=newest&order=desc&window=1h&min_volume=1000&has=verified" +
      "&launchpad=it%27s+%24HOME&limit=100'",
  );
  expect(curl("http://dex:8000", { ...DEFAULTS, q: "wif", sort: "match", starred: true, depth: "50" })).toBe(
    "curl 'http://dex:8000/search?q=wif&limit=50'",
  );
});
