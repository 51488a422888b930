/**
 * What the table shows: the rows of the query, in order, live. A list is followed over the stream;
 * what only the server knows (a search, limits) is requested again and again, and its rows are
 * followed by their ids. docs/ARCHITECTURE.md says which, and how late a row may come.
 */
import { DiscoverStream, type Occurrence, type Row, type Status, type TopicState } from "../client";
import { ALERTS, WATCHED, WATCHLIST } from "../client/messages";
import { Asker, type Answer, type Problem, type Question } from "./asker";
import { History } from "./history";
import { matches, moved, passes, sorted } from "./order";
import { isAsked, listTopic, orderOf, wanted, wholeTopic, type Query } from "./query";
import type { KeptSet } from "./store";

export interface MarketEvents {
  /** Rows or their order may have changed: draw at the next frame. */
  onChange(): void;
  onStatus(status: Status): void;
  onAlerts(events: Occurrence[]): void;
}

const ASK_EVERY_MS = 2_000; // how long a row that came to meet the limits may be missing
const COUNT_EVERY_MS = 15_000; // how old the number of all tokens of a list may be
const FIRST_ROWS = 100; // requested before the stream sends them all
const TYPING_MS = 180; // a search is asked for when the keys rest
const PATIENCE_MS = 3_000; // without a stream for this long, the list is asked for instead

