/**
 * What the table shows: the rows of the query, in order, live. A list is followed over the stream;
 * what only the server knows (a search, limits) is requested again and again, and its rows are
 * followed by their ids. docs/ARCHITECTURE.md says which, and how late a row may come.
 */
import type { DiscoverStream, Row, TopicState } from "../client";
import { textOf } from "./filters";
import { Poller, type Answer, type Problem, type PageRequest } from "./poller";
import type { Feed } from "./feed";
import { Frozen } from "./frozen";
import { listedRows, starredRows, type Source } from "./order";
import { isPolled, listTopic, wanted, wholeTopic, type Query } from "./query";

export interface MarketEvents {
  /** Rows or their order may have changed: draw at the next frame. */
  onChange(): void;
}

export type WordField = "launchpad" | "protocol" | "chain";

const POLL_EVERY_MS = 2_000; // how long a row that came to meet the limits may be missing
const COUNT_EVERY_MS = 15_000; // how old the number of all tokens of a list may be
const FIRST_ROWS = 100; // requested before the stream sends them all
const TYPING_MS = 180; // a search is sent when the keys rest

export class Market {
  query: Query;
  /** Whether what is shown is of this query; before, rows at hand that pass it are. */
  loaded = false;
  /** Why the server's answer is missing or old, null while it is not. */
  problem: Problem | null = null;
  updates = 0; // row changes received, for measurements
  private readonly poller: Poller;
  private readonly counter: Poller;
  private running = false;
  private topic = ""; // of the stream; "" while the rows are polled
  private subscribed = false; // to the topic
  private answer: (Answer & { byId: Map<string, Row> }) | null = null;
  private interim = new Map<string, Row>(); // what was shown before, until the server has answered
  private serverTotal: number | null = null;
  private readonly frozen = new Frozen();
  private wantedCache: string[] | null = null;

  constructor(
    private readonly feed: Feed,
    query: Query,
    private readonly events: MarketEvents,
  ) {
    this.query = query;
    this.poller = new Poller({
      onAnswer: (answer) => this.onAnswer(answer),
      onProblem: (problem) => this.onProblem(problem),
    });
    this.counter = new Poller({
      onAnswer: (answer) => {
        this.serverTotal = answer.total;
        this.events.onChange();
      },
      onProblem: () => {}, // the number stays as it was
    });
    feed.join({
      onSnap: (topic) => this.onSnap(topic),
      onDiff: (topic, state, changed) => this.onDiff(topic, state, changed),
      onRefused: (topics) => this.onRefused(topics),
      onPolling: (polling) => this.onPolling(polling),
    });
  }

  get stream(): DiscoverStream {
    return this.feed.stream;
  }

  /** Whether the list is polled because there is no stream. */
  get polling(): boolean {
    return this.feed.polling;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.follow(0);
    this.watch();
  }

  /** Follow and request nothing, until it is started again. */
  stop(): void {
    if (!this.running) return;
    this.running = false;
    this.poller.stop();
    this.counter.stop();
    this.leave();
    this.topic = "";
    this.frozen.release();
    this.feed.followed.only(this, []);
  }

  /** Show something else. */
  ask(query: Query): void {
    const before = this.query;
    this.query = query;
    this.wantedCache = null;
    const differs = wanted(before).path !== wanted(query).path || before.depth !== query.depth;
    if (this.running && (differs || isPolled(before) !== isPolled(query))) {
      this.release();
      this.follow(before.q === query.q ? 0 : TYPING_MS);
    }
    this.events.onChange();
  }

  // -- rows -----------------------------------------------------------------------------------
  /** The newest row of an id, wherever it is held. */
  row(id: string): Row | undefined {
    const { topics } = this.stream.state;
    const answered = this.answer?.byId.get(id);
    let streamed: Row | undefined;
    for (const topic of [this.topic, ...this.feed.tokenTopics]) streamed ??= this.ofEpoch(topics.get(topic))?.rows.get(id);
    return newer(streamed, answered) ?? this.frozen.row(id) ?? this.interim.get(id);
  }

