import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import type { Row } from "../client";
import { WINDOWS } from "../client/messages";
import * as format from "../format/number";
import { copies } from "../model/copies";
import { sourceLink, type DeclaredSource } from "../model/links";
import { tokenPath } from "../model/query";
import { hue, initials } from "../table/dom";
import { trend } from "../table/columns";
import { AlertList } from "./alerts";
import { PriceLine } from "./line";
import type { ChromeState } from "./state";

interface Stamped {
  value: unknown;
  age_ms?: number;
}

interface Reading {
  age_ms: number;
  fields: Record<string, Stamped>;
}

interface Pool {
  pool_address: string;
  source: string;
  protocol?: string;
  price?: number;
  liquidity?: number;
  volume_24h?: number;
  age_ms?: number;
  why?: string;
}

interface Passed {
  source?: string | null;
  value?: unknown;
  age_ms?: number | null;
  why?: string;
}

interface Told {
  value?: unknown;
  source?: string | null;
  age_ms?: number | null;
  rule?: string;
  passed_over?: Passed[];
}

/** `GET /tokens/…`, as far as it is shown. */
interface Detail {
  token: Row;
  readings: Record<string, Reading>;
  pools: Pool[];
  explanation?: Record<string, Told>;
}

const AGAIN_MS = 5_000;
const POOLS_SHOWN = 12;

export function Drawer({ app, id, state }: { app: App; id: string; state: ChromeState }) {
  const [detail, setDetail] = useState<Detail | null>(null);
  const [problem, setProblem] = useState("");
  const [, tick] = useState(0);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    close.current?.focus();
    let over = false;
    const load = async () => {
      try {
        const answer = await fetch(tokenPath(id));
        const said = (await answer.json()) as Detail & { detail?: string };
        if (over) return;
        if (answer.ok) {
          setDetail(said);
          app.learn(said.token);
        }
        setProblem(answer.ok ? "" : (said.detail ?? "This token cannot be shown."));
      } catch {
        if (!over) setProblem("The server does not answer; trying again.");
      }
    };
    void load();
    const again = setInterval(() => void load(), AGAIN_MS);
    const redraw = setInterval(() => tick((count) => count + 1), 500);
    return () => {
      over = true;
      clearInterval(again);
      clearInterval(redraw);
    };
  }, [app, id]);
  const row = app.openRow();
  const ticker = row?.token_ticker ?? "Token";
  return (
    <aside class="side drawer" aria-label={`Details of ${ticker}`}>
      <header>
        <span class="avatar" data-hue={hue(id)} aria-hidden="true">
          {initials(row?.token_ticker ?? row?.token_name)}
        </span>
        <span class="words">
          <h2>{ticker}</h2>
          <span class="muted name">{row?.token_name}</span>
        </span>
        <button
          type="button"
          class="star"
          aria-pressed={app.starred.values.has(id)}
          aria-label="On the watchlist"
          title="Watch this token"
          onClick={() => app.star(id)}
        >
          ★
        </button>
        <button ref={close} type="button" class="close" aria-label="Close the details" onClick={() => app.ask({ token: "" })}>
          ×
        </button>
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label="Figures and sources">
        {problem !== "" && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {row !== undefined && <Figures app={app} row={row} />}
        {detail !== null && row !== undefined && (
          <SourceTable detail={detail} row={row} declared={state.config?.sources ?? []} />
        )}
        {detail?.explanation !== undefined && <Why told={detail.explanation} />}
        {detail !== null && <Pools pools={detail.pools} />}
        <section>
          <h3>Alerts of this token</h3>
          {state.alerts.some((alert) => alert.id === id) ? (
            <AlertList app={app} alerts={state.alerts.filter((alert) => alert.id === id)} />
          ) : (
            <p class="muted">None since this page was opened.</p>
          )}
        </section>
      </div>
    </aside>
  );
}

function Figures({ app, row }: { app: App; row: Row }) {
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

/** What each source says of the price, and how long ago. */
function SourceTable({ detail, row, declared }: { detail: Detail; row: Row; declared: readonly DeclaredSource[] }) {
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
  const said = reading.fields["price"]?.value;
  if (typeof said === "number") return said;
  const own = pools.filter((pool) => pool.source === name && typeof pool.price === "number");
  own.sort((a, b) => (b.liquidity ?? 0) - (a.liquidity ?? 0));
  return own[0]?.price;
}

const EXPLAINED: [string, string][] = [
  ["price", "Price"],
  ["market_cap", "Market cap"],
  ["liquidity", "Liquidity"],
  ["volume_24h", "Volume 24h"],
  ["transactions_24h", "Txns 24h"],
];

/** Why the row says what it says, in the server's words. */
function Why({ told }: { told: Record<string, Told> }) {
  const known = EXPLAINED.filter(([field]) => told[field] !== undefined);
  if (known.length === 0) return null;
  return (
    <section>
      <h3>Why these figures</h3>
      <dl class="why">
        {known.map(([field, name]) => {
          const each = told[field]!;
          return (
            <div key={field}>
              <dt>{name}</dt>
              <dd>
                {each.source != null && <b>{each.source}</b>} {each.rule}
                {each.age_ms != null && <span class="muted"> · {format.age(each.age_ms)} ago</span>}
                {others(each).map((passed, index) => (
                  <span class="passed muted" key={index}>
                    not {passed.source}
                    {typeof passed.value === "number" && ` (${field === "price" ? format.price(passed.value) : format.amount(passed.value)})`}
                    {passed.why !== undefined && `: ${passed.why}`}
                  </span>
                ))}
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

/** What other sources said and was passed over, one line each; smaller pools are listed below. */
function others(told: Told): Passed[] {
  const seen = new Set([told.source]);
  return (told.passed_over ?? []).filter(({ source }) => !seen.has(source) && seen.add(source));
}

function Pools({ pools }: { pools: Pool[] }) {
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
