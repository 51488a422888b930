/** The token's pools, the deepest first. */
import * as format from "../format/number";
import type { Pool } from "./detail";

const POOLS_SHOWN = 12;

export function Pools({ pools }: { pools: Pool[] }) {
  const deepest = [...pools].sort((a, b) => (b.liquidity ?? -1) - (a.liquidity ?? -1));
  if (deepest.length === 0) return null;
  return (
    <section>
      <h3>
        Pools <span class="muted">· {pools.length}</span>
      </h3>
      <table>
        <thead>
          <tr>
            <th scope="col">Pool</th>
            <th scope="col">Price</th>
            <th scope="col">Liquidity</th>
            <th scope="col">Vol 24h</th>
          </tr>
        </thead>
        <tbody>
          {deepest.slice(0, POOLS_SHOWN).map((pool) => (
            <tr key={`${pool.source} ${pool.pool_address}`} title={`${pool.pool_address}, seen by ${pool.source} ${format.age(pool.age_ms)} ago${pool.why === undefined ? "" : `: ${pool.why}`}`}>
              <th scope="row">
                {pool.protocol ?? "pool"} <span class="muted">{pool.pool_address.slice(0, 6)}…</span>
              </th>
              <td>{format.price(pool.price)}</td>
              <td>{format.amount(pool.liquidity)}</td>
              <td>{format.amount(pool.volume_24h)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {deepest.length > POOLS_SHOWN && <p class="muted">and {deepest.length - POOLS_SHOWN} smaller ones</p>}
    </section>
  );
}
