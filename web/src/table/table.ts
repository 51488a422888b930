/**
 * The list: keyed DOM rows over a virtual scroll area. It draws at most once a frame, touches only
 * rows in view, and in them only cells whose text differs.
 */
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualItem,
} from "@tanstack/virtual-core";
import type { Row } from "../client";
import type { Sparkline } from "../model/history";
import type { SourceLink } from "../model/links";
import { orderOf, type Query } from "../model/query";
import { COLUMNS, type Cell, type Shown } from "./columns";
import { element, setText } from "./dom";

export interface TableSource {
  query(): Query;
  shown(): readonly string[];
  now(): number;
  row(id: string): Row | undefined;
  isListed(id: string): boolean;
  isStarred(id: string): boolean;
  sparkline(id: string): Sparkline;
  links(row: Row): SourceLink[];
  selected(): string;
  open(): string;
}

export interface TableActions {
  onOpen(id: string): void;
  onStar(id: string): void;
  onCopy(id: string): void;
  onSort(column: (typeof COLUMNS)[number]): void;
  onHover(resting: boolean): void;
}

interface DrawnRow {
  node: HTMLElement;
  rank: HTMLElement;
  star: HTMLButtonElement;
  cells: Cell[];
  row: Row | undefined;
  top: number;
  window: string;
}

const OVERSCAN = 6;
const AGES_EVERY_MS = 10_000;

export class Table {
  readonly scroller: HTMLElement;
  private readonly head: HTMLElement;
  private readonly body: HTMLElement;
  private readonly rows = new Map<string, DrawnRow>();
  private readonly virtual: Virtualizer<HTMLElement, HTMLElement>;
  private known = new Set<string>(); // ids of the last drawing, to tell who is new
  private frame = 0;
  private agedAt = 0;
  private shape = "";
  private headHeight = 36;

  constructor(
    root: HTMLElement,
    private readonly source: TableSource,
    private readonly actions: TableActions,
  ) {
    this.scroller = element("div", "scroller", {
      role: "grid",
      tabindex: "0",
      "aria-label": "Tokens",
      "aria-colcount": String(COLUMNS.length + 1),
    });
    this.head = this.scroller.appendChild(element("div", "row head", { role: "row", "aria-rowindex": "1" }));
    this.body = this.scroller.appendChild(element("div", "rows", { role: "rowgroup" }));
    root.append(this.scroller);
    this.virtual = new Virtualizer<HTMLElement, HTMLElement>(this.options(0));
    this.virtual._didMount();
    this.virtual._willUpdate();
    this.listen();
    this.drawHead();
  }

  /** Draw at the next frame. */
  invalidate(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** The next drawing shows something else: nothing in it slides in as news. */
  renew(): void {
    this.known.clear();
    this.scroller.scrollTop = 0;
    this.invalidate();
  }

  /** Bring a row into view. */
  reveal(index: number): void {
    this.virtual.scrollToIndex(index, { align: "auto" });
  }

  /** How high a row is now; the style sheet decides. */
  private rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row")) || 44;
  }

  private options(count: number) {
    return {
      count,
      getScrollElement: () => this.scroller,
      estimateSize: () => this.rowHeight(),
      overscan: OVERSCAN,
      scrollPaddingStart: this.headHeight,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.invalidate(),
    };
  }

