import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Row } from "../src/client";
import { Names } from "../src/model/names";
import { DEFAULTS, formatQuery, parseQuery, tokenPath } from "../src/model/query";
import { title } from "../src/model/title";

const row = (news: Partial<Row>): Row => ({ id: "solana:A", ...news });
const ODD = [
  "osmosis:ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2",
  "ton:EQC-tdRjjoYMz3MXKW4pj95bNZgvRyWwZ23Jix3ph7guvHx-",
  "sui:0x2::sui::SUI",
  "aptos:0x1::a::B<0x2::c::D,0x3::e::F>",
  "osmosis:factory/osmo1x/a&b=c?d#e%2F",
];

beforeEach(() => {
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => new Response(JSON.stringify({ token: row({ token_ticker: "JUP", token_name: "Jupiter" }) }))),
  );
});
afterEach(() => void vi.unstubAllGlobals());

// -- the tab's title ------------------------------------------------------------------------------
test.each([
  [undefined, "dexwire"],
  [row({ token_ticker: "JUP", price: 0.1918 }), "JUP $0.1918 · dexwire"],
  [row({ token_ticker: "JUP", price: 0.105 }), "JUP $0.1050 · dexwire"],
  [row({ token_name: "Nameless", price: 0.00000123 }), "Nameless $0.0₅123 · dexwire"],
  [row({}), "Token – · dexwire"],
  [row({ token_ticker: "A\u202eB\u0000C\n", price: 2 }), "ABC $2.00 · dexwire"],
  [row({ token_ticker: "🚀".repeat(30), price: 2 }), `${"🚀".repeat(23)}… $2.00 · dexwire`],
])("the title of %j is %s", (shown, text) => {
  expect(title(shown)).toBe(text);
});

// -- names ----------------------------------------------------------------------------------------
test("a row at hand names its token, also after it has left", () => {
  const names = new Names();

  expect(names.of("solana:A", row({ token_ticker: "WIF", token_name: "dogwifhat" }))).toEqual({ ticker: "WIF", name: "dogwifhat" });
  expect(names.of("solana:A", undefined)).toEqual({ ticker: "WIF", name: "dogwifhat" });
  expect(fetch).not.toHaveBeenCalled();
});

test("the server is called once for a name that no row here has", async () => {
  const names = new Names();

  const [first, second] = await Promise.all([names.ask("solana:A"), names.ask("solana:A")]);

  expect([first, second]).toEqual([{ ticker: "JUP", name: "Jupiter" }, first]);
  expect(vi.mocked(fetch).mock.calls).toEqual([["/tokens/solana/A"]]);
});

test("a token that the server does not know stays without a name", async () => {
  vi.mocked(fetch).mockResolvedValue(new Response("{}", { status: 404 }));

  expect(await new Names().ask("solana:A")).toBeNull();
});

// -- odd addresses --------------------------------------------------------------------------------
test.each(ODD)("the address of the page keeps %s", (token) => {
  expect(parseQuery(formatQuery({ ...DEFAULTS, token })).token).toBe(token);
});

test.each(ODD)("the path of %s has the whole address in one part", (id) => {
  const [chain, ...address] = tokenPath(id).split("/").slice(2).map(decodeURIComponent);

  expect(`${chain}:${address.join("|")}`).toBe(id);
});
