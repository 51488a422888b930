/** A token as a card of the board: made once, then only what differs is written. */
import type { Row } from "../client";
import * as format from "../format/number";
import type { ColumnKey } from "../model/columns";
import type { Window } from "../model/figures";
import { makeAvatar } from "../table/avatar";
import { figure, sparkCell, trend, type Cell, type Shown } from "../table/cells";
import { chipPlace } from "../table/chipcells";
import { markChips, percent, safetyChips, type Chip } from "../table/chips";
import { element, setText, svg } from "../table/dom";
import { makeStar } from "../table/row";

export interface Card {
  node: HTMLElement;
  star: HTMLButtonElement;
  row: Row | undefined;
  look: string; // what else it was drawn by
  top: number;
  update(row: Row, shown: Shown): void;
  /** Write what changes as time passes. */
  age(row: Row, nowMs: number): void;
}

let made = 0;

export function makeCard(id: string, column: ColumnKey): Card {
  const node = element("div", "card", { role: "row", "data-id": id, id: `card-${++made}` });
  const cell = node.appendChild(element("div", "inside", { role: "gridcell" }));
  const image = picture(cell, column);
  const names = naming(cell, column);
  const line = sparkCell(); // where there is room
  cell.append(line.node);
  const figures = sums(cell);
  return {
    node,
    star: names.star,
    row: undefined,
    look: "",
    top: -1,
    update: (row, shown) => [image, names, line, figures].forEach((part) => part.update(row, shown)),
    age: names.age,
  };
}

/** The avatar, in a ring that shows how far the curve is. */
function picture(root: HTMLElement, column: ColumnKey) {
  const node = root.appendChild(element("span", "picture"));
  const avatar = makeAvatar();
  const ring = svg("svg", { class: "ring", viewBox: "0 0 48 48", "aria-hidden": "true" });
  const arc = svg("circle", { cx: "24", cy: "24", r: "22", pathLength: "100", class: "arc" });
  ring.append(svg("circle", { cx: "24", cy: "24", r: "22" }), arc);
  const text = element("span", "climbed");
  node.append(avatar.node, ring, text);
  return {
    update(row: Row, shown: Shown) {
      avatar.update(row, shown.images);
      const progress = row.stage === "graduated" || row.stage === "completed" ? 100 : row.graduation_pct;
      const known = row.stage !== undefined && progress !== undefined;
      node.dataset["stage"] = row.stage ?? "";
      arc.setAttribute("stroke-dasharray", known ? `${Math.min(100, Math.max(0, progress))} 100` : "0 100");
      const isClimbing = column !== "graduated" && (row.stage === "curve" || row.stage === "completed");
      text.hidden = !isClimbing || progress === undefined;
      if (isClimbing) setText(text, percent(progress));
      node.title = known && row.stage !== "graduated" ? `${percent(progress)} of its curve` : "";
    },
  };
}

/** Ticker, name, age, what the token is, and how safe. */
function naming(root: HTMLElement, column: ColumnKey) {
  const node = root.appendChild(element("span", "words"));
  const first = node.appendChild(element("span", "first"));
  const ticker = first.appendChild(element("b", "ticker"));
  const name = first.appendChild(element("span", "name"));
  const address = first.appendChild(element("button", "copy", { type: "button", tabindex: "-1", "data-action": "copy" }));
  const second = node.appendChild(element("span", "second"));
  const age = second.appendChild(element("span", "age"));
  const chain = second.appendChild(element("span", "badge chain"));
  const drawMarks = chipPlace(second.appendChild(element("span", "marks")));
  const drawSafety = chipPlace(node.appendChild(element("span", "safety")));
  const star = first.appendChild(makeStar());
  return {
    star,
    age(row: Row, nowMs: number) {
      const since = column === "graduated" ? (row.graduated_ms ?? row.created_ms) : row.created_ms;
      const ms = since === undefined ? undefined : nowMs - since;
      if (!setText(age, format.age(ms))) return;
      const what = column === "graduated" && row.graduated_ms !== undefined ? "Graduated" : "Created";
      age.title = since === undefined ? "Age not known" : `${what} ${new Date(since).toISOString()}`;
      age.dataset["young"] = String(ms !== undefined && ms < 300_000);
    },
    update(row: Row, shown: Shown) {
      setText(ticker, row.token_ticker ?? "?");
      setText(name, row.token_name ?? "");
      name.title = row.token_name ?? "";
      setText(chain, row.chain ?? "");
      drawMarks(ofColumn(column, markChips(row, shown.nowMs, shown.hiddenChips)));
      const safety = safetyChips(row, shown.hiddenChips);
      // Signs first: where there is room for some only, they say most.
      drawSafety([...safety.filter(({ value }) => value === ""), ...safety.filter(({ value }) => value !== "")]);
      const full = row.token_address ?? "";
      if (setText(address, `${full.slice(0, 4)}…${full.slice(-4)}`)) address.title = `Copy ${full}`;
    },
  };
}

/** The chips that say more than the card's place does: the stage is that of the column, the ring says how far. */
function ofColumn(column: ColumnKey, chips: readonly Chip[]): Chip[] {
  const left = column === "graduated" ? chips.filter(({ label }) => label !== "graduated") : chips;
  return left.map(({ progress: _, ...chip }) => (chip.kind === "stage" ? { ...chip, value: "" } : chip));
}

/** What it is worth and how it trades. */
function sums(root: HTMLElement) {
  const node = root.appendChild(element("dl", "sums"));
  const cells: Cell[] = [];
  const titles: [HTMLElement, (window: Window, row: Row) => string][] = [];
  const add = (title: (window: Window, row: Row) => string, kind: string, make: () => Cell): void => {
    const line = node.appendChild(element("div", kind));
    titles.push([line.appendChild(element("dt")), title]);
    const cell = make();
    line.appendChild(element("dd")).append(cell.node);
    cells.push(cell);
  };
  add((_, row) => (row.market_cap === undefined && row.fdv !== undefined ? "FDV" : "MC"), "cap", figure((row) => row.market_cap ?? row.fdv, format.amount));
  add((window) => `V ${window}`, "volume", figure((row, shown) => row[`volume_${shown.window}`], format.amount));
  add(() => "L", "liquidity", figure((row) => row.liquidity, format.amount));
  add(
    (window) => window,
    "change",
    figure(
      (row, shown) => row[`price_change_${shown.window}`],
      format.percent,
      (each, value) => {
        each.dataset["trend"] = trend(value);
      },
    ),
  );
  return {
    update(row: Row, shown: Shown) {
      for (const [title, words] of titles) setText(title, words(shown.window, row));
      for (const cell of cells) cell.update(row, shown);
    },
  };
}
