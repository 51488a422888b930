/** What each source says of the price, and how long ago. */
import type { Row } from "../client";
import * as format from "../format/number";
import { sourceLink, type DeclaredSource } from "../model/links";
import type { Detail, Pool, Reading } from "./detail";

export function SourceTable({ detail, row, declared }: { detail: Detail; row: Row; declared: readonly DeclaredSource[] }) {
  const sources = Object.entries(detail.readings);
  return (
    <section>
      <h3>
        Sources
        {row.price_spread_pct !== undefined && (
          <span class="muted"> · they disagree by {row.price_spread_pct.toFixed(2)}%</span>
        )}
      </h3>
      <table>
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">Price</th>
            <th scope="col">Age</th>
          </tr>
        </thead>
        <tbody>
          {sources.map(([name, reading]) => {
            const link = sourceLink(declared, name, row);
            const own = priceOf(name, reading, detail.pools);
            return (
              <tr key={name} class={row.price_source?.split(":thin")[0] === name ? "chosen" : ""}>
                <th scope="row">
                  {link.url === null ? (
                    link.name
                  ) : (
                    <a href={link.url} target="_blank" rel="noopener noreferrer">
                      {link.credit} <span aria-hidden="true">↗</span>
                    </a>
                  )}
                  {row.price_source?.split(":thin")[0] === name && <span class="badge accent">price</span>}
                </th>
                <td title={format.full(own)}>{format.price(own)}</td>
                <td>{format.age(reading.age_ms)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

/** A source's own price: what it says of the token, else that of its deepest pool. */
function priceOf(name: string, reading: Reading, pools: Pool[]): number | undefined {
  const price = reading.fields["price"]?.value;
  if (typeof price === "number") return price;
  const own = pools.filter((pool) => pool.source === name && typeof pool.price === "number");
  own.sort((a, b) => (b.liquidity ?? 0) - (a.liquidity ?? 0));
  return own[0]?.price;
}
