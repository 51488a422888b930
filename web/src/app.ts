/** Puts the parts together: the address, the market, the table and the chrome's state. */
import type { Row } from "./client";
import { WATCHED } from "./client/messages";
import { Hold } from "./chrome/hold";
import { Inbox } from "./chrome/inbox";
import { keptLooks, Looks } from "./chrome/looks";
import { PresetActions } from "./chrome/presetactions";
import type { ChromeState, Panel, SheetOf } from "./chrome/state";
import { CardList } from "./board/cards";
import { Board, NO_COLUMN_STATES } from "./model/board";
import { COLUMN_WORDS, COLUMNS, type Column as BoardColumn, type ColumnKey } from "./model/columns";
import { Feed } from "./model/feed";
import { sourceLinks } from "./model/links";
import { Market, type WordField } from "./model/market";
import { isKept, pastQuery } from "./model/past";
import { PastList } from "./model/pastlist";
import { columnQuery, DEFAULTS, formatQuery, isSearch, orderOf, parseQuery, remembered, usualSort, type Order, type Query } from "./model/query";
import { Server } from "./model/server";
import { SparkLoader, type Looked } from "./model/sparkloader";
import { NO_LINE, Sparks, type Sparkline } from "./model/sparks";
import { KeptSet, Store } from "./model/store";
import { title } from "./model/title";
import { movedTo } from "./model/choice";
import type { Column } from "./table/columns";
import { Table } from "./table/table";

const AGES_EVERY_MS = 2_000; // how late a row leaves that became too old

export class App {
  readonly store: Store<ChromeState>;
  readonly looks: Looks;
  private readonly inbox: Inbox;
  readonly presets = new PresetActions(this);
  readonly hold = new Hold(this);
  readonly starred = new KeptSet("dexwire:starred", WATCHED);
  private feed: Feed | null = null;
  market: Market | null = null; // the list
  board: Board | null = null;
  readonly past = new PastList({ onChange: () => this.changed() }); // the list as it was
  private readonly sparks = new Sparks();
  private readonly sparkLoader = new SparkLoader(this.sparks, {
    lists: () => this.looked(),
    isKept: () => this.keepsHistory,
    onChange: () => this.changed(),
  });
  private cards: Partial<Record<ColumnKey, CardList>> = {};
  private table: Table | null = null;
  selected = ""; // the row that the keys are about
  // Of a search, for when it is over:
  private sortBefore: Order = DEFAULTS.sort;
  private viewBefore = DEFAULTS.view;
  private detail: Row | null = null;
  private goneMs: number | null = null; // when the open token was removed
  private counting = 0;
  private toastTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly server = new Server({
    onError: (error) => this.store.set({ error }),
    onHealth: (health) => this.store.set({ health }),
  });

  constructor() {
    this.store = new Store<ChromeState>({
      query: parseQuery(location.search),
      config: null,
      status: { phase: "connecting", ageMs: null, latencyMs: null, reason: "", retryAt: null },
      health: null,
      chains: [],
      shown: 0,
      total: null,
      loaded: false,
      paused: false,
      frozen: false,
      moved: 0,
      recordedMs: null,
      goneCount: 0,
      problem: null,
      polling: false,
      error: "",
      starredCount: this.starred.values.size,
      alerts: [],
      unread: 0,
      panel: "",
      sheet: "",
      column: "new",
      columnStates: NO_COLUMN_STATES,
      presets: this.presets.all,
      toast: "",
      fitting: [],
      ...keptLooks(),
    });
    this.looks = new Looks(this.store);
    this.inbox = new Inbox(this.store, (id) => this.row(id));
  }

  get state(): ChromeState {
    return this.store.value;
  }

  /** Find the gateway and begin; the page stays useful while that is not possible. */
  async start(): Promise<void> {
    addEventListener("popstate", () => this.show(remembered(parseQuery(location.search), this.state.query)));
    if (this.isPast) this.past.show(this.state.query); // it needs no stream
    void this.server.watchHealth();
    const config = await this.server.configure();
    const url = new URL(config.ws_url, location.href.replace(/^http/, "ws")).href;
    this.store.set({ config, error: "" });
    this.feed = new Feed(url, this.starred, {
      onStatus: (status) => this.store.set({ status }),
      onAlerts: (events) => this.inbox.add(events),
    });
    const events = { onChange: () => this.changed() };
    this.market = new Market(this.feed, this.state.query, events);
    this.board = new Board(this.feed, this.state.query, events);
    this.shownView?.start();
    this.feed.open();
    if (this.state.query.token !== "") this.feed.followToken(this.state.query.token);
    setInterval(() => this.shownView?.reorder(), AGES_EVERY_MS);
  }

