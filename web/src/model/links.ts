/** The sources that the server polls, and where each shows a token itself. */
import type { Row } from "../client";

/** A source as /config.json describes it; they come in the order in which they are trusted. */
export interface DeclaredSource {
  name: string;
  title: string;
  letter: string;
  website: string;
  link: string; // with {chain}, {address} and {pool}; empty: it shows no single token
  credit: string; // what its terms require to be shown; empty: nothing
  chain_names: Record<string, string>; // where it does not use the canonical one
}

export interface SourceLink {
  name: string;
  short: string;
  url: string | null;
  credit: string;
}

/** Return one entry per source of a row; producers that post have no page of their own. */
export function sourceLinks(declared: readonly DeclaredSource[], row: Row): SourceLink[] {
  return (row.sources ?? []).map((source) => sourceLink(declared, source, row));
}

export function sourceLink(declared: readonly DeclaredSource[], source: string, row: Row): SourceLink {
  const known = declared.find(({ name }) => name === source);
  if (known === undefined) return { name: source, short: "I", url: null, credit: source };
  return {
    name: known.title,
    short: known.letter,
    url: known.link === "" ? null : filled(known, row),
    credit: known.credit === "" ? known.title : known.credit,
  };
}

/** Return a source's name for people. */
export function titleOf(declared: readonly DeclaredSource[], source: string): string {
  return declared.find(({ name }) => name === source)?.title ?? source;
}

/** Return the address of a row's token. What the server checks is encoded all the same. */
function filled({ link, chain_names }: DeclaredSource, row: Row): string {
  const chain = row.chain ?? "";
  const parts: Record<string, string> = {
    "{chain}": Object.hasOwn(chain_names, chain) ? chain_names[chain]! : chain, // not "constructor"
    "{address}": row.token_address ?? "",
    "{pool}": row.pool_address ?? row.token_address ?? "",
  };
  return link.replace(/\{(?:chain|address|pool)\}/g, (part) => encodeURIComponent(parts[part]!));
}
