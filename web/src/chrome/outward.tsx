/** Links of a token to other places. Where each leads is shown before it opens. */
import type { Row } from "../client";
import { marketLinks, ownLinks, type Outward } from "../model/outward";

export function Outwards({ row }: { row: Row }) {
  const own = ownLinks(row);
  const markets = marketLinks(row);
  if (own.length + markets.length === 0) return null;
  return (
    <section class="outward">
      <h3>Elsewhere</h3>
      <Links links={markets} label="Explorer and trading" />
      {own.length > 0 && <p class="muted">Given by the token’s makers, not checked:</p>}
      <Links links={own} label="Pages of the token" />
    </section>
  );
}

function Links({ links, label }: { links: Outward[]; label: string }) {
  if (links.length === 0) return null;
  return (
    <ul aria-label={label}>
      {links.map(({ name, url, host }) => (
        <li key={name}>
          <a href={url} target="_blank" rel="noopener noreferrer" title={url}>
            <b>{name}</b> <span class="host">{host}</span>
            <span class="hidden"> (opens a new tab)</span>
          </a>
        </li>
      ))}
    </ul>
  );
}
