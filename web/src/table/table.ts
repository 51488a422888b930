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
import type { Choice } from "../model/choice";
import type { SourceLink } from "../model/links";
import { orderOf, type Query } from "../model/query";
import type { Sparkline } from "../model/sparks";
import { lookOf, type Shown } from "./cells";
import { hasSafety } from "./chips";
import { BY_KEY, KEPT, TOKEN, WIDE, type Column } from "./columns";
import { element, setText } from "./dom";
import { dragHeads, headCell, rankHead } from "./head";
import { fit, fitPhone, tokenLeast, type Layout } from "./layout";
import { listenToRows, type RowActions } from "./pointer";
import { makeRow, type DrawnRow } from "./row";

export interface TableSource {
  query(): Query;
  shown(): readonly string[];
  now(): number;
  row(id: string): Row | undefined;
  isListed(id: string): boolean;
  isStarred(id: string): boolean;
  sparkline(row: Row): Sparkline;
  sparks(): number;
  links(row: Row): SourceLink[];
  selected(): string;
  open(): string;
  choice(): Choice;
  hiddenChips(): ReadonlySet<string>;
  isCompact(): boolean;
  images(): string | null;
}

export interface TableActions extends RowActions {
  /** A click on a column's head; null: on that of the ranks. */
  onSort(column: Column | null): void;
  onPlace(column: string, target: string): void;
  /** Which columns there is room for now. */
  onColumns(keys: readonly string[]): void;
}

const OVERSCAN = 6;
const COMPACT_TOKEN = 64; // pixels more for the name: its chips stand beside it
const COMPACT_SAFETY = 222; // its chips stand in one line
const AGES_EVERY_MS = 1_000; // the ages of rows in view
const ALL_EVERY_MS = 10_000; // everything else that is of the clock
const PHONE = matchMedia("(max-width: 720px)"); // as in the style sheet

export class Table {
  readonly scroller: HTMLElement;
  private readonly head: HTMLElement;
  private readonly body: HTMLElement;
  private readonly rows = new Map<string, DrawnRow>();
  private readonly virtual: Virtualizer<HTMLElement, HTMLElement>;
  private known = new Set<string>(); // ids of the last drawing: others slide in
  private frame = 0;
  private redrawnAt = 0;
  private shape = "";
  private headHeight = 36;
  private columns: readonly Column[] = [];
  private slots: readonly string[] = []; // columns beside the name on a phone
  private laidOut = "";
  private width = 0; // of what is in view; reading it costs a layout

