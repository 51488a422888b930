/** Where each source shows a token itself. Addresses are checked by the server; encoded all the same. */
import type { Row } from "../client";
import { GECKOTERMINAL_NETWORK } from "./networks";

export interface SourceLink {
  name: string;
  short: string;
  url: string | null;
  credit: string;
}

/** Return one entry per source of a row; producers that post have no page of their own. */
export function sourceLinks(row: Row): SourceLink[] {
  return (row.sources ?? []).map((source) => sourceLink(source, row));
}

export function sourceLink(source: string, row: Row): SourceLink {
  const chain = encodeURIComponent(row.chain ?? "");
  const address = encodeURIComponent(row.token_address ?? "");
  switch (source) {
    case "dexscreener":
      return {
        name: "DexScreener",
        short: "D",
        url: `https://dexscreener.com/${chain}/${encodeURIComponent(row.pool_address ?? row.token_address ?? "")}`,
        credit: "DexScreener",
      };
    case "geckoterminal": {
      const known = Object.hasOwn(GECKOTERMINAL_NETWORK, row.chain ?? ""); // not "constructor"
      const network = known ? GECKOTERMINAL_NETWORK[row.chain ?? ""] : chain;
      return {
        name: "GeckoTerminal",
        short: "G",
        url: `https://www.geckoterminal.com/${network}/tokens/${address}`,
        credit: "GeckoTerminal",
      };
    }
    case "jupiter":
      return {
        name: "Jupiter",
        short: "J",
        url: `https://jup.ag/tokens/${address}`,
        credit: "Powered by Jupiter",
      };
    default:
      return { name: source, short: "I", url: null, credit: source };
  }
}