  /** The live list or the board, whichever is shown; null before the start, and in the past. */
  private get shownView(): Market | Board | null {
    if (this.isPast) return null;
    return this.state.query.view === "board" ? this.board : this.market;
  }

  /** Whether the list is shown as it was at an earlier time. */
  get isPast(): boolean {
    return this.state.query.at !== null;
  }

  /** The list, live or as it was. */
  private get list(): Market | PastList | null {
    return this.isPast ? this.past : this.market;
  }

  /** Whether the server keeps a history that can be read; null while that is not known. */
  get keepsHistory(): boolean | null {
    const { health } = this.state;
    if (health === null) return null;
    return health.history !== undefined && health.history.state !== "off" && health.history.state !== "down";
  }

  /** Give the table its place. */
  mount(root: HTMLElement): void {
    if (this.table !== null) return;
    this.table = new Table(
      root,
      {
        query: () => (this.isPast ? pastQuery(this.state.query).shown : this.state.query),
        shown: () => this.list?.shown() ?? [],
        now: () => this.state.query.at ?? this.now(),
        row: (id) => this.list?.row(id),
        isListed: (id) => this.list?.isListed(id) ?? false,
        isStarred: (id) => this.starred.values.has(id),
        sparkline: (row) => this.sparkline(row),
        sparks: () => this.sparks.version,
        links: (row) => sourceLinks(this.state.config?.sources ?? [], row),
        selected: () => this.selected,
        open: () => this.state.query.token,
        choice: () => this.state.columns,
        hiddenChips: () => this.state.hiddenChips,
        isCompact: () => this.state.compact,
        images: () => this.images,
      },
      {
        onOpen: (id) => this.openToken(id),
        onStar: (id) => this.star(id),
        onCopy: (id) => void this.copyAddress(id),
        onSort: (column) => this.sortBy(column),
        onHover: (resting) => this.hold.rest(resting),
        onPlace: (key, target) => this.looks.setColumns(movedTo(this.state.columns, key, target)),
        onColumns: (fitting) => this.store.set({ fitting }),
      },
    );
    this.refitWhenChosen();
  }

  /** Draw the list again when other columns, chips or rows are chosen. */
  private refitWhenChosen(): void {
    const chosen = () => [this.state.columns, this.state.hiddenChips, this.state.compact];
    let before = chosen();
    this.store.listen(() => {
      const now = chosen();
      if (now.every((each, at) => each === before[at])) return;
      before = now;
      this.table?.refit();
    });
  }

  /** The server's clock (ms), as well as it is known here. */
  now(): number {
    return this.market?.now() ?? Date.now();
  }

  /** Where images of tokens are, as an address of its own; null: there are none. */
  get images(): string | null {
    const base = this.state.config?.images_url ?? null;
    return base === null ? null : new URL(base, location.href).href;
  }

  /** Give a column of the board its place; return what takes it away. */
  mountColumn(key: ColumnKey, root: HTMLElement): () => void {
    const list = () => this.board?.lists[key];
    this.cards[key] = new CardList(
      root,
      {
        label: COLUMN_WORDS[key],
        column: key,
        window: () => this.state.query.window,
        shown: () => list()?.shown() ?? [],
        now: () => this.now(),
        row: (id) => list()?.row(id),
        sparkline: (row) => this.sparkline(row),
        sparks: () => this.sparks.version,
        isListed: (id) => list()?.isListed(id) ?? false,
        isStarred: (id) => this.starred.values.has(id),
        selected: () => this.selected,
        open: () => this.state.query.token,
        hiddenChips: () => this.state.hiddenChips,
        images: () => this.images,
      },
      {
        onOpen: (id) => this.openToken(id),
        onStar: (id) => this.star(id),
        onCopy: (id) => void this.copyAddress(id),
        onHover: (resting) => this.hold.restColumn(key, resting),
      },
    );
    this.changed();
    return () => {
      this.cards[key]?.remove();
      delete this.cards[key];
    };
  }

  /** Open the details of a token, or close them when they are open. */
  private openToken(id: string): void {
    this.selected = id;
    this.ask({ token: this.state.query.token === id ? "" : id });
  }

  // -- the query ------------------------------------------------------------------------------
  /** Show something else and say so in the address. */
  ask(news: Partial<Query>, how: "push" | "replace" = "push"): void {
    const query = { ...this.state.query, ...this.sortFor(news), ...this.timeFor(news), ...news };
    const search = formatQuery(query);
    if (search !== location.search) {
      history[how === "push" ? "pushState" : "replaceState"](null, "", location.pathname + search);
    }
    this.show(query);
  }

