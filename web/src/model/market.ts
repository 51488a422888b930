/**
 * What the table shows: follows the topic of the query, orders and filters its rows, and freezes the
 * order on request. Rows are read through `row`, so that a frozen row that left the list still has one.
 */
import { DiscoverStream, type AlertEvent, type Row, type Status, type TopicState } from "../client";
import { History } from "./history";
import { moved, passes, sorted } from "./order";
import { discoverPath, listTopic, wholeTopic, type Query } from "./query";
import type { KeptSet } from "./store";

export interface MarketEvents {
  /** Rows or their order may have changed: draw at the next frame. */
  onChange(): void;
  onStatus(status: Status): void;
  onAlerts(events: AlertEvent[]): void;
  onError(message: string): void;
}

interface Page {
  epoch: string;
  version: number;
  tokens: Row[];
  total: number;
}

export class Market {
  readonly history = new History();
  readonly stream: DiscoverStream;
  query: Query;
  /** Tokens known to the server for this query, null while nobody has said. */
  total: number | null = null;
  loaded = false;
  updates = 0; // row changes received, for measurements
  private topic = "";
  private page: Page | null = null; // what /discover said, until the stream says more
  private readonly unserved = new Set<string>(); // kinds of topics that this gateway refused
  private frozen: string[] | null = null;
  private ghosts = new Map<string, Row>();
  private wantedCache: string[] | null = null;
  private drawerTopic = "";

  constructor(
    url: string,
    query: Query,
    private readonly starred: KeptSet,
    private readonly events: MarketEvents,
  ) {
    this.query = query;
    this.stream = new DiscoverStream(url, {
      onSnap: (topic, state) => this.onSnap(topic, state),
      onDiff: (topic, state, changed) => this.onDiff(topic, state, changed),
      onEvents: (_, alerts) => events.onAlerts(alerts),
      onStatus: (status) => events.onStatus(status),
      onRefused: (topics, code) => this.onRefused(topics, code),
    });
  }

  start(): void {
    this.follow();
    this.stream.open();
    this.stream.subscribe("alerts");
    this.watch();
  }

  /** Show something else. */
  ask(query: Query): void {
    const before = this.query;
    this.query = query;
    this.wantedCache = null;
    if (discoverPath(before) !== discoverPath(query) || before.depth !== query.depth) {
      this.release();
      this.follow();
    }
    if (query.token !== before.token) this.followToken(query.token);
    this.events.onChange();
  }

  // -- rows -----------------------------------------------------------------------------------
  /** The newest row of an id, wherever it is held. */
  row(id: string): Row | undefined {
    const topics = this.stream.state.topics;
    return (
      topics.get(this.topic)?.rows.get(id) ??
      topics.get("tokens")?.rows.get(id) ??
      topics.get(this.drawerTopic)?.rows.get(id) ??
      this.ghosts.get(id) ??
      this.page?.tokens.find((row) => row.id === id)
    );
  }

  /** Whether a row is part of the list now; a frozen table may still show one that left. */
  isListed(id: string): boolean {
    return this.source().rows.has(id);
  }

  /** The ids to show, in order: frozen or as they are now. */
  shown(): readonly string[] {
    return this.frozen ?? this.wanted();
  }

  get isFrozen(): boolean {
    return this.frozen !== null;
  }

  /** Keep the order as it is; values still tick. */
  freeze(): void {
    if (this.frozen !== null) return;
    this.frozen = [...this.wanted()];
    for (const id of this.frozen) this.remember(id);
  }

  release(): void {
    this.frozen = null;
    this.ghosts.clear();
    this.events.onChange();
  }

  /** How many rows would change places when released. */
  movedRows(): number {
    return this.frozen === null ? 0 : moved(this.frozen, this.wanted());
  }

