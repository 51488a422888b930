// Walk the list: what rose most within an hour, with some volume behind it. Node 20, no packages.
const url = process.env.DEXWIRE_URL ?? "http://127.0.0.1:8000";

async function get(path, parameters) {
  const answer = await fetch(`${url}${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${body.code}: ${body.detail}`);
  return body;
}

const wanted = { sort: "price_change", window: "1h", min_volume: "100", limit: "50" };
let page = await get("/discover", wanted);
console.log(`${page.total} tokens at version ${page.version}`);
for (;;) {
  for (const token of page.tokens) {
    // What is not known is absent.
    console.log(`${token.id}\t${token.token_ticker ?? "-"}\t${token.price_change_1h} %`);
  }
  if (page.nextCursor === null) break;
  page = await get("/discover", { ...wanted, cursor: page.nextCursor });
}
