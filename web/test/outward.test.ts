import { expect, test } from "vitest";
import type { Row } from "../src/client";
import { marketLinks, outward, ownLinks } from "../src/model/outward";

test.each([
  ["https://www.example.org/a?b=1", "example.org"],
  ["http://t.me/x", "t.me"],
  ["https://xn--80ak6aa92e.com/", "xn--80ak6aa92e.com"],
  ["https://аррӏе.com/", "xn--80ak6aa92e.com"], // Cyrillic letters
])("%s leads to %s, in plain letters", (address, host) => {
  expect(outward("Website", address)?.host).toBe(host);
});

test.each([undefined, "", "javascript:alert(1)", "data:text/html,x", "ftp://example.org", "//example.org", "https://x.com@evil.example/"])(
  "%s is no link",
  (address) => {
    expect(outward("Website", address)).toBe(null);
  },
);

test("a token's own pages come by name, what is no web address is left out", () => {
  const links = { telegram: "https://t.me/wif", x: "https://x.com/wif", other: "javascript:alert(1)" };

  expect(ownLinks({ id: "solana:A", links }).map(({ name, host }) => `${name} ${host}`)).toEqual(["X x.com", "Telegram t.me"]);
});

test.each([
  [{ chain: "solana" }, ["https://solscan.io/token/A%2Fb", "https://jup.ag/tokens/A%2Fb"]],
  [{ chain: "solana", stage: "curve", launchpad: "pump.fun" }, ["https://solscan.io/token/A%2Fb", "https://pump.fun/coin/A%2Fb"]],
  [{ chain: "base" }, ["https://basescan.org/token/A%2Fb", "https://app.uniswap.org/swap?chain=base&outputCurrency=A%2Fb"]],
  [{ chain: "constructor" }, []],
])("%o is looked up and traded where its chain is", (row, urls) => {
  expect(marketLinks({ id: "a", token_address: "A/b", ...row } as Row).map(({ url }) => url)).toEqual(urls);
});