  /** Words are looked up in the list, the best match first, until a column is clicked; then as it was before. */
  private sortFor(news: Partial<Query>): Partial<Query> {
    if (news.q === undefined || news.sort !== undefined) return {};
    const { q, sort, view } = this.state.query;
    if (isSearch(news.q)) {
      if (view === "board" || !isSearch(q)) this.viewBefore = view;
      if (isSearch(q)) return { view: "list" }; // what is found may be of no column
      this.sortBefore = sort;
      return { sort: usualSort(news.q), view: "list" };
    }
    if (!isSearch(q)) return {};
    return { sort: sort === "match" ? this.sortBefore : sort, view: view === "board" ? view : this.viewBefore };
  }

  /** The board and searches are of now. */
  private timeFor(news: Partial<Query>): Partial<Query> {
    if (!this.isPast || news.at !== undefined) return {};
    if (news.view !== "board" && !isSearch(news.q ?? "")) return {};
    this.say(news.view === "board" ? "The board is live" : "The search is live");
    return { at: null };
  }

  /** Show the list as it was at a time (ms); null: now, live. */
  showTime(at: number | null): void {
    if (at === this.state.query.at) return;
    const slides = this.isPast && at !== null;
    this.ask({ at, ...(at === null ? {} : { view: "list" }) }, slides ? "replace" : "push");
  }

  reset(): void {
    const { token, view } = this.state.query;
    this.ask({ ...DEFAULTS, view, token });
  }

  // -- panels ---------------------------------------------------------------------------------
  openSheet(sheet: SheetOf): void {
    if (this.isPast) this.say("Filters are of the live list");
    else this.store.set({ sheet });
  }

  closeSheet(): void {
    this.store.set({ sheet: "" });
  }

  /** Choose what a column of the board shows. */
  askColumn(key: ColumnKey, news: Partial<BoardColumn>): void {
    const { columns } = this.state.query;
    this.ask({ columns: { ...columns, [key]: { ...columns[key], ...news } } });
  }

  /** Choose the column that is shown where there is room for one, and that the keys are about. */
  showColumn(column: ColumnKey): void {
    this.store.set({ column });
  }

  private show(query: Query): void {
    const before = this.state.query;
    if (before.view !== query.view || (before.at === null) !== (query.at === null)) {
      this.shownView?.stop();
      this.past.leave();
    }
    this.store.set({ query });
    if (formatQuery({ ...before, token: "" }) !== formatQuery({ ...query, token: "" })) {
      this.selected = "";
      this.store.set({ paused: false });
      if (query.view === "list") this.market?.release();
      else this.board?.hold(false);
      this.table?.renew();
    }
    if (query.at !== null) this.past.show(query);
    else if (query.view === "list") this.market?.ask(query);
    else this.board?.ask(query);
    this.shownView?.start();
    if (query.token !== before.token) this.feed?.followToken(query.token);
    this.changed();
    this.countNow(); // the figures of the query before are of other rows
  }

  /** null: by rank, which is Trending. */
  private sortBy(column: Column | null): void {
    const query = this.isPast ? pastQuery(this.state.query).shown : this.state.query;
    const sort: Column["sort"] = column === null ? { by: "trending" } : column.sort;
    if (sort === undefined) return;
    if (this.isPast && !isKept(sort.by)) {
      this.say("This order is not kept for the past");
      return;
    }
    if (column === null) {
      this.ask({ sort: "trending", order: "desc" });
      return;
    }
    const same = sort.by === orderOf(query) && (sort.window === undefined || sort.window === query.window);
    const order = same && query.order === "desc" ? "asc" : "desc";
    this.ask({ sort: sort.by, window: sort.window ?? query.window, order });
  }

  // -- rows at hand --------------------------------------------------------------------------
  /** The newest row of an id, wherever it is held; one of the past only where there is no other. */
  row(id: string): Row | undefined {
    return this.liveRow(id) ?? this.past.row(id);
  }

  private liveRow(id: string): Row | undefined {
    return this.state.query.view === "board" ? this.board?.row(id) : this.market?.row(id);
  }

  /** The last 24 hours of a row; a list of the past has none. */
  private sparkline(row: Row): Sparkline {
    if (this.isPast) return NO_LINE;
    this.sparkLoader.look(row.id);
    return this.sparks.line(row.id, row.price);
  }

  /** The lists that are looked at, for their sparklines. */
  private looked(): Looked[] {
    const { market, board, state } = this;
    if (this.isPast || market === null || board === null) return [];
    if (state.query.view === "list") return [{ query: state.query, ids: market.shown() }];
    return COLUMNS.map((key) => ({ query: columnQuery(state.query, key), ids: board.lists[key].shown() }));
  }

  /** The row of the token whose details are open, also when no stream or list has it. */
  openRow(): Row | undefined {
    const { token } = this.state.query;
    return this.liveRow(token) ?? (this.detail?.id === token ? this.detail : undefined);
  }

