// Post a reading, wait for its commit, and read the token. Node 20, no packages.
const url = process.env.DEXWIRE_URL ?? "http://127.0.0.1:8000";
const batch = {
  source: "jsbot",
  tokens: [
    { chain: "base", token_address: `0x${"ab".repeat(20)}`, token_ticker: "JSEX", price: 3.5, liquidity: 9000 },
  ],
};

const posted = await fetch(`${url}/ingest?ack=commit`, {
  method: "POST",
  headers: {
    authorization: `Bearer ${process.env.DEXWIRE_KEY ?? ""}`,
    "content-type": "application/json",
    "idempotency-key": crypto.randomUUID(), // a repeat with the same key does no harm
  },
  body: JSON.stringify(batch),
});
const verdict = await posted.json();
if (!posted.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
console.log("committed in version", verdict.version);
const read = await fetch(`${url}/tokens/base/${batch.tokens[0].token_address}`);
console.log((await read.json()).token);
