/** A row of the list in the DOM: star, rank, and a cell of each column that is shown. */
import type { Row } from "../client";
import type { Cell } from "./cells";
import type { Column } from "./columns";
import { element } from "./dom";

export interface DrawnRow {
  node: HTMLElement;
  rank: HTMLElement;
  star: HTMLButtonElement;
  cells: Cell[];
  row: Row | undefined;
  top: number;
  look: string; // what else its cells were drawn by
}

let made = 0;

export function makeRow(id: string, columns: readonly Column[], slots: readonly string[]): DrawnRow {
  const node = element("div", "row", { role: "row", "data-id": id, id: `row-${++made}` });
  const lead = node.appendChild(element("span", "cell lead", { role: "gridcell", "data-col": "rank" }));
  const star = lead.appendChild(makeStar());
  const rank = lead.appendChild(element("span", "rank"));
  const cells = columns.map((column) => {
    const box = node.appendChild(element("span", column.numeric ? "cell numeric" : "cell", placed(column, slots, "gridcell")));
    const cell = column.make();
    box.append(cell.node);
    return cell;
  });
  return { node, rank, star, cells, row: undefined, top: -1, look: "" };
}

/** The button that puts a token on the watchlist. */
export function makeStar(): HTMLButtonElement {
  const star = element("button", "star", {
    type: "button",
    tabindex: "-1",
    "data-action": "star",
    "aria-pressed": "false",
    "aria-label": "On the watchlist",
    title: "Watch this token",
  });
  star.textContent = "★";
  return star;
}

/** The attributes of a column's cell; a phone's figures have numbered places. */
export function placed({ key }: Column, slots: readonly string[], role: string): Record<string, string> {
  const slot = slots.indexOf(key) + 1;
  return { role, "data-col": key, ...(slot > 0 ? { "data-slot": String(slot) } : {}) };
}