  /** When the open token was removed (ms), null while it is listed. */
  get openGoneMs(): number | null {
    return this.detail?.id === this.state.query.token ? this.goneMs : null;
  }

  /** What the server says of the open token, for when it is in no list. `goneMs`: it was removed then. */
  learn(row: Row, goneMs: number | null): void {
    this.detail = row;
    this.goneMs = goneMs;
    this.changed();
  }

  /** Something of the market changed: draw it, and count for the chrome twice a second. */
  changed(): void {
    if (this.state.query.view === "list") this.table?.invalidate();
    else for (const cards of Object.values(this.cards)) cards.invalidate();
    this.counting ||= window.setTimeout(() => this.countNow(), this.isSettled ? 250 : 0);
  }

  private countNow(): void {
    clearTimeout(this.counting);
    this.counting = 0;
    this.count();
  }

  /** Whether what is shown is there: until then nothing waits. */
  private get isSettled(): boolean {
    const { query, shown, loaded, columnStates } = this.state;
    if (query.view === "list") return shown > 0 && loaded;
    return COLUMNS.every((key) => columnStates[key].loaded);
  }

  private count(): void {
    document.title = title(this.openRow());
    const { market, board, past } = this;
    if (this.isPast) {
      const { loaded, problem, total, recordedMs, goneCount } = past;
      const shown = past.shown().length;
      this.store.set({ chains: this.chains(), shown, total, loaded, problem, recordedMs, goneCount, frozen: false, moved: 0 });
      return;
    }
    if (market === null || board === null) return;
    this.store.set({ chains: this.chains(), polling: market.polling });
    if (this.state.query.view === "board") this.store.set({ columnStates: board.states() });
    else {
      this.store.set({
        shown: market.shown().length,
        total: market.total,
        loaded: market.loaded,
        frozen: market.isFrozen,
        moved: market.movedRows(),
        problem: market.problem,
      });
    }
  }

  /** Chains to choose from, those with the most tokens first; the chosen one is always among them. */
  private chains(): string[] {
    const { chains, health, query } = this.state;
    const counted = Object.keys(health?.chains ?? {});
    // Until the server has counted, those at hand: they stay where they are, also in a narrow list.
    const rest = counted.length > 0 ? [] : [...chains, ...this.words("chain")];
    const known = [...new Set([...counted, ...rest, ...(query.chain === "" ? [] : [query.chain])])];
    return known.join() === chains.join() ? chains : known;
  }

  /** Words to choose a filter's text from: those that rows at hand have. */
  words(field: WordField): string[] {
    return this.shownView?.words(field) ?? [];
  }

  // -- rows -----------------------------------------------------------------------------------
  star(id: string): void {
    const added = this.starred.toggle(id);
    this.market?.watch();
    this.board?.reorder();
    this.store.set({ starredCount: this.starred.values.size });
    const name = this.row(id)?.token_ticker ?? "the token";
    this.say(added ? `${name} is on the watchlist` : `${name} is off the watchlist`);
    this.changed();
  }

  async copyAddress(id: string): Promise<void> {
    const address = this.row(id)?.token_address;
    if (address === undefined) return;
    await this.copy(address, "Address copied");
  }

  async copy(text: string, message: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(message);
    } catch {
      this.say("This browser does not let the page copy");
    }
  }

  say(toast: string): void {
    clearTimeout(this.toastTimer);
    this.store.set({ toast });
    this.toastTimer = setTimeout(() => this.store.set({ toast: "" }), 2_000);
  }

  /** Select the next row, or the one before. */
  step(by: number): void {
    const isBoard = this.state.query.view === "board";
    const ids = (isBoard ? this.board?.lists[this.state.column] : this.list)?.shown() ?? [];
    if (ids.length === 0) return;
    const at = ids.indexOf(this.selected);
    const next = Math.min(ids.length - 1, Math.max(0, at + (at < 0 && by < 0 ? 0 : by)));
    this.selected = ids[next]!;
    const place = isBoard ? this.cards[this.state.column] : this.table;
    place?.reveal(next);
    place?.invalidate();
  }

  /** Go to the column beside, to a card of it. */
  stepColumn(by: number): void {
    const at = COLUMNS.indexOf(this.state.column) + by;
    const column = COLUMNS[Math.min(COLUMNS.length - 1, Math.max(0, at))]!;
    this.store.set({ column });
    this.selected = "";
    this.step(1);
  }

  open(panel: Panel): void {
    const next = this.state.panel === panel ? "" : panel;
    this.store.set({ panel: next, ...(next === "alerts" ? { unread: 0 } : {}) });
  }

}