  /** Whether a row is part of the list now; a frozen table may still show one that left. */
  isListed(id: string): boolean {
    return this.source().rows.has(id);
  }

  /** The ids to show, in order: frozen or as they are now. */
  shown(): readonly string[] {
    return this.frozen.ids ?? this.wanted();
  }

  get isFrozen(): boolean {
    return this.frozen.ids !== null;
  }

  /** Tokens that the query has altogether, null while it is unknown. */
  get total(): number | null {
    return this.query.starred || this.isWhole() ? this.wanted().length : this.serverTotal;
  }

  /** The server's clock (ms), as well as it is known here. */
  now(): number {
    return Date.now() + (this.stream.clockOffsetMs ?? 0);
  }

  /** Keep the order as it is; values still tick. */
  freeze(): void {
    if (!this.isFrozen) this.frozen.keep(this.wanted(), (id) => this.row(id));
  }

  release(): void {
    this.frozen.release();
    this.events.onChange();
  }

  /** How many rows would change places when released. */
  movedRows(): number {
    return this.frozen.movedRows(() => this.wanted());
  }

  /** How many tokens of the watchlist a query shows. */
  starredTotal(query: Query): number {
    return starredRows(this.starredRows(), query, this.now()).length;
  }

  /** Words of a field that rows at hand have, the most frequent first. */
  words(field: WordField): string[] {
    const counts = new Map<string, number>();
    for (const row of this.source().rows.values()) {
      const word = textOf(row, field);
      if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([word]) => word);
  }

  /** Forget the order: time, stars or figures changed what passes. */
  reorder(): void {
    this.wantedCache = null;
    this.events.onChange();
  }

  /** Have the gateway follow these tokens: those found, and those on the watchlist. */
  watch(): void {
    this.feed.followed.only(this, this.running && this.topic === "" ? (this.answer?.byId.keys() ?? []) : []);
    this.reorder();
  }

  private wanted(): string[] {
    return (this.wantedCache ??= this.order().map((row) => row.id));
  }

  private order(): Row[] {
    const nowMs = this.now();
    if (this.query.starred) return starredRows(this.starredRows(), this.query, nowMs);
    return listedRows(this.source(), (id) => this.row(id), this.query, nowMs);
  }

  private starredRows(): Row[] {
    return [...this.feed.starred.values].map((id) => this.row(id)).filter((row) => row !== undefined);
  }

  /** Where the rows are: the stream's topic, what was requested, or what was at hand before. */
  private source(): Source {
    const state = this.polling && this.answer !== null ? undefined : this.stream.state.topics.get(this.topic);
    if (state !== undefined) return { ...state, exact: true };
    if (this.answer !== null) return { rows: this.answer.byId, ids: [...this.answer.byId.keys()], exact: true };
    return { rows: this.interim, ids: null, exact: false };
  }

  /** Whether every row that could pass is at hand, so that counting them gives the total. */
  private isWhole(): boolean {
    if (this.topic === "" || this.topic.startsWith("list:")) return false;
    return this.stream.state.topics.has(this.topic) && !(this.polling && this.answer !== null);
  }

  /** Versions of rows can be compared within an epoch only. */
  private ofEpoch(state: TopicState | undefined): TopicState | undefined {
    return this.answer === null || state?.epoch === this.answer.epoch ? state : undefined;
  }

  // -- following ------------------------------------------------------------------------------
  private follow(afterMs: number): void {
    const before = this.topic;
    const topic = isPolled(this.query) ? "" : listTopic(this.query);
    if (topic !== "" && topic === before && !this.polling && this.stream.state.topics.has(topic)) return;
    const held = this.source().rows;
    this.interim = new Map([...held.keys()].map((id) => [id, this.row(id)!]));
    if (before !== topic) this.leave();
    this.topic = topic;
    if (before === "" && topic !== "") this.watch();
    this.counter.stop();
    this.answer = this.problem = this.serverTotal = null;
    this.loaded = false;
    // With a page over HTTP first: it needs no handshake, and the stream goes on from its version.
    this.poller.start(this.pageRequest(), afterMs);
  }

