/** Where a token can be looked at elsewhere: its own pages, an explorer, and where it is traded. Pure. */
import type { Row } from "../client";

export interface Outward {
  name: string;
  url: string;
  host: string; // shown before it opens
}

const OWN: [keyof NonNullable<Row["links"]>, string][] = [
  ["website", "Website"],
  ["x", "X"],
  ["telegram", "Telegram"],
  ["discord", "Discord"],
  ["instagram", "Instagram"],
  ["tiktok", "TikTok"],
  ["other", "Other"],
];

// `{}` is the token's address. By the canonical names of chains (shared/chains.toml).
const EXPLORERS: Record<string, [string, string]> = {
  solana: ["Solscan", "https://solscan.io/token/{}"],
  ethereum: ["Etherscan", "https://etherscan.io/token/{}"],
  base: ["BaseScan", "https://basescan.org/token/{}"],
  bsc: ["BscScan", "https://bscscan.com/token/{}"],
  polygon: ["PolygonScan", "https://polygonscan.com/token/{}"],
  arbitrum: ["Arbiscan", "https://arbiscan.io/token/{}"],
  optimism: ["Optimism Etherscan", "https://optimistic.etherscan.io/token/{}"],
  avalanche: ["SnowScan", "https://snowscan.xyz/token/{}"],
  linea: ["LineaScan", "https://lineascan.build/token/{}"],
  sui: ["Suiscan", "https://suiscan.xyz/mainnet/coin/{}"],
  ton: ["Tonviewer", "https://tonviewer.com/{}"],
  tron: ["TRONSCAN", "https://tronscan.org/#/token20/{}"],
  aptos: ["Aptos Explorer", "https://explorer.aptoslabs.com/coin/{}"],
};
const UNISWAP: Record<string, string> = {
  ethereum: "mainnet",
  base: "base",
  polygon: "polygon",
  arbitrum: "arbitrum",
  optimism: "optimism",
  avalanche: "avalanche",
};

/** The token's own pages, as sources name them; what is no web address is left out. */
export function ownLinks({ links }: Row): Outward[] {
  return OWN.map(([key, name]) => outward(name, links?.[key])).filter((each) => each !== null);
}

/** Where others show the token: an explorer of its chain, and where it is traded. */
export function marketLinks(row: Row): Outward[] {
  const { chain = "", token_address: address } = row;
  if (address === undefined) return [];
  const explorer = Object.hasOwn(EXPLORERS, chain) ? EXPLORERS[chain]! : null;
  return [
    explorer === null ? null : outward(explorer[0], explorer[1].replace("{}", encodeURIComponent(address))),
    trading(row, chain, encodeURIComponent(address)),
  ].filter((each) => each !== null);
}

function trading(row: Row, chain: string, address: string): Outward | null {
  if (chain === "solana") {
    if (row.stage === "curve" && /^pump\.?fun$/i.test(row.launchpad ?? "")) return outward("Trade on pump.fun", `https://pump.fun/coin/${address}`);
    return outward("Trade on jup.ag", `https://jup.ag/tokens/${address}`);
  }
  if (chain === "bsc") return outward("Trade on PancakeSwap", `https://pancakeswap.finance/swap?chain=bsc&outputCurrency=${address}`);
  if (!Object.hasOwn(UNISWAP, chain)) return null;
  return outward("Trade on Uniswap", `https://app.uniswap.org/swap?chain=${UNISWAP[chain]}&outputCurrency=${address}`);
}

/** A link that a browser may open, with the host it leads to in plain letters; else none. */
export function outward(name: string, address: string | undefined): Outward | null {
  if (address === undefined || !URL.canParse(address)) return null;
  const { protocol, host, href, username, password } = new URL(address);
  if (protocol !== "https:" && protocol !== "http:") return null;
  if (username !== "" || password !== "") return null; // `https://x.com@elsewhere.example`
  return { name, url: href, host: host.replace(/^www\./, "") };
}
