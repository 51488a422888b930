import { expect, test } from "vitest";
import type { Row } from "../src/client";
import { imageAddress } from "../src/table/avatar";
import { ALL_CHIPS, hasSafety, markChips, percent, safetyChips, type Chip } from "../src/table/chips";

const NOW = 1_790_000_000_000;
const NONE = new Set<string>();
const row = (news: Partial<Row>): Row => ({ id: "solana:A", token_ticker: "WIF", ...news });
const summary = ({ label, value, tone }: Chip) => [label, value, tone].filter(Boolean).join(" ");
const marks = (news: Partial<Row>) => markChips(row(news), NOW, NONE);

test("what is not known of a token's safety is called unknown, never good", () => {
  expect(safetyChips(row({}), NONE).map(summary)).toEqual([
    "top – unknown",
    "dev – unknown",
    "org – unknown",
    "mint unknown",
    "freeze unknown",
    "verified unknown",
  ]);
});

test("a safe token and one that is not, in tones and in words", () => {
  const safe = { top_holders_pct: 12.34, dev_pct: 0, organic_score: 87.6, mint_revoked: true, freeze_revoked: true, verified: true };
  const unsafe = { top_holders_pct: 71, dev_pct: 10, organic_score: 9, mint_revoked: false, freeze_revoked: false, verified: false };

  expect(safetyChips(row(safe), NONE).map(summary)).toEqual([
    "top 12% good",
    "dev 0% good",
    "org 88 good",
    "mint good",
    "freeze good",
    "verified good",
  ]);
  expect(safetyChips(row(unsafe), NONE).map(summary)).toEqual([
    "top 71% bad",
    "dev 10% warn",
    "org 9 warn",
    "mint bad",
    "freeze bad",
    "verified warn",
  ]);
  const words = safetyChips(row({ ...unsafe, dev_mints: 214 }), NONE).map((chip) => chip.words);
  expect(words[1]).toBe("The dev has 10% of the supply; the dev has made 214 tokens");
  expect(words[3]).toBe("Mintable: an authority can still make more of this token");
});

test.each([
  [undefined, "–"],
  [0, "0%"],
  [0.4, "<1%"],
  [99.7, ">99%"],
  [100, "100%"],
])("a share of %s is %s", (share, text) => {
  expect(percent(share)).toBe(text);
});

test("flags are chips, the worst first; what is not flagged has none", () => {
  const flags: Row["flags"] = ["boosted", "drained", "suspicious", "thin"];

  expect(marks({}).map(summary)).toEqual([]);
  expect(marks({ flags, boosts: 30 }).map(summary)).toEqual(["drained bad", "suspicious bad", "thin warn", "promoted plain"]);
  expect(marks({ flags, boosts: 30 }).at(-1)!.words).toBe("Promoted: 30 boosts, paid for. It does not count for Trending");
});

test("a copy of a ticker is a warning, the first of its name is none", () => {
  const alike = { count: 3, oldest: false, most_liquid: false };

  expect(marks({ same_ticker: alike, flags: ["copycat"] }).map(summary)).toEqual(["one of 3 warn"]);
  expect(marks({ same_ticker: { ...alike, oldest: true } }).map(summary)).toEqual(["oldest of 3 plain"]);
  expect(marks({ flags: ["copycat"] }).map(summary)).toEqual(["copycat warn"]);
});

test.each([
  [{ stage: "curve", launchpad: "pump.fun", graduation_pct: 63.4 }, "pump.fun 63% plain", 63.4],
  [{ stage: "curve", launchpad: "pump.fun" }, "pump.fun curve plain", undefined],
  [{ stage: "completed", launchpad: "pump.fun" }, "completed plain", 100],
  [{ stage: "graduated", launchpad: "pump.fun" }, "graduated plain", undefined],
  [{ launchpad: "zora" }, "zora plain", undefined],
])("the stage %o is drawn as %s", (news, text, progress) => {
  const [chip] = marks(news as Partial<Row>);

  expect(summary(chip!)).toBe(text);
  expect(chip!.progress).toBe(progress);
});

test("the graduation is shown with its age", () => {
  const [chip] = marks({ stage: "graduated", launchpad: "pump.fun", graduated_ms: NOW - 127_000 });

  expect(chip!.words).toBe("Graduated from pump.fun 2m 07s ago: it trades in an open pool");
});

test("each kind can be switched off", () => {
  const everything: Partial<Row> = { same_ticker: { count: 2, oldest: false, most_liquid: false }, launchpad: "zora", boosts: 1, flags: ["drained", "suspicious", "thin"] };

  for (const kind of ALL_CHIPS) {
    const hidden = new Set([kind]);
    const left = [...safetyChips(row(everything), hidden), ...markChips(row(everything), NOW, hidden)].map((chip) => chip.kind);
    expect(left).toHaveLength(ALL_CHIPS.length - 1);
    expect(left).not.toContain(kind);
  }
  expect(hasSafety(new Set(["mint", "freeze", "verified", "top", "dev"]))).toBe(true);
  expect(hasSafety(new Set(["mint", "freeze", "verified", "top", "dev", "organic"]))).toBe(false);
});

test("an image is the image service's, and only of a row that has one", () => {
  const pictured = row({ image: "https://elsewhere.example/a.png", chain: "sui", token_address: "0x2::a/b" });

  expect(imageAddress(pictured, "http://127.0.0.1:8004/images")).toBe("http://127.0.0.1:8004/images/sui/0x2%3A%3Aa%2Fb");
  expect(imageAddress(pictured, null)).toBe(null);
  expect(imageAddress({ ...row({ chain: "sui", token_address: "0x2" }) }, "/images")).toBe(null);
});
