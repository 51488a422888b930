/** The table's columns: what each shows of a row and how a click on its head sorts. */
import type { Row } from "../client";
import { WINDOWS } from "../client/messages";
import * as format from "../format/number";
import type { Sparkline } from "../model/history";
import { copies } from "../model/copies";
import type { SourceLink } from "../model/links";
import type { Sort, Window } from "../model/query";
import { element, hue, initials, setText, svg } from "./dom";

export interface Shown {
  window: Window;
  nowMs: number;
  sparkline(id: string): Sparkline;
  links(row: Row): SourceLink[];
}

/** One cell of one row; `update` writes only what differs. */
export interface Cell {
  node: HTMLElement;
  update(row: Row, shown: Shown): void;
}

export interface Column {
  key: string;
  title(window: Window): string;
  hint: string;
  numeric: boolean;
  sort?: { by: Sort; window?: Window };
  make(): Cell;
}

/** A number that flashes when what is shown of it changes. */
function figure(
  read: (row: Row, shown: Shown) => number | undefined,
  write: (value: number | undefined) => string,
  paint?: (node: HTMLElement, value: number | undefined) => void,
): () => Cell {
  return () => {
    const node = element("span", "figure");
    const text = node.appendChild(document.createTextNode(""));
    let id = "";
    let window = "";
    let before: number | undefined;
    return {
      node,
      update(row, shown) {
        const value = read(row, shown);
        const same = row.id === id && shown.window === window;
        if (same && value === before) return;
        const changed = setText(text, write(value));
        paint?.(node, value);
        node.title = value === undefined ? "unknown" : format.full(value);
        if (same && changed && value !== undefined && before !== undefined) flash(node, value > before);
        else delete node.dataset["flash"];
        id = row.id;
        window = shown.window;
        before = value;
      },
    };
  };
}

/** Light a cell up. The two names of each colour restart the animation without a reflow. */
function flash(node: HTMLElement, up: boolean): void {
  const first = up ? "up" : "down";
  node.dataset["flash"] = node.dataset["flash"] === first ? `${first}2` : first;
}

function change(window: Window): Column {
  const field = `price_change_${window}` as const;
  return {
    key: `change-${window}`,
    title: () => window,
    hint: `Price change in ${window}`,
    numeric: true,
    sort: { by: "price_change", window },
    make: figure(
      (row) => row[field],
      format.percent,
      (node, value) => {
        node.dataset["trend"] = trend(value);
      },
    ),
  };
}

export function trend(value: number | undefined): string {
  if (value === undefined || Math.abs(value) < 0.005) return "flat";
  return value > 0 ? "up" : "down";
}

function tokenCell(): Cell {
  const node = element("span", "token");
  const avatar = node.appendChild(element("span", "avatar", { "aria-hidden": "true" }));
  const words = node.appendChild(element("span", "words"));
  const first = words.appendChild(element("span", "first"));
  const ticker = first.appendChild(element("b", "ticker"));
  const name = first.appendChild(element("span", "name"));
  const second = words.appendChild(element("span", "second"));
  const chain = second.appendChild(element("span", "badge chain"));
  const protocol = second.appendChild(element("span", "badge protocol"));
  const alike = second.appendChild(element("span", "badge alike"));
  const address = second.appendChild(
    element("button", "copy", { type: "button", tabindex: "-1", "data-action": "copy" }),
  );
  return {
    node,
    update(row) {
      setText(avatar, initials(row.token_ticker ?? row.token_name));
      avatar.dataset["hue"] = String(hue(row.id));
      setText(ticker, row.token_ticker ?? "?");
      setText(name, row.token_name ?? "");
      name.title = row.token_name ?? "";
      setText(chain, row.chain ?? "");
      setText(protocol, row.protocol ?? "");
      protocol.hidden = row.protocol === undefined;
      alike.hidden = row.same_ticker === undefined;
      if (row.same_ticker !== undefined) mark(alike, row, row.same_ticker);
      const full = row.token_address ?? "";
      if (setText(address, `${full.slice(0, 4)}…${full.slice(-4)}`)) address.title = `Copy ${full}`;
    },
  };
}

function mark(node: HTMLElement, row: Row, alike: NonNullable<Row["same_ticker"]>): void {
  const { words, title, first } = copies(row.token_ticker, alike);
  if (!setText(node, words)) return;
  node.dataset["first"] = String(first);
  node.title = title;
}

