/** Where a row's sources show its token, as /config.json describes them. */
import { expect, test } from "vitest";
import type { Row } from "../src/client";
import { sourceLink, sourceLinks, titleOf, type DeclaredSource } from "../src/model/links";

const SOURCES: readonly DeclaredSource[] = [
  {
    name: "pooldesk",
    title: "Pool Desk",
    letter: "P",
    website: "https://pooldesk.example",
    link: "https://pooldesk.example/{chain}/{pool}",
    credit: "",
    chain_names: { ethereum: "eth-main" },
  },
  {
    name: "tokendesk",
    title: "Token Desk",
    letter: "T",
    website: "https://tokendesk.example",
    link: "https://tokendesk.example/tokens/{address}",
    credit: "Powered by Token Desk",
    chain_names: {},
  },
  { name: "quiet", title: "Quiet", letter: "Q", website: "https://quiet.example", link: "", credit: "", chain_names: {} },
];
const row = (news: Partial<Row>): Row => ({ id: "solana:A", ...news });
const link = (source: string, news: Partial<Row>) => sourceLink(SOURCES, source, row(news));

test("a row has one letter per source, in its order", () => {
  const links = sourceLinks(SOURCES, row({ sources: ["tokendesk", "pooldesk", "ingest:desk"] }));

  expect(links.map(({ short }) => short).join("")).toBe("TPI");
});

test.each([
  ["ethereum", "eth-main"],
  ["solana", "solana"],
  ["constructor", "constructor"],
])("a source is linked under its own name of %s", (chain, named) => {
  expect(link("pooldesk", { chain, pool_address: "0xa" }).url).toBe(`https://pooldesk.example/${named}/0xa`);
});

test("a token without a known pool is linked by its own address", () => {
  expect(link("pooldesk", { chain: "base", token_address: "0xb" }).url).toBe("https://pooldesk.example/base/0xb");
});

test.each([
  "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2",
  "0x1::a::B<0x2::c::D,0x3::e::F>",
  "factory/osmo1x/a&b=c?d#e%2F",
  "x/../?a=<b>",
  "{chain}$&{pool}",
])("a link to %s stays one part of the path", (address) => {
  const { url } = link("tokendesk", { chain: "solana", token_address: address });

  expect(url).toBe(`https://tokendesk.example/tokens/${encodeURIComponent(address)}`);
});

test("a source is credited in its own words, or by its title", () => {
  expect(link("tokendesk", {}).credit).toBe("Powered by Token Desk");
  expect(link("pooldesk", {}).credit).toBe("Pool Desk");
});

test.each(["quiet", "ingest:desk", "constructor"])("%s has no page to open", (source) => {
  expect(link(source, {}).url).toBeNull();
});

test("a source is called by its title, a producer by its name", () => {
  expect([titleOf(SOURCES, "pooldesk"), titleOf(SOURCES, "ingest:desk")]).toEqual(["Pool Desk", "ingest:desk"]);
});