export class Market {
  readonly history = new History();
  readonly stream: DiscoverStream;
  query: Query;
  /** Whether what is shown is of this query; before, rows at hand that pass it are. */
  loaded = false;
  /** Why the server's word is missing or old, null while it is not. */
  problem: Problem | null = null;
  /** Whether the list is asked for because there is no stream. */
  polling = false;
  updates = 0; // row changes received, for measurements
  private readonly asker: Asker;
  private readonly counter: Asker;
  private topic = ""; // of the stream; "" while the rows are asked for
  private answer: (Answer & { byId: Map<string, Row> }) | null = null;
  private interim = new Map<string, Row>(); // what was shown before, until the server has said
  private told: number | null = null;
  private readonly unserved = new Set<string>(); // kinds of topics that this gateway refused
  private followed = new Set<string>();
  private frozen: string[] | null = null;
  private ghosts = new Map<string, Row>();
  private wantedCache: string[] | null = null;
  private drawerTopic = "";
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    url: string,
    query: Query,
    private readonly starred: KeptSet,
    private readonly events: MarketEvents,
  ) {
    this.query = query;
    this.asker = new Asker({
      onAnswer: (answer) => this.onAnswer(answer),
      onProblem: (problem) => this.onProblem(problem),
    });
    this.counter = new Asker({
      onAnswer: (answer) => {
        this.told = answer.total;
        this.events.onChange();
      },
      onProblem: () => {}, // the number stays as it was
    });
    this.stream = new DiscoverStream(url, {
      onSnap: (topic, state) => this.onSnap(topic, state),
      onDiff: (topic, state, changed) => this.onDiff(topic, state, changed),
      onEvents: (_, alerts) => events.onAlerts(alerts),
      onStatus: (status) => this.onStatus(status),
      onRefused: (topics, code) => this.onRefused(topics, code),
    });
  }

  start(): void {
    this.follow(0);
    this.stream.open();
    this.stream.subscribe(ALERTS);
    this.watch();
  }

  /** Show something else. */
  ask(query: Query): void {
    const before = this.query;
    this.query = query;
    this.wantedCache = null;
    const asked = wanted(before).path !== wanted(query).path || before.depth !== query.depth;
    if (asked || isAsked(before) !== isAsked(query)) {
      this.release();
      this.follow(before.q === query.q ? 0 : TYPING_MS);
    }
    if (query.token !== before.token) this.followToken(query.token);
    this.events.onChange();
  }

  // -- rows -----------------------------------------------------------------------------------
  /** The newest row of an id, wherever it is held. */
  row(id: string): Row | undefined {
    const { topics } = this.stream.state;
    const answered = this.answer?.byId.get(id);
    const streamed =
      this.ofEpoch(topics.get(this.topic))?.rows.get(id) ??
      this.ofEpoch(topics.get(WATCHLIST))?.rows.get(id) ??
      this.ofEpoch(topics.get(this.drawerTopic))?.rows.get(id);
    return newer(streamed, answered) ?? this.ghosts.get(id) ?? this.interim.get(id);
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

  /** Tokens that the query has altogether, null while nobody has said. */
  get total(): number | null {
    return this.query.starred || this.isWhole() ? this.wanted().length : this.told;
  }

  /** The server's clock (ms), as well as it is known here. */
  now(): number {
    return Date.now() + (this.stream.clockOffsetMs ?? 0);
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

  /** Forget the order: time, stars or figures changed what passes. */
  reorder(): void {
    this.wantedCache = null;
    this.events.onChange();
  }

  /** Tell the gateway which tokens to follow: those found, and those on the watchlist. */
  watch(): void {
    const found = this.topic === "" ? [...(this.answer?.byId.keys() ?? [])] : [];
    this.followed = new Set([...found, ...this.starred.values].slice(0, WATCHED));
    this.stream.watchTokens([...this.followed]);
    this.reorder();
  }

  private wanted(): string[] {
    return (this.wantedCache ??= this.order().map((row) => row.id));
  }

  private order(): Row[] {
    const { query } = this;
    const nowMs = this.now();
    const { rows, ids, exact } = this.source();
    if (query.starred) {
      const kept = this.starredRows().filter((row) => matches(row, query.q));
      return sorted(kept.filter((row) => passes(row, query, nowMs)), query);
    }
    // The order of a list, and of matches, is the server's; every other follows the figures.
    const given = ids !== null && (!isAsked(query) || orderOf(query) === "match");
    const live = ids === null ? [...rows.values()] : ids.map((id) => this.row(id)).filter((row) => row !== undefined);
    const ordered = given ? live : sorted(live, query);
    const passing = ordered.filter((row) => passes(row, query, nowMs) && (exact || matches(row, query.q)));
    return query.depth === "all" ? passing : passing.slice(0, Number(query.depth));
  }

  private starredRows(): Row[] {
    return [...this.starred.values].map((id) => this.row(id)).filter((row) => row !== undefined);
  }

  /** Where the rows are: the stream's topic, what was asked for, or what was at hand before. */
  private source(): Pick<TopicState, "rows" | "ids"> & { exact: boolean } {
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

  private remember(id: string): void {
    const row = this.row(id);
    if (row !== undefined) this.ghosts.set(id, row);
  }

  // -- following ------------------------------------------------------------------------------
  private follow(afterMs: number): void {
    const before = this.topic;
    const topic = isAsked(this.query) ? "" : this.served(listTopic(this.query));
    if (topic !== "" && topic === before && !this.polling && this.stream.state.topics.has(topic)) return;
    const held = this.source().rows;
    this.interim = new Map([...held.keys()].map((id) => [id, this.row(id)!]));
    this.topic = topic;
    if (before !== topic && before !== "") this.stream.unsubscribe(before);
    if (before === "" && topic !== "" && this.followed.size > this.starred.values.size) this.watch();
    this.counter.stop();
    this.answer = this.problem = this.told = null;
    this.loaded = false;
    // With a page over HTTP first: it needs no handshake, and the stream goes on from its version.
    this.asker.ask(this.question(), afterMs);
  }

  private question(): Question {
    const { path, rows } = wanted(this.query);
    if (this.polling || this.topic === "") return { path, rows, everyMs: ASK_EVERY_MS };
    return { path, rows: Math.min(FIRST_ROWS, rows), everyMs: null };
  }

  private served(topic: string): string {
    return this.unserved.has(topic.split(":")[0]!) ? wholeTopic(this.query) : topic;
  }

  private onAnswer(answer: Answer): void {
    this.answer = { ...answer, byId: new Map(answer.rows.map((row) => [row.id, row])) };
    this.told = answer.total;
    this.loaded = true;
    this.problem = null;
    this.interim = new Map();
    const nowMs = Date.now();
    for (const row of answer.rows) this.history.note(row, nowMs);
    if (this.topic === "") this.followFound();
    else this.begin(answer);
    this.reorder();
  }

  private onProblem(problem: Problem): void {
    this.problem = problem;
    // A question that is wrong has no rows; one that was not answered keeps those it had.
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
    this.stream.subscribe(this.topic);
    if (!this.polling) this.keepCounting();
  }

  /** Ask now and then how many tokens there are: a list's stream has only its own. */
  private keepCounting(): void {
    const { path } = wanted(this.query);
    this.counter.ask({ path, rows: 1, everyMs: COUNT_EVERY_MS }, COUNT_EVERY_MS);
  }

  /** Follow the rows found by their ids; those that left stay followed until the room is needed. */
  private followFound(): void {
    const found = [...this.answer!.byId.keys()];
    if (found.every((id) => this.followed.has(id))) return;
    const ids = new Set([...found, ...this.starred.values, ...this.followed]);
    this.followed = new Set([...ids].slice(0, WATCHED));
    this.stream.watchTokens([...this.followed]);
  }

  followToken(id: string): void {
    if (this.drawerTopic !== "") this.stream.unsubscribe(this.drawerTopic);
    this.drawerTopic = id === "" ? "" : `token:${id}`;
    if (id !== "") this.stream.subscribe(this.drawerTopic);
  }

  // -- the stream -----------------------------------------------------------------------------
  private onSnap(topic: string, state: TopicState): void {
    if (topic === this.topic) {
      if (!this.polling) this.asker.stop();
      if (!this.polling) this.problem = null;
      this.answer = null;
      this.interim = new Map();
      this.loaded = true;
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
    if (topic === this.topic) this.updates += changed.length;
    this.wantedCache = null;
    this.events.onChange();
  }

  private onStatus(status: Status): void {
    const there = status.phase === "live" || status.phase === "stale";
    if (there) {
      clearTimeout(this.patience);
      this.patience = undefined;
      this.poll(false);
    } else if (status.phase === "refused") this.poll(true);
    else this.patience ??= setTimeout(() => this.poll(true), PATIENCE_MS);
    this.events.onStatus(status);
  }

  /** Ask for the list again and again while there is no stream to follow it over. */
  private poll(polling: boolean): void {
    if (polling === this.polling) return;
    this.polling = polling;
    if (!polling && this.loaded) this.problem = null;
    this.counter.stop();
    if (polling || this.topic === "" || !this.loaded) this.asker.ask(this.question());
    else {
      this.asker.stop();
      this.keepCounting();
    }
    this.reorder();
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

/** Of two rows of one epoch the one that changed last. */
function newer(a: Row | undefined, b: Row | undefined): Row | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return (b.rv ?? 0) > (a.rv ?? 0) ? b : a;
}