function tradesCell(): Cell {
  const node = element("span", "trades");
  const count = node.appendChild(element("span", "figure"));
  const bar = node.appendChild(element("span", "split", { "aria-hidden": "true" }));
  const buys = bar.appendChild(element("i"));
  return {
    node,
    update(row, shown) {
      const value = row[`transactions_${shown.window}`];
      setText(count, format.count(value));
      const { buys_24h: bought, sells_24h: sold } = row;
      const both = (bought ?? 0) + (sold ?? 0);
      const known = bought !== undefined && sold !== undefined && both > 0;
      bar.hidden = !known;
      if (known) buys.style.width = `${Math.round((bought / both) * 100)}%`;
      const split = known
        ? `, 24h: ${format.full(bought)} buys, ${format.full(sold)} sells`
        : "";
      node.title = value === undefined ? "unknown" : `${format.full(value)} in ${shown.window}${split}`;
    },
  };
}

function sparkCell(): Cell {
  const node = element("span", "spark");
  const picture = node.appendChild(
    svg("svg", { viewBox: "0 0 84 24", "aria-hidden": "true", preserveAspectRatio: "none" }),
  );
  const path = picture.appendChild(svg("path", {}));
  let drawn = "";
  return {
    node,
    update(row, shown) {
      const line = shown.sparkline(row.id);
      if (line.path === drawn) return;
      path.setAttribute("d", (drawn = line.path));
      node.dataset["trend"] = line.trend;
    },
  };
}

function sourcesCell(): Cell {
  const node = element("span", "sources");
  let drawn = "";
  return {
    node,
    update(row, shown) {
      const key = `${row.id} ${row.sources?.join()} ${row.pool_address}`;
      if (key === drawn) return;
      drawn = key;
      node.replaceChildren(
        ...shown.links(row).map((link) => {
          const titled = { title: link.url === null ? link.name : `${link.credit}: open this token there` };
          if (link.url === null) {
            const plain = element("span", "source", titled);
            plain.textContent = link.short;
            return plain;
          }
          const anchor = element("a", "source", {
            ...titled,
            href: link.url,
            target: "_blank",
            rel: "noopener noreferrer",
            tabindex: "-1",
            "aria-label": `${row.token_ticker ?? "token"} on ${link.name}`,
          });
          anchor.textContent = link.short;
          return anchor;
        }),
      );
    },
  };
}

function ageCell(): Cell {
  const node = element("span", "figure muted");
  return {
    node,
    update(row, shown) {
      const created = row.created_ms;
      if (!setText(node, format.age(created === undefined ? undefined : shown.nowMs - created))) return;
      node.title = created === undefined ? "unknown" : new Date(created).toISOString();
    },
  };
}

export const COLUMNS: readonly Column[] = [
  { key: "token", title: () => "Token", hint: "Ticker, name, chain, exchange", numeric: false, make: tokenCell },
  { key: "age", title: () => "Age", hint: "Since the first pool", numeric: true, sort: { by: "newest" }, make: ageCell },
  { key: "price", title: () => "Price", hint: "In USD", numeric: true, make: figure((row) => row.price, format.price) },
  { key: "spark", title: () => "Seen", hint: "Prices seen since this page was opened", numeric: false, make: sparkCell },
  ...WINDOWS.map(change),
  {
    key: "volume",
    title: (window) => `Vol ${window}`,
    hint: "Volume in USD",
    numeric: true,
    sort: { by: "volume" },
    make: figure((row, shown) => row[`volume_${shown.window}`], format.amount),
  },
  {
    key: "trades",
    title: (window) => `Txns ${window}`,
    hint: "Transactions, with the split of buys and sells of 24h",
    numeric: true,
    sort: { by: "transactions" },
    make: tradesCell,
  },
  {
    key: "liquidity",
    title: () => "Liquidity",
    hint: "In USD, all pools that count",
    numeric: true,
    sort: { by: "liquidity" },
    make: figure((row) => row.liquidity, format.amount),
  },
  {
    key: "cap",
    title: () => "Mkt cap",
    hint: "Market cap in USD",
    numeric: true,
    sort: { by: "market_cap" },
    make: figure((row) => row.market_cap, format.amount),
  },
  { key: "sources", title: () => "Sources", hint: "Who reports it; each opens the token there", numeric: false, make: sourcesCell },
];