  /** Chains of the rows at hand, the most frequent first. */
  chains(): string[] {
    const counts = new Map<string, number>();
    for (const row of this.source().rows.values()) {
      if (row.chain !== undefined) counts.set(row.chain, (counts.get(row.chain) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
  }

  get held(): number {
    return this.source().rows.size;
  }

  /** Forget the order: time, stars or filters changed what passes. */
  reorder(): void {
    this.wantedCache = null;
    this.events.onChange();
  }

  /** Tell the gateway which tokens the watchlist holds. */
  watch(): void {
    this.stream.watchTokens([...this.starred.values]);
    this.reorder();
  }

  private wanted(): string[] {
    if (this.wantedCache !== null) return this.wantedCache;
    const { rows, ids } = this.source();
    const nowMs = Date.now();
    const kept = this.starred.values;
    let ordered: Row[];
    if (this.query.starred) ordered = sorted(this.starredRows(rows), this.query);
    else if (ids !== null) ordered = ids.map((id) => rows.get(id)).filter((row) => row !== undefined);
    else ordered = sorted(rows.values(), this.query);
    if (ids === null && this.query.depth !== "all") ordered.length = Math.min(ordered.length, Number(this.query.depth));
    this.wantedCache = ordered.filter((row) => passes(row, this.query, nowMs, kept)).map((row) => row.id);
    return this.wantedCache;
  }

  private starredRows(listed: ReadonlyMap<string, Row>): Row[] {
    const watched = this.stream.state.topics.get("tokens")?.rows;
    return [...this.starred.values]
      .map((id) => listed.get(id) ?? watched?.get(id))
      .filter((row) => row !== undefined)
      .filter((row) => this.query.chain === "" || row.chain === this.query.chain);
  }

  private source(): TopicState {
    const state = this.stream.state.topics.get(this.topic);
    if (state !== undefined) return state;
    const rows = this.page?.tokens ?? [];
    return { rows: new Map(rows.map((row) => [row.id, row])), ids: rows.map((row) => row.id) };
  }

  private remember(id: string): void {
    const row = this.row(id);
    if (row !== undefined) this.ghosts.set(id, row);
  }

  // -- following ------------------------------------------------------------------------------
  private follow(): void {
    const before = this.topic;
    this.topic = this.unserved.has("list") ? wholeTopic(this.query) : listTopic(this.query);
    this.page = null;
    if (before === this.topic) return;
    if (before !== "") this.stream.unsubscribe(before);
    this.loaded = false;
    void this.begin(this.topic, this.query);
  }

  /** Begin with a page over HTTP: it needs no handshake, and the stream goes on from its version. */
  private async begin(topic: string, query: Query): Promise<void> {
    const path = discoverPath(query);
    try {
      const answer = await fetch(path, { headers: { accept: "application/json" } });
      const page = (await answer.json()) as Page & { detail?: string };
      if (this.topic !== topic) return;
      if (!answer.ok) throw new Error(page.detail ?? `${path}: ${answer.status}`);
      this.onPage(topic, query, page);
    } catch (error) {
      if (this.topic === topic && !this.loaded) this.events.onError(String((error as Error).message));
    }
    if (this.topic === topic) this.stream.subscribe(topic);
  }

  private onPage(topic: string, query: Query, page: Page): void {
    this.total = page.total;
    this.page = page;
    this.loaded = true;
    const same = topic.startsWith("list:") && Number(query.depth) <= 100;
    if (same) this.stream.seed(topic, page.epoch, page.version, page.tokens);
    const nowMs = Date.now();
    for (const row of page.tokens) this.history.note(row, nowMs);
    this.reorder();
  }

  followToken(id: string): void {
    if (this.drawerTopic !== "") this.stream.unsubscribe(this.drawerTopic);
    this.drawerTopic = id === "" ? "" : `token:${id}`;
    if (id !== "") this.stream.subscribe(this.drawerTopic);
  }

  private onSnap(topic: string, state: TopicState): void {
    if (topic === this.topic) {
      this.page = null;
      this.loaded = true;
      if (!topic.startsWith("list:")) this.total = state.rows.size;
    }
    const nowMs = Date.now();
    for (const row of state.rows.values()) this.history.note(row, nowMs);
    this.reorder();
  }

  private onDiff(topic: string, state: TopicState, changed: string[]): void {
    const nowMs = Date.now();
    for (const id of changed) {
      const row = state.rows.get(id);
      if (row === undefined) continue;
      this.history.note(row, nowMs);
      if (this.ghosts.has(id)) this.ghosts.set(id, row);
    }
    if (topic === this.topic) {
      this.updates += changed.length;
      if (!topic.startsWith("list:")) this.total = state.rows.size;
    }
    this.wantedCache = null;
    this.events.onChange();
  }

  private onRefused(topics: string[], code: string): void {
    for (const topic of topics) {
      const kind = topic.split(":")[0]!;
      if (this.unserved.has(kind)) continue;
      if (code === "unsupported") this.unserved.add(kind);
      if (topic === this.topic && kind === "list") {
        this.topic = wholeTopic(this.query);
        this.stream.subscribe(this.topic);
      }
    }
  }
}
