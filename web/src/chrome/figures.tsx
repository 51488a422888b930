/** What the drawer shows of the row itself. */
import type { App } from "../app";
import type { Row } from "../client";
import { WINDOWS } from "../client/messages";
import * as format from "../format/number";
import { copies } from "../model/copies";
import { trend } from "../table/columns";
import { PriceLine } from "./line";

export function Figures({ app, row }: { app: App; row: Row }) {
  const address = row.token_address ?? "";
  const alike = row.same_ticker === undefined ? null : copies(row.token_ticker, row.same_ticker);
  return (
    <>
      <div class="headline">
        <button
          type="button"
          class="price"
          title="Copy the price with every digit"
          onClick={() => void app.copy(format.full(row.price), "Price copied")}
        >
          {format.price(row.price)}
        </button>
        <span class="figure" data-trend={trend(row.price_change_24h)}>
          {format.percent(row.price_change_24h)} <small>24h</small>
        </span>
      </div>
      <p class="where">
        <span class="badge chain">{row.chain}</span>
        {row.protocol !== undefined && <span class="badge">{row.protocol}</span>}
        {row.stale === true && <span class="badge warn">stale</span>}
        {alike !== null && (
          <span class="badge alike" data-first={alike.first} title={alike.title}>
            {alike.words}
          </span>
        )}
        <button type="button" class="copy" title={`Copy ${address}`} onClick={() => void app.copyAddress(row.id)}>
          {address.slice(0, 6)}…{address.slice(-6)} <span class="hidden">: </span>
          <u>copy</u>
        </button>
      </p>
      <PriceLine app={app} id={row.id} />
      <div class="windows">
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">Figure</span>
              </th>
              {WINDOWS.map((window) => (
                <th key={window} scope="col">
                  {window}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">Change</th>
              {WINDOWS.map((window) => (
                <td key={window} data-trend={trend(row[`price_change_${window}`])} title={format.full(row[`price_change_${window}`])}>
                  {format.percent(row[`price_change_${window}`]).replace(/^[▲▼] /, "")}
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">Volume</th>
              {WINDOWS.map((window) => (
                <td key={window} title={format.full(row[`volume_${window}`])}>
                  {format.amount(row[`volume_${window}`])}
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">Txns</th>
              {WINDOWS.map((window) => (
                <td key={window} title={format.full(row[`transactions_${window}`])}>
                  {format.count(row[`transactions_${window}`])}
                </td>
              ))}
            </tr>
          </tbody>
        </table>
      </div>
      <dl class="stats">
        <Stat name="Liquidity" value={format.amount(row.liquidity)} full={row.liquidity} />
        <Stat name="Market cap" value={format.amount(row.market_cap)} full={row.market_cap} />
        <Stat name="FDV" value={format.amount(row.fdv)} full={row.fdv} />
        <Stat name="Holders" value={format.count(row.holders)} full={row.holders} />
        <Stat name="Buys 24h" value={format.count(row.buys_24h)} full={row.buys_24h} />
        <Stat name="Sells 24h" value={format.count(row.sells_24h)} full={row.sells_24h} />
        <Stat name="Age" value={format.age(row.created_ms === undefined ? undefined : Date.now() - row.created_ms)} />
        <Stat name="Pools" value={format.count(row.pool_count)} full={row.pool_count} />
      </dl>
    </>
  );
}

function Stat({ name, value, full }: { name: string; value: string; full?: number | undefined }) {
  return (
    <div title={full === undefined ? undefined : format.full(full)}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
