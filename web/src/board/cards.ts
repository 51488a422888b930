/**
 * A column of the board: keyed cards over a scroll area, of which those in view are in the DOM. It
 * draws at most once a frame.
 */
import type { Row } from "../client";
import type { ColumnKey } from "../model/columns";
import type { Window } from "../model/figures";
import type { Sparkline } from "../model/sparks";
import { lookOf, type Shown } from "../table/cells";
import { element } from "../table/dom";
import { listenToRows, type RowActions } from "../table/pointer";
import { makeCard, type Card } from "./card";

export interface CardSource {
  label: string;
  column: ColumnKey;
  window(): Window;
  shown(): readonly string[];
  now(): number;
  row(id: string): Row | undefined;
  sparkline(row: Row): Sparkline;
  sparks(): number;
  isListed(id: string): boolean;
  isStarred(id: string): boolean;
  selected(): string;
  open(): string;
  hiddenChips(): ReadonlySet<string>;
  images(): string | null;
}

const OVERSCAN = 4;
const HEIGHT = 96; // until the style sheet is there

export class CardList {
  private readonly scroller: HTMLElement;
  private readonly body: HTMLElement;
  private readonly cards = new Map<string, Card>();
  private known = new Set<string>(); // ids of the last drawing: others slide in
  private frame = 0;
  private readonly sizes = new ResizeObserver(() => this.invalidate());

  constructor(
    root: HTMLElement,
    private readonly source: CardSource,
    actions: RowActions,
  ) {
    this.scroller = element("div", "cards", { role: "grid", tabindex: "0", "aria-label": source.label, "aria-colcount": "1" });
    this.body = this.scroller.appendChild(element("div", "pile", { role: "rowgroup" }));
    root.append(this.scroller);
    this.scroller.addEventListener("scroll", () => this.invalidate(), { passive: true });
    this.sizes.observe(this.scroller);
    listenToRows(this.body, actions);
  }

  /** Draw at the next frame. */
  invalidate(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** Bring a card into view. */
  reveal(index: number): void {
    const height = this.height();
    const { scrollTop, clientHeight } = this.scroller;
    if (index * height < scrollTop) this.scroller.scrollTop = index * height;
    else if ((index + 1) * height > scrollTop + clientHeight) this.scroller.scrollTop = (index + 1) * height - clientHeight;
  }

  remove(): void {
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
    this.scroller.remove();
  }

  private height(): number {
    return Number.parseFloat(getComputedStyle(this.scroller).getPropertyValue("--card")) || HEIGHT;
  }

  private draw(): void {
    const ids = this.source.shown();
    const height = this.height();
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN);
    const last = Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN;
    const inView = ids.slice(first, last);
    this.body.style.height = `${ids.length * height}px`;
    this.scroller.setAttribute("aria-rowcount", String(ids.length));
    const shown = this.shown();
    const look = lookOf(shown);
    inView.forEach((id, at) => this.drawCard(id, first + at, height, shown, look));
    const kept = new Set(inView);
    for (const [id, { node }] of this.cards) {
      if (kept.has(id)) continue;
      node.remove();
      this.cards.delete(id);
    }
    this.known = new Set(ids);
    const selected = this.cards.get(this.source.selected())?.node.id;
    if (selected === undefined) this.scroller.removeAttribute("aria-activedescendant");
    else this.scroller.setAttribute("aria-activedescendant", selected);
  }

  private shown(): Shown {
    return {
      window: this.source.window(),
      nowMs: this.source.now(),
      hiddenChips: this.source.hiddenChips(),
      images: this.source.images(),
      sparks: this.source.sparks(),
      sparkline: (row) => this.source.sparkline(row),
      links: () => [],
    };
  }

  private drawCard(id: string, index: number, height: number, shown: Shown, look: string): void {
    const row = this.source.row(id);
    if (row === undefined) return;
    let card = this.cards.get(id);
    if (card === undefined) {
      card = makeCard(id, this.source.column);
      this.cards.set(id, card);
      if (this.known.size > 0 && !this.known.has(id)) card.node.classList.add("arriving");
      this.body.append(card.node);
    }
    const top = index * height;
    if (card.top !== top) {
      card.top = top;
      card.node.style.transform = `translateY(${top}px)`;
      card.node.setAttribute("aria-rowindex", String(index + 1));
    }
    const starred = String(this.source.isStarred(id));
    if (card.star.getAttribute("aria-pressed") !== starred) card.star.setAttribute("aria-pressed", starred);
    const { classList } = card.node;
    classList.toggle("selected", this.source.selected() === id);
    classList.toggle("opened", this.source.open() === id);
    classList.toggle("left", !this.source.isListed(id));
    card.age(row, shown.nowMs);
    if (card.row === row && card.look === look) return;
    classList.toggle("stale", row.stale === true);
    card.update(row, shown);
    card.row = row;
    card.look = look;
  }
}
