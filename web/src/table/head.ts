/** The heads of the columns: a click sorts, a head that is dragged puts its column elsewhere. */
import { orderOf, type Query } from "../model/query";
import type { Column } from "./columns";
import { element } from "./dom";
import { placed } from "./row";

/** The head over ranks: the order in which the list begins, to come back to. */
export function rankHead(query: Query): HTMLElement {
  const node = element("span", "cell rank", { role: "columnheader", "data-col": "rank" });
  const active = orderOf(query) === "trending";
  node.title = "Trending first: distinct buyers, organic volume, turnover, pace and age";
  node.setAttribute("aria-sort", active ? "descending" : "none");
  const button = node.appendChild(element("button", "", { type: "button", "data-sort": "rank", "aria-label": "Rank: sort by Trending" }));
  button.appendChild(element("i", "arrow", { "aria-hidden": "true" })).textContent = active ? "↓" : "";
  button.appendChild(element("span", "title")).textContent = "#";
  return node;
}

export function headCell(column: Column, query: Query, slots: readonly string[]): HTMLElement {
  const node = element("span", column.numeric ? "cell numeric" : "cell", {
    ...placed(column, slots, "columnheader"),
    title: column.hint,
    ...(column.key === "token" ? {} : { draggable: "true" }),
  });
  const title = column.title(query.window);
  if (column.sort === undefined) {
    node.textContent = title;
    return node;
  }
  const active =
    column.sort.by === orderOf(query) &&
    (column.sort.window === undefined || column.sort.window === query.window);
  // "newest first" is the youngest age first.
  const falling = (query.order === "desc") !== (column.sort.by === "newest");
  node.setAttribute("aria-sort", active ? (falling ? "descending" : "ascending") : "none");
  const button = node.appendChild(
    element("button", "", { type: "button", "data-sort": column.key }),
  );
  // Beside the title, on the side away from the figures' edge, so that the title stays above it.
  const arrow = button.appendChild(element("i", "arrow", { "aria-hidden": "true" }));
  arrow.textContent = active ? (falling ? "↓" : "↑") : "";
  button.appendChild(element("span", "title")).textContent = title;
  return node;
}

/** Say which column is dropped on which. The token's own column stays where it is. */
export function dragHeads(head: HTMLElement, onDrop: (key: string, target: string) => void): void {
  let dragged = "";
  const column = (event: Event): string => {
    const cell = (event.target as HTMLElement).closest<HTMLElement>("[draggable]");
    return cell?.dataset["col"] ?? "";
  };
  const mark = (target: string): void => {
    for (const cell of head.querySelectorAll<HTMLElement>("[data-col]")) {
      cell.classList.toggle("target", target !== "" && cell.dataset["col"] === target);
    }
  };
  head.addEventListener("dragstart", (event) => {
    dragged = column(event);
    event.dataTransfer?.setData("text/plain", "");
  });
  head.addEventListener("dragover", (event) => {
    const over = column(event);
    mark(over === dragged ? "" : over);
    if (dragged !== "" && over !== "" && over !== dragged) event.preventDefault();
  });
  head.addEventListener("drop", (event) => {
    event.preventDefault();
    const target = column(event);
    if (dragged !== "" && target !== "" && target !== dragged) onDrop(dragged, target);
  });
  head.addEventListener("dragend", () => {
    dragged = "";
    mark("");
  });
}