  private pageRequest(): PageRequest {
    const { path, rows } = wanted(this.query);
    if (this.polling || this.topic === "") return { path, rows, everyMs: POLL_EVERY_MS };
    return { path, rows: Math.min(FIRST_ROWS, rows), everyMs: null };
  }

  private onAnswer(answer: Answer): void {
    this.answer = { ...answer, byId: new Map(answer.rows.map((row) => [row.id, row])) };
    this.serverTotal = answer.total;
    this.loaded = true;
    this.problem = null;
    this.interim = new Map();
    if (this.topic === "") this.feed.followed.also(this, [...this.answer.byId.keys()]);
    else this.begin(answer);
    this.reorder();
  }

  private onProblem(problem: Problem): void {
    this.problem = problem;
    // A request that is wrong has no rows; one that was not answered keeps those it had.
    if (problem.retryAt === null) {
      this.answer = null;
      this.interim = new Map();
    }
    if (this.topic !== "") this.begin(null);
    this.reorder();
  }

  /** Go on over the stream: from the answer where it is all of the topic. */
  private begin(answer: Answer | null): void {
    if (this.polling && this.stream.state.topics.has(this.topic)) return;
    const isList = answer !== null && this.topic.startsWith("list:");
    const all = answer?.rows.length === Math.min(answer?.total ?? 0, Number(this.query.depth));
    if (isList && all) this.stream.seed(this.topic, answer.epoch, answer.version, answer.rows);
    this.enter();
    if (!this.polling) this.keepCounting();
  }

  private enter(): void {
    if (!this.subscribed) this.feed.subscribe(this.topic);
    this.subscribed = true;
  }

  private leave(): void {
    if (this.subscribed) this.feed.unsubscribe(this.topic);
    this.subscribed = false;
  }

  /** Request now and then how many tokens there are: a list's stream has only its own. */
  private keepCounting(): void {
    const { path } = wanted(this.query);
    this.counter.start({ path, rows: 1, everyMs: COUNT_EVERY_MS }, COUNT_EVERY_MS);
  }

  // -- the stream -----------------------------------------------------------------------------
  private onSnap(topic: string): void {
    if (!this.running) return;
    if (topic === this.topic) {
      if (!this.polling) this.poller.stop();
      if (!this.polling) this.problem = null;
      this.answer = null;
      this.interim = new Map();
      this.loaded = true;
    }
    this.reorder();
  }

  private onDiff(topic: string, state: TopicState, changed: string[]): void {
    if (!this.running) return;
    for (const id of changed) {
      const row = state.rows.get(id);
      if (row !== undefined) this.frozen.note(row);
    }
    if (topic === this.topic) this.updates += changed.length;
    this.wantedCache = null;
    this.events.onChange();
  }

  /** Poll the list while there is no stream to follow it over. */
  private onPolling(polling: boolean): void {
    if (!this.running) return;
    if (!polling && this.loaded) this.problem = null;
    this.counter.stop();
    if (polling || this.topic === "" || !this.loaded) this.poller.start(this.pageRequest());
    else {
      this.poller.stop();
      this.keepCounting();
    }
    this.reorder();
  }

  /** A list that the gateway does not keep, as when it has no room for it: follow all rows. */
  private onRefused(topics: string[]): void {
    if (!this.subscribed || !this.topic.startsWith("list:") || !topics.includes(this.topic)) return;
    this.leave();
    this.topic = wholeTopic(this.query);
    this.enter();
  }
}

/** Of two rows of one epoch the one that changed last. */
function newer(a: Row | undefined, b: Row | undefined): Row | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return (b.rv ?? 0) > (a.rv ?? 0) ? b : a;
}