  constructor(
    root: HTMLElement,
    private readonly source: TableSource,
    private readonly actions: TableActions,
  ) {
    this.scroller = element("div", "scroller", {
      role: "grid",
      tabindex: "0",
      "aria-label": "Tokens",
    });
    this.head = this.scroller.appendChild(element("div", "row head", { role: "row", "aria-rowindex": "1" }));
    this.body = this.scroller.appendChild(element("div", "rows", { role: "rowgroup" }));
    root.append(this.scroller);
    this.virtual = new Virtualizer<HTMLElement, HTMLElement>(this.options(0));
    this.virtual._didMount();
    this.virtual._willUpdate();
    this.width = this.scroller.clientWidth;
    this.listen();
    this.layOut();
    this.drawHead();
    setInterval(() => document.hidden || this.invalidate(), AGES_EVERY_MS);
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

  /** Other columns, chips or rows were chosen, or the list has another width. */
  refit(): void {
    this.width = this.scroller.clientWidth;
    this.layOut();
    this.headHeight = this.head.offsetHeight;
    this.virtual.measure();
    this.draw(); // at once: rows that were removed for other columns are back before the next frame
  }

  /** Choose the columns that there is room for; rows are made again only when those differ. */
  private layOut(): void {
    const { window } = this.source.query();
    const phone = PHONE.matches;
    const compact = this.source.isCompact();
    const layout = phone ? this.fitPhone(window) : this.fit(window, compact);
    const hasLine = layout.keys.includes("safety") || (phone && layout.keys.includes("spark"));
    const laidOut = `${layout.keys.join()} ${layout.template} ${phone} ${compact}`;
    if (laidOut === this.laidOut) return;
    this.laidOut = laidOut;
    this.columns = layout.keys.map((key) => BY_KEY.get(key)!);
    this.shape = "";
    for (const { node } of this.rows.values()) node.remove();
    this.rows.clear();
    const { style, dataset } = this.scroller;
    style.setProperty("--columns", layout.template);
    style.setProperty("--least", `${layout.least}px`);
    dataset["layout"] = phone ? "phone" : layout.tight ? "tight" : "roomy";
    dataset["rows"] = compact ? "compact" : hasLine ? "safety" : "plain";
    this.scroller.setAttribute("aria-colcount", String(this.columns.length + 1));
    this.actions.onColumns(layout.keys);
  }

  private fit(window: string, compact: boolean): Layout {
    const { width } = this;
    this.slots = [];
    const token = { ...TOKEN, least: compact ? TOKEN.least + COMPACT_TOKEN : tokenLeast(width) };
    const sized = this.chosen().map((column) => ({
      ...column,
      least: compact && column.key === "safety" ? COMPACT_SAFETY : column.least,
      leaves: column.key === `change-${window}` ? 1 : column.leaves,
    }));
    return fit([token, ...sized], width);
  }

  private fitPhone(window: string): Layout {
    const chosen = this.chosen();
    const added = chosen.filter(({ usual }) => !usual).map(({ key }) => key);
    const keys = chosen.map(({ key }) => key);
    this.slots = fitPhone(keys, window, added, WIDE);
    // The line of chips has room for the sparkline beside them.
    const last = this.source.isCompact() ? [] : ["safety", "spark"].filter((key) => keys.includes(key));
    return { keys: ["token", ...this.slots, ...last], template: "", least: 0, tight: true };
  }

  private chosen(): Column[] {
    const { order, shown } = this.source.choice();
    const chips = hasSafety(this.source.hiddenChips());
    const isPast = this.source.query().at !== null;
    return order
      .filter((key) => shown.includes(key) && (key !== "safety" || chips) && (!isPast || KEPT.includes(key)))
      .map((key) => BY_KEY.get(key)!);
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
    listenToRows(this.body, this.actions);
    this.head.addEventListener("click", (event) => {
      const key = (event.target as HTMLElement).closest<HTMLElement>("[data-sort]")?.dataset["sort"];
      if (key !== undefined) this.actions.onSort(BY_KEY.get(key) ?? null);
    });
    dragHeads(this.head, (column, target) => this.actions.onPlace(column, target));
    new ResizeObserver(() => this.refit()).observe(this.scroller);
  }

  private drawHead(): void {
    const query = this.source.query();
    const shape = `${orderOf(query)} ${query.window} ${query.order}`;
    if (shape === this.shape) return;
    this.shape = shape;
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.["sort"];
    this.head.replaceChildren(
      rankHead(query),
      ...this.columns.map((column) => headCell(column, query, this.slots)),
    );
    if (focused !== undefined) this.head.querySelector<HTMLElement>(`[data-sort="${focused}"]`)?.focus();
  }

  private draw(): void {
    this.layOut();
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
      hiddenChips: this.source.hiddenChips(),
      images: this.source.images(),
      sparks: this.source.sparks(),
      sparkline: (row) => this.source.sparkline(row),
      links: (row) => this.source.links(row),
    };
    const look = lookOf(shown);
    const all = Math.abs(nowMs - this.redrawnAt) > ALL_EVERY_MS;
    if (all) this.redrawnAt = nowMs;
    const inView = new Set<string>();
    for (const item of this.virtual.getVirtualItems()) {
      const id = ids[item.index];
      if (id === undefined) continue;
      inView.add(id);
      this.drawRow(id, item, shown, look, all);
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

  private drawRow(id: string, item: VirtualItem, shown: Shown, look: string, all: boolean): void {
    const row = this.source.row(id);
    if (row === undefined) return;
    let drawn = this.rows.get(id);
    if (drawn === undefined) {
      drawn = makeRow(id, this.columns, this.slots);
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
    if (drawn.row === row && drawn.look === look && !all) {
      for (const cell of drawn.cells) if (cell.ages) cell.update(row, shown);
      return;
    }
    drawn.node.classList.toggle("stale", row.stale === true);
    drawn.node.setAttribute("aria-selected", String(this.source.open() === id));
    for (const cell of drawn.cells) cell.update(row, shown);
    drawn.row = row;
    drawn.look = look;
  }
}
