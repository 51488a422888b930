/** Puts the parts together: the address, the market, the table and the chrome's state. */
import type { Row } from "./client";
import { WATCHED } from "./client/messages";
import { Inbox } from "./chrome/inbox";
import { keptLooks, Looks } from "./chrome/looks";
import type { ChromeState, Panel, SheetOf } from "./chrome/state";
import { curl } from "./model/curl";
import { Feed } from "./model/feed";
import { NO_LINE } from "./model/history";
import { sourceLinks } from "./model/links";
import { Market } from "./model/market";
import { Presets, queryOf, type Preset } from "./model/presets";
import { DEFAULTS, formatQuery, isSearch, orderOf, parseQuery, usualSort, type Order, type Query } from "./model/query";
import { Server } from "./model/server";
import { KeptSet, Store } from "./model/store";
import { title } from "./model/title";
import { movedTo } from "./model/choice";
import type { Column } from "./table/columns";
import { TRENDING } from "./table/head";
import { Table } from "./table/table";

const AGES_EVERY_MS = 2_000; // how late a row leaves that became too old

export class App {
  readonly store: Store<ChromeState>;
  readonly looks: Looks;
  private readonly inbox: Inbox;
  private readonly presets = new Presets();
  readonly starred = new KeptSet("dexwire:starred", WATCHED);
  private feed: Feed | null = null;
  market: Market | null = null;
  private table: Table | null = null;
  selected = ""; // the row that the keys are about
  private sortBefore: Order = DEFAULTS.sort; // of a search, for when it is over
  private detail: Row | null = null;
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
      problem: null,
      polling: false,
      error: "",
      starredCount: this.starred.values.size,
      alerts: [],
      unread: 0,
      panel: "",
      sheet: "",
      presets: this.presets.all,
      toast: "",
      fitting: [],
      ...keptLooks(),
    });
    this.looks = new Looks(this.store);
    this.inbox = new Inbox(this.store, (id) => this.market?.row(id));
  }

  get state(): ChromeState {
    return this.store.value;
  }

  /** Find the gateway and begin; the page stays useful while that is not possible. */
  async start(): Promise<void> {
    addEventListener("popstate", () => this.show(parseQuery(location.search)));
    void this.server.watchHealth();
    const config = await this.server.configure();
    const url = new URL(config.ws_url, location.href.replace(/^http/, "ws")).href;
    this.store.set({ config, error: "" });
    this.feed = new Feed(url, this.starred, {
      onStatus: (status) => this.store.set({ status }),
      onAlerts: (events) => this.inbox.add(events),
    });
    this.market = new Market(this.feed, this.state.query, { onChange: () => this.changed() });
    this.market.start();
    this.feed.open();
    if (this.state.query.token !== "") this.feed.followToken(this.state.query.token);
    setInterval(() => this.market?.reorder(), AGES_EVERY_MS);
  }

  /** Give the table its place. */
  mount(root: HTMLElement): void {
    if (this.table !== null) return;
    this.table = new Table(
      root,
      {
        query: () => this.state.query,
        shown: () => this.market?.shown() ?? [],
        now: () => this.market?.now() ?? Date.now(),
        row: (id) => this.market?.row(id),
        isListed: (id) => this.market?.isListed(id) ?? false,
        isStarred: (id) => this.starred.values.has(id),
        sparkline: (id) => this.market?.history.sparkline(id, 84, 24) ?? NO_LINE,
        links: (row) => sourceLinks(this.state.config?.sources ?? [], row),
        selected: () => this.selected,
        open: () => this.state.query.token,
        choice: () => this.state.columns,
        hiddenChips: () => this.state.hiddenChips,
        isCompact: () => this.state.compact,
        images: () => this.images,
      },
      {
        onOpen: (id) => {
          this.selected = id;
          this.ask({ token: this.state.query.token === id ? "" : id });
        },
        onStar: (id) => this.star(id),
        onCopy: (id) => void this.copyAddress(id),
        onSort: (column) => this.sortBy(column),
        onHover: (resting) => this.rest(resting),
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

  /** Where images of tokens are, as an address of its own; null: there are none. */
  get images(): string | null {
    const base = this.state.config?.images_url ?? null;
    return base === null ? null : new URL(base, location.href).href;
  }

  // -- the query ------------------------------------------------------------------------------
  /** Show something else and say so in the address. */
  ask(news: Partial<Query>, how: "push" | "replace" = "push"): void {
    const query = { ...this.state.query, ...this.sortFor(news), ...news };
    const search = formatQuery(query);
    if (search !== location.search) {
      history[how === "push" ? "pushState" : "replaceState"](null, "", location.pathname + search);
    }
    this.show(query);
  }

  /** Words are looked up the best match first, until a column is clicked; then as it was before. */
  private sortFor(news: Partial<Query>): Partial<Query> {
    if (news.q === undefined || news.sort !== undefined) return {};
    const { q, sort } = this.state.query;
    if (isSearch(q) === isSearch(news.q)) return {};
    if (!isSearch(q)) {
      this.sortBefore = sort;
      return { sort: usualSort(news.q) };
    }
    return { sort: sort === "match" ? this.sortBefore : sort };
  }

  reset(): void {
    const { token } = this.state.query;
    this.ask({ ...DEFAULTS, token });
  }

  // -- presets --------------------------------------------------------------------------------
  showPreset(preset: Preset): void {
    this.ask(queryOf(preset, this.state.query));
    this.say(preset.name);
  }

  /** Show the preset of a key, from 1. */
  showNumber(number: number): void {
    const preset = this.state.presets[number - 1];
    if (preset !== undefined) this.showPreset(preset);
  }

  /** Keep the view under a name; return whether it could be. */
  savePreset(name: string): boolean {
    const saved = this.presets.save(name, this.state.query);
    this.say(saved ? `Saved as ${name.trim()}` : "There is no room for another preset");
    this.store.set({ presets: this.presets.all });
    return saved;
  }

  /** Return whether the name could be had. */
  renamePreset(preset: Preset, name: string): boolean {
    const renamed = this.presets.rename(preset, name);
    if (!renamed) this.say("That name is taken or empty");
    this.store.set({ presets: this.presets.all });
    return renamed;
  }

  removePreset(preset: Preset): void {
    this.presets.remove(preset);
    this.store.set({ presets: this.presets.all });
  }

  /** Copy the requests for what a query shows, as commands. */
  async copyCurl(query: Query): Promise<void> {
    await this.copy(curl(location.origin, query), "Copied as curl");
  }

  openSheet(sheet: SheetOf): void {
    this.store.set({ sheet });
  }

  closeSheet(): void {
    this.store.set({ sheet: "" });
  }

  private show(query: Query): void {
    const before = this.state.query;
    this.store.set({ query });
    if (formatQuery({ ...before, token: "" }) !== formatQuery({ ...query, token: "" })) {
      this.selected = "";
      this.store.set({ paused: false });
      this.market?.release();
      this.table?.renew();
    }
    this.market?.ask(query);
    if (query.token !== before.token) this.feed?.followToken(query.token);
    this.changed();
  }

  /** null: by rank, which is Trending. */
  private sortBy(column: Column | null): void {
    const query = this.state.query;
    if (column === null) {
      if (TRENDING !== undefined) this.ask({ sort: TRENDING, order: "desc" });
      return;
    }
    const sort = column.sort;
    if (sort === undefined) return;
    const same = sort.by === orderOf(query) && (sort.window === undefined || sort.window === query.window);
    const order = same && query.order === "desc" ? "asc" : "desc";
    this.ask({ sort: sort.by, window: sort.window ?? query.window, order });
  }

  // -- the order ------------------------------------------------------------------------------
  togglePause(): void {
    const paused = !this.state.paused;
    this.store.set({ paused });
    if (paused) this.market?.freeze();
    else this.market?.release();
    this.changed();
  }

  /** Let the rows go where they belong, also under a resting pointer. */
  settle(): void {
    this.store.set({ paused: false });
    this.market?.release();
    this.changed();
  }

  /** A pointer rests over the rows, or no longer does. */
  rest(resting: boolean): void {
    if (this.state.paused) return;
    if (resting) this.market?.freeze();
    else if (this.market?.isFrozen) this.market.release();
    this.changed();
  }

  /** The row of the token whose details are open, also when no stream or list has it. */
  openRow(): Row | undefined {
    const { token } = this.state.query;
    return this.market?.row(token) ?? (this.detail?.id === token ? this.detail : undefined);
  }

  /** What the server says of the open token, for when it is in no list. */
  learn(row: Row): void {
    this.detail = row;
    this.changed();
  }

  /** Something of the market changed: draw it, and count for the chrome twice a second. */
  private changed(): void {
    this.table?.invalidate();
    this.counting ||= window.setTimeout(
      () => {
        this.counting = 0;
        this.count();
      },
      this.state.shown === 0 || !this.state.loaded ? 0 : 250,
    );
  }

  private count(): void {
    document.title = title(this.openRow());
    const market = this.market;
    if (market === null) return;
    // Chips stay where they are once they are there, also when the list is narrowed to one.
    const chosen = this.state.query.chain === "" ? [] : [this.state.query.chain];
    const known = [...new Set([...this.state.chains, ...market.chains(), ...chosen])];
    this.store.set({
      shown: market.shown().length,
      total: market.total,
      loaded: market.loaded,
      frozen: market.isFrozen,
      moved: market.movedRows(),
      chains: known.join() === this.state.chains.join() ? this.state.chains : known,
      problem: market.problem,
      polling: market.polling,
    });
  }

  // -- rows -----------------------------------------------------------------------------------
  star(id: string): void {
    const added = this.starred.toggle(id);
    this.market?.watch();
    this.store.set({ starredCount: this.starred.values.size });
    const name = this.market?.row(id)?.token_ticker ?? "the token";
    this.say(added ? `${name} is on the watchlist` : `${name} is off the watchlist`);
    this.table?.invalidate();
  }

  async copyAddress(id: string): Promise<void> {
    const address = this.market?.row(id)?.token_address;
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
    const ids = this.market?.shown() ?? [];
    if (ids.length === 0) return;
    const at = ids.indexOf(this.selected);
    const next = Math.min(ids.length - 1, Math.max(0, at + (at < 0 && by < 0 ? 0 : by)));
    this.selected = ids[next]!;
    this.table?.reveal(next);
    this.table?.invalidate();
  }

  open(panel: Panel): void {
    const next = this.state.panel === panel ? "" : panel;
    this.store.set({ panel: next, ...(next === "alerts" ? { unread: 0 } : {}) });
  }

}
