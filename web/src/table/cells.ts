/** How cells of the list draw a row: made once, then only what differs is written. */
import type { Row } from "../client";
import * as format from "../format/number";
import { SPARK_HEIGHT, SPARK_WIDTH, type Sparkline } from "../model/sparks";
import type { SourceLink } from "../model/links";
import type { Window } from "../model/query";
import { makeAvatar } from "./avatar";
import { chipPlace } from "./chipcells";
import { markChips, safetyChips } from "./chips";
import { element, setText, svg } from "./dom";

export interface Shown {
  window: Window;
  nowMs: number;
  hiddenChips: ReadonlySet<string>;
  images: string | null; // where the image service is
  sparks: number; // which lines are known: the number grows with them
  sparkline(row: Row): Sparkline;
  links(row: Row): SourceLink[];
}

/** What cells are drawn by beside the row and the clock: where it differs, all are drawn again. */
export function lookOf({ window, images, hiddenChips, sparks }: Shown): string {
  return `${window} ${images} ${[...hiddenChips].join()} ${sparks}`;
}

/** One cell of one row; `update` writes only what differs. */
export interface Cell {
  node: HTMLElement;
  update(row: Row, shown: Shown): void;
  ages?: true; // it changes as time passes
}

/** A number that flashes when what is shown of it changes. */
export function figure(
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

export function trend(value: number | undefined): string {
  if (value === undefined || Math.abs(value) < 0.005) return "flat";
  return value > 0 ? "up" : "down";
}

export function tokenCell(): Cell {
  const node = element("span", "token");
  const avatar = makeAvatar();
  node.append(avatar.node);
  const words = node.appendChild(element("span", "words"));
  const first = words.appendChild(element("span", "first"));
  const ticker = first.appendChild(element("b", "ticker"));
  const name = first.appendChild(element("span", "name"));
  const second = words.appendChild(element("span", "second"));
  const chain = second.appendChild(element("span", "badge chain"));
  const marks = second.appendChild(element("span", "marks"));
  const drawMarks = chipPlace(marks);
  const protocol = second.appendChild(element("span", "badge protocol"));
  const address = second.appendChild(
    element("button", "copy", { type: "button", tabindex: "-1", "data-action": "copy" }),
  );
  return {
    node,
    update(row, shown) {
      avatar.update(row, shown.images);
      setText(ticker, row.token_ticker ?? "?");
      setText(name, row.token_name ?? "");
      name.title = row.token_name ?? "";
      setText(chain, row.chain ?? "");
      drawMarks(markChips(row, shown.nowMs, shown.hiddenChips));
      if (setText(protocol, withoutChain(row))) protocol.title = row.protocol ?? "";
      protocol.hidden = row.protocol === undefined || plain(row.protocol) === plain(row.launchpad);
      const full = row.token_address ?? "";
      if (setText(address, `${full.slice(0, 4)}…${full.slice(-4)}`)) address.title = `Copy ${full}`;
    },
  };
}

/** The exchange of a row without its chain, which stands beside it: `uniswap-v4-ethereum`. */
function withoutChain({ protocol = "", chain }: Row): string {
  return chain !== undefined && protocol.endsWith(`-${chain}`) ? protocol.slice(0, -chain.length - 1) : protocol;
}

/** A name without what sources spell differently: `pump.fun` and `pumpfun` are one. */
function plain(name: string | undefined): string {
  return (name ?? "").replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();
}

export function safetyCell(): Cell {
  const node = element("span", "safety");
  const draw = chipPlace(node);
  return { node, update: (row, shown) => draw(safetyChips(row, shown.hiddenChips)) };
}

export function tradesCell(): Cell {
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

/** How far a token is on its way to graduation, as a bar under the figure. */
export function graduationCell(): Cell {
  const node = element("span", "trades");
  const count = node.appendChild(element("span", "figure"));
  const bar = node.appendChild(element("span", "way", { "aria-hidden": "true" }));
  const done = bar.appendChild(element("i"));
  return {
    node,
    update({ graduation_pct: value }) {
      setText(count, value === undefined ? format.UNKNOWN : `${value.toFixed(1)}%`);
      node.title = value === undefined ? "unknown" : `${format.full(value)} % of the way to graduation`;
      bar.hidden = value === undefined;
      done.style.width = `${value ?? 0}%`;
    },
  };
}

export function sparkCell(): Cell {
  const node = element("span", "spark");
  const viewBox = `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`;
  const picture = node.appendChild(svg("svg", { viewBox, "aria-hidden": "true", preserveAspectRatio: "none" }));
  const path = picture.appendChild(svg("path", {}));
  const word = node.appendChild(element("span", "none"));
  let drawn = "";
  return {
    node,
    update(row, shown) {
      const line = shown.sparkline(row);
      const key = `${line.word} ${line.path}`;
      if (key === drawn) return;
      drawn = key;
      path.setAttribute("d", line.path);
      node.dataset["trend"] = line.trend;
      if (setText(word, line.word)) node.title = line.word === "" ? "" : "Nothing of the last 24 hours is recorded yet";
    },
  };
}

export function sourcesCell(): Cell {
  const node = element("span", "sources");
  let drawn = "";
  return {
    node,
    update(row, shown) {
      const key = `${row.id} ${row.sources?.join()} ${row.pool_address}`;
      if (key === drawn) return;
      drawn = key;
      node.replaceChildren(...shown.links(row).map((link) => sourceMark(link, row.token_ticker ?? "token")));
    },
  };
}

function sourceMark(link: SourceLink, ticker: string): HTMLElement {
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
    "aria-label": `${ticker} on ${link.name}`,
  });
  anchor.textContent = link.short;
  return anchor;
}

export function ageCell(): Cell {
  const node = element("span", "figure muted");
  return {
    node,
    ages: true,
    update(row, shown) {
      const created = row.created_ms;
      if (!setText(node, format.age(created === undefined ? undefined : shown.nowMs - created))) return;
      node.title = created === undefined ? "unknown" : new Date(created).toISOString();
    },
  };
}
