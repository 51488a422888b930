/** What is known of a token's safety, quality and stage, as chips: what each says, and in which words. Pure. */
import type { Row } from "../client";
import { age, UNKNOWN } from "../format/number";
import { moment } from "../format/time";
import { copies } from "../model/copies";
import type { PastRow } from "../model/past";

/** Kinds of chips, each with its switch. */
export const CHIP_KINDS = {
  mint: "Mint authority",
  freeze: "Freeze authority",
  verified: "Verified",
  top: "Top holders",
  dev: "Dev’s share",
  organic: "Organic score",
  drained: "Drained",
  suspicious: "Suspicious",
  copycat: "Copies of a ticker",
  thin: "Thin price",
  stage: "Launchpad and stage",
  boosted: "Promoted",
} as const;

export type ChipKind = keyof typeof CHIP_KINDS;
export const ALL_CHIPS = Object.keys(CHIP_KINDS) as ChipKind[];

/** `plain` says neither good nor bad; `unknown` is drawn as unknown, never as good. */
export type Tone = "good" | "warn" | "bad" | "plain" | "unknown";

export interface Chip {
  kind: ChipKind | "gone"; // which has no switch: it is of lists of the past
  tone: Tone;
  label: string; // what it is about, or all that it says
  value: string; // the figure, "" where the label says it all
  words: string; // the whole of it, for pointers and screen readers
  progress?: number; // 0 to 100
}

const NONE: ReadonlySet<string> = new Set(); // every chip is shown
// Up to here a share counts as good, up to there as doubtful; percent of the supply.
const TOP_PCT = [25, 50] as const;
const DEV_PCT = [5, 15] as const;
const ORGANIC = [30, 70] as const; // of 100: below the first doubtful, from the second on good

/** The chips that every row has, known or not: they stand below each other in the list. */
export function safetyChips(row: Row, hidden = NONE): Chip[] {
  return [top(row), dev(row), organic(row), mint(row), freeze(row), verified(row)].filter(
    ({ kind }) => !hidden.has(kind),
  );
}

/** The chips of what only some tokens are, what matters most first. */
export function markChips(row: PastRow, nowMs: number, hidden = NONE): Chip[] {
  const found = [gone(row), flagged(row, "drained"), flagged(row, "suspicious"), copycat(row), flagged(row, "thin")];
  const all = [...found, stage(row, nowMs), original(row), boosted(row)];
  return all.filter((chip) => chip !== null).filter(({ kind }) => !hidden.has(kind));
}

/** Whether any of the chips that every row has is switched on. */
export function hasSafety(hidden: ReadonlySet<string>): boolean {
  return safetyChips({ id: "" }, hidden).length > 0;
}

function mint({ mint_revoked: revoked }: Row): Chip {
  const base = { kind: "mint", label: "mint" } as const;
  if (revoked === undefined) return { ...base, tone: "unknown", value: "", words: "Not known whether more can be minted" };
  return revoked
    ? { ...base, tone: "good", value: "", words: "Mint revoked: nobody can make more of this token" }
    : { ...base, tone: "bad", value: "", words: "Mintable: an authority can still make more of this token" };
}

function freeze({ freeze_revoked: revoked }: Row): Chip {
  const base = { kind: "freeze", label: "freeze", value: "" } as const;
  if (revoked === undefined) return { ...base, tone: "unknown", words: "Not known whether holders can be frozen" };
  return revoked
    ? { ...base, tone: "good", words: "Freeze revoked: nobody can freeze what holders have" }
    : { ...base, tone: "bad", words: "Freezable: an authority can freeze what holders have" };
}

function verified({ verified: known }: Row): Chip {
  const base = { kind: "verified", label: "verified", value: "" } as const;
  if (known === undefined) return { ...base, tone: "unknown", words: "No source says whether this token is verified" };
  return known
    ? { ...base, tone: "good", words: "Verified by a source that checks tokens" }
    : { ...base, tone: "warn", words: "Not verified by a source that checks tokens" };
}

function top({ top_holders_pct: share }: Row): Chip {
  const words = share === undefined ? "Share of the largest holders not known" : `The largest holders have ${exact(share)} of the supply`;
  return { kind: "top", label: "top", value: percent(share), tone: below(share, TOP_PCT), words };
}

function dev({ dev_pct: share, dev_mints: mints }: Row): Chip {
  const made = mints === undefined ? "" : `; the dev has made ${mints === 1 ? "one token" : `${mints.toLocaleString("en")} tokens`}`;
  const words = share === undefined ? "Share of the dev not known" : `The dev has ${exact(share)} of the supply`;
  return { kind: "dev", label: "dev", value: percent(share), tone: below(share, DEV_PCT), words: words + made };
}

