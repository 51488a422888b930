/** What the drawer shows of the row itself. */
import type { ComponentChildren } from "preact";
import type { App } from "../app";
import type { Row } from "../client";
import { WINDOWS } from "../client/messages";
import * as format from "../format/number";
import { markChips, percent } from "../table/chips";
import { trend } from "../table/cells";
import { Chips } from "./chips";

interface ByWindow {
  field: "price_change" | "volume" | "buy_volume" | "sell_volume" | "organic_volume" | "transactions" | "traders" | "net_buyers";
  name: string;
  write(value: number | undefined): string;
  always?: true; // also while nothing of it is known
  trends?: true;
}

const BY_WINDOW: readonly ByWindow[] = [
  { field: "price_change", name: "Change", write: format.percent, always: true, trends: true },
  { field: "volume", name: "Volume", write: format.amount, always: true },
  { field: "buy_volume", name: "Bought", write: format.amount },
  { field: "sell_volume", name: "Sold", write: format.amount },
  { field: "organic_volume", name: "Organic", write: format.amount },
  { field: "transactions", name: "Txns", write: format.count, always: true },
  { field: "traders", name: "Traders", write: format.count },
  { field: "net_buyers", name: "Net buyers", write: format.count, trends: true },
];

/** `children` stand between the headline and the tables. */
export function Figures({ app, row, children }: { app: App; row: Row; children?: ComponentChildren }) {
  const address = row.token_address ?? "";
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
        <Chips chips={markChips(row, app.now())} />
        <button type="button" class="copy" title={`Copy ${address}`} onClick={() => void app.copyAddress(row.id)}>
          {address.slice(0, 6)}…{address.slice(-6)} <span class="hidden">: </span>
          <u>copy</u>
        </button>
      </p>
      {children}
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
            {BY_WINDOW.filter(({ always, field }) => always || WINDOWS.some((window) => row[`${field}_${window}`] !== undefined)).map(
              ({ field, name, write, trends }) => (
                <tr key={field}>
                  <th scope="row">{name}</th>
                  {WINDOWS.map((window) => {
                    const value = row[`${field}_${window}`];
                    return (
                      <td key={window} data-trend={trends ? trend(value) : undefined} title={format.full(value)}>
                        {write(value).replace(/^[▲▼] /, "")}
                      </td>
                    );
                  })}
                </tr>
              ),
            )}
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
        <Stat name="Age" value={format.age(row.created_ms === undefined ? undefined : app.now() - row.created_ms)} />
        <Stat name="Pools" value={format.count(row.pool_count)} full={row.pool_count} />
        <Stat name="Top holders" value={percent(row.top_holders_pct)} full={row.top_holders_pct} />
        <Stat name="Dev" value={percent(row.dev_pct)} full={row.dev_pct} />
        <Stat name="Organic" value={row.organic_score === undefined ? format.UNKNOWN : row.organic_score.toFixed(0)} full={row.organic_score} />
        <Stat name="Graduation" value={percent(row.graduation_pct)} full={row.graduation_pct} />
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