  private listen(): void {
    this.body.addEventListener("click", (event) => {
      const target = event.target as HTMLElement;
      const id = target.closest<HTMLElement>("[data-id]")?.dataset["id"];
      if (id === undefined || target.closest("a") !== null) return;
      const action = target.closest<HTMLElement>("[data-action]")?.dataset["action"];
      if (action === "star") this.actions.onStar(id);
      else if (action === "copy") this.actions.onCopy(id);
      else this.actions.onOpen(id);
    });
    this.head.addEventListener("click", (event) => {
      const key = (event.target as HTMLElement).closest<HTMLElement>("[data-sort]")?.dataset["sort"];
      const column = COLUMNS.find((each) => each.key === key);
      if (column !== undefined) this.actions.onSort(column);
    });
    // A mouse that rests is about to click; a finger is not over anything.
    this.body.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") this.actions.onHover(true);
    });
    this.body.addEventListener("pointerleave", () => this.actions.onHover(false));
    new ResizeObserver(() => {
      this.headHeight = this.head.offsetHeight;
      this.virtual.measure();
      this.invalidate();
    }).observe(this.scroller);
  }

  private drawHead(): void {
    const query = this.source.query();
    const shape = `${orderOf(query)} ${query.window} ${query.order}`;
    if (shape === this.shape) return;
    this.shape = shape;
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.["sort"];
    const rank = element("span", "cell rank", { role: "columnheader", "data-col": "rank" });
    rank.textContent = "#";
    this.head.replaceChildren(rank, ...COLUMNS.map((column) => headCell(column, query)));
    if (focused !== undefined) this.head.querySelector<HTMLElement>(`[data-sort="${focused}"]`)?.focus();
  }

  private draw(): void {
    this.drawHead();
    const ids = this.source.shown();
    this.virtual.setOptions(this.options(ids.length));
    this.virtual._willUpdate();
    this.body.style.height = `${this.virtual.getTotalSize()}px`;
    this.scroller.setAttribute("aria-rowcount", String(ids.length + 1));
    const nowMs = this.source.now();
    const shown: Shown = {
      window: this.source.query().window,
      nowMs,
      sparkline: (id) => this.source.sparkline(id),
      links: (row) => this.source.links(row),
    };
    const aging = nowMs - this.agedAt > AGES_EVERY_MS;
    if (aging) this.agedAt = nowMs;
    const inView = new Set<string>();
    for (const item of this.virtual.getVirtualItems()) {
      const id = ids[item.index];
      if (id === undefined) continue;
      inView.add(id);
      this.drawRow(id, item, shown, aging);
    }
    for (const [id, drawn] of this.rows) {
      if (inView.has(id)) continue;
      drawn.node.remove();
      this.rows.delete(id);
    }
    if (this.known.size > 0 || ids.length > 0) this.known = new Set(ids);
    const selected = this.rows.get(this.source.selected())?.node.id;
    if (selected === undefined) this.scroller.removeAttribute("aria-activedescendant");
    else this.scroller.setAttribute("aria-activedescendant", selected);
  }

  private drawRow(id: string, item: VirtualItem, shown: Shown, aging: boolean): void {
    const row = this.source.row(id);
    if (row === undefined) return;
    let drawn = this.rows.get(id);
    if (drawn === undefined) {
      drawn = makeRow(id);
      this.rows.set(id, drawn);
      if (this.known.size > 0 && !this.known.has(id)) drawn.node.classList.add("arriving");
      this.body.append(drawn.node);
    }
    if (drawn.top !== item.start) {
      drawn.top = item.start;
      drawn.node.style.transform = `translateY(${item.start}px)`;
      drawn.node.setAttribute("aria-rowindex", String(item.index + 2));
      drawn.node.classList.toggle("odd", item.index % 2 === 1);
    }
    setText(drawn.rank, String(item.index + 1));
    const starred = this.source.isStarred(id);
    if (drawn.star.getAttribute("aria-pressed") !== String(starred)) {
      drawn.star.setAttribute("aria-pressed", String(starred));
    }
    drawn.node.classList.toggle("selected", this.source.selected() === id);
    drawn.node.classList.toggle("opened", this.source.open() === id);
    drawn.node.classList.toggle("left", !this.source.isListed(id));
    if (drawn.row === row && drawn.window === shown.window && !aging) return;
    drawn.node.classList.toggle("stale", row.stale === true);
    drawn.node.setAttribute("aria-selected", String(this.source.open() === id));
    for (const cell of drawn.cells) cell.update(row, shown);
    drawn.row = row;
    drawn.window = shown.window;
  }
}

let made = 0;

function makeRow(id: string): DrawnRow {
  const node = element("div", "row", { role: "row", "data-id": id, id: `row-${++made}` });
  const lead = node.appendChild(element("span", "cell lead", { role: "gridcell", "data-col": "rank" }));
  const star = lead.appendChild(
    element("button", "star", {
      type: "button",
      tabindex: "-1",
      "data-action": "star",
      "aria-pressed": "false",
      "aria-label": "On the watchlist",
      title: "Watch this token",
    }),
  );
  star.textContent = "★";
  const rank = lead.appendChild(element("span", "rank"));
  const cells = COLUMNS.map((column) => {
    const box = node.appendChild(
      element("span", column.numeric ? "cell numeric" : "cell", { role: "gridcell", "data-col": column.key }),
    );
    const cell = column.make();
    box.append(cell.node);
    return cell;
  });
  return { node, rank, star, cells, row: undefined, top: -1, window: "" };
}

function headCell(column: (typeof COLUMNS)[number], query: Query): HTMLElement {
  const node = element("span", column.numeric ? "cell numeric" : "cell", {
    role: "columnheader",
    "data-col": column.key,
    title: column.hint,
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