function organic({ organic_score: score }: Row): Chip {
  const tone = score === undefined ? "unknown" : score >= ORGANIC[1] ? "good" : score < ORGANIC[0] ? "warn" : "plain";
  const words =
    score === undefined
      ? "Organic score not known"
      : `Organic score ${score.toFixed(1)} of 100: how much of the trading is by real people`;
  return { kind: "organic", label: "org", value: score === undefined ? UNKNOWN : score.toFixed(0), tone, words };
}

const FLAGS = {
  drained: { tone: "bad", words: "Drained: less than 1 USD of liquidity is left" },
  suspicious: { tone: "bad", words: "Suspicious: a source warns about this token" },
  thin: { tone: "warn", words: "Thin: the price is of a pool that hardly trades or holds little" },
} as const;

function flagged({ flags }: Row, kind: keyof typeof FLAGS): Chip | null {
  return flags?.includes(kind) ? { kind, label: kind, value: "", ...FLAGS[kind] } : null;
}

function copycat(row: Row): Chip | null {
  const alike = row.same_ticker;
  if (alike === undefined) {
    const words = "Copycat: its ticker is that of an older, deeper token";
    return row.flags?.includes("copycat") ? { kind: "copycat", label: "copycat", value: "", tone: "warn", words } : null;
  }
  const { words, title, first } = copies(row.token_ticker, alike);
  return first ? null : { kind: "copycat", label: words, value: "", tone: "warn", words: `Copycat? ${title}` };
}

/** A token of a list of the past that is no longer listed. */
function gone({ gone_ms: ms }: PastRow): Chip | null {
  if (ms === undefined) return null;
  return { kind: "gone", label: "removed", value: "", tone: "warn", words: `Removed since, on ${moment(ms)}: no source reported it any longer` };
}

/** The one of several that has a right to its ticker. */
function original({ same_ticker: alike, token_ticker: ticker }: Row): Chip | null {
  if (alike === undefined) return null;
  const { words, title, first } = copies(ticker, alike);
  return first ? { kind: "copycat", label: words, value: "", tone: "plain", words: title } : null;
}

function stage(row: Row, nowMs: number): Chip | null {
  const { stage: where, launchpad, graduation_pct: progress, graduated_ms: graduated } = row;
  const pad = launchpad ?? "a launchpad";
  const base = { kind: "stage", value: "", tone: "plain" } as const;
  if (where === "graduated") {
    const when = graduated === undefined ? "" : ` ${age(nowMs - graduated)} ago`;
    return { ...base, label: "graduated", words: `Graduated from ${pad}${when}: it trades in an open pool` };
  }
  if (where === "completed") {
    return { ...base, label: "completed", progress: 100, words: `The curve of ${pad} is complete; the open pool comes next` };
  }
  if (where === "curve") {
    const words = `On the bonding curve of ${pad}${progress === undefined ? "; how far is not known" : `, ${exact(progress)} of the way`}`;
    const label = launchpad ?? "curve";
    return progress === undefined
      ? { ...base, label, value: launchpad === undefined ? "" : "curve", words }
      : { ...base, label, value: percent(progress), progress, words };
  }
  return launchpad === undefined ? null : { ...base, label: launchpad, words: `Launched on ${launchpad}` };
}

function boosted({ flags, boosts }: Row): Chip | null {
  if (!flags?.includes("boosted") && !(boosts! > 0)) return null;
  const many = boosts === undefined ? "boosted" : boosts === 1 ? "one boost" : `${boosts.toLocaleString("en")} boosts`;
  const words = `Promoted: ${many}, paid for. It does not count for Trending`;
  return { kind: "boosted", label: "promoted", value: "", tone: "plain", words };
}

function below(share: number | undefined, [good, doubtful]: readonly [number, number]): Tone {
  if (share === undefined) return "unknown";
  return share <= good ? "good" : share <= doubtful ? "warn" : "bad";
}

/** A share in as few digits as say it: `12%`, `<1%`, never 0 or 100 of what is neither. */
export function percent(share: number | undefined): string {
  if (share === undefined) return UNKNOWN;
  if (share > 0 && share < 1) return "<1%";
  if (share < 100 && share > 99) return ">99%";
  return `${share.toFixed(0)}%`;
}

function exact(share: number): string {
  return `${Number(share.toFixed(2))}%`;
}
