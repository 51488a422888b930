/**
 * The trending score of a row, as the server has it (docs/DATA.md, "Trending"; dexwire/stream/
 * trending.py), for rows that only this page puts in order: the watchlist, and everything.
 * tests/vectors/trending.json holds both to it. Pure.
 */
import type { Row } from "../client";
import type { Window } from "./query";

const FEWEST = 3; // people behind any trade
const USD_PER_TRADER = 20;
const LIQUIDITY_PER_TRADER = 50;
const HALVED_MS = 24 * 3_600_000;
const OLDEST_MS = 30 * HALVED_MS;
const WEIGHTS = { traders: 3_500, net_buyers: 2_000, organic: 2_000, turnover: 1_500, pace: 1_000 };

interface Scale {
  traders: number;
  volume: number; // USD
  turnover: number; // times the liquidity
  fast: Window;
  slow: Window;
  fastest: number;
}

const SCALES: Record<Window, Scale> = {
  "5m": { traders: 1_000, volume: 1e6, turnover: 1, fast: "5m", slow: "1h", fastest: 12 },
  "1h": { traders: 5_000, volume: 5e6, turnover: 3, fast: "1h", slow: "6h", fastest: 6 },
  "6h": { traders: 20_000, volume: 20e6, turnover: 8, fast: "6h", slow: "24h", fastest: 4 },
  "24h": { traders: 50_000, volume: 50e6, turnover: 20, fast: "6h", slow: "24h", fastest: 4 },
};

/** Return a row's score, up to 10,000; undefined: it is not ranked. */
export function trendingScore(row: Row, window: Window): number | undefined {
  if (row.stale || row.flags?.some((flag) => flag === "suspicious" || flag === "drained")) return undefined;
  const volume = row[`volume_${window}`];
  if (!(volume || row[`traders_${window}`] || row[`transactions_${window}`])) return undefined;
  const sum = partsOf(row, window, volume).reduce((a, b) => a + b, 0);
  const score = sum - whole((1 - left(row)) * sum);
  return score > 0 ? score : undefined;
}

function partsOf(row: Row, window: Window, volume: number | undefined): number[] {
  const scale = SCALES[window];
  const { liquidity } = row;
  const people = peopleOf(row[`traders_${window}`], volume, liquidity);
  const breadth = share(people, scale.traders);
  const parts = [whole(WEIGHTS.traders * breadth)];
  const net = row[`net_buyers_${window}`];
  if (net !== undefined) {
    parts.push(whole(WEIGHTS.net_buyers * share(Math.min(Math.max(net, 0), people), scale.traders)));
  }
  const organic = row[`organic_volume_${window}`];
  if (organic !== undefined && volume) {
    parts.push(whole(WEIGHTS.organic * (breadth * Math.sqrt(Math.min(organic / volume, 1)))));
  }
  if (volume !== undefined && liquidity !== undefined) {
    const counted = Math.min(volume, scale.turnover * liquidity);
    parts.push(whole(WEIGHTS.turnover * (breadth * share(counted, scale.volume))));
  }
  const fast = row[`volume_${scale.fast}`];
  const slow = row[`volume_${scale.slow}`];
  if (fast !== undefined && slow) {
    parts.push(whole(WEIGHTS.pace * (breadth * pace((fast / slow) * scale.fastest, scale.fastest))));
  }
  return parts;
}

/** How many people count: those who are known, as far as money is behind them. */
function peopleOf(traders: number | undefined, volume: number | undefined, liquidity: number | undefined): number {
  if (traders === undefined || volume === undefined || liquidity === undefined) return FEWEST;
  return Math.max(Math.min(traders, volume / USD_PER_TRADER, liquidity / LIQUIDITY_PER_TRADER), FEWEST);
}

function share(figure: number, full: number): number {
  return Math.min(Math.log1p(figure) / Math.log1p(full), 1);
}

function pace(times: number, fastest: number): number {
  return times > 0 ? Math.min(Math.max(Math.log(times) / Math.log(fastest), 0), 1) : 0;
}

/** What the age leaves, 0 to 1; an unknown age is the oldest. */
function left({ created_ms: created, observed_ms: observed }: Row): number {
  const known = created !== undefined && observed !== undefined;
  const ageMs = known ? Math.min(Math.max(observed - created, 0), OLDEST_MS) : OLDEST_MS;
  return 1 / (1 + ageMs / HALVED_MS);
}

/** Round as Python does: a half goes to the even number. */
function whole(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
