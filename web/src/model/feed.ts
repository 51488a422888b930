/**
 * The one connection to the gateway, shared by every list on the page: topics that several lists
 * want are followed once, and every list that joined is notified.
 */
import { DiscoverStream, type Occurrence, type Status, type TopicState } from "../client";
import { ALERTS, WATCHLIST } from "../client/messages";
import { Followed } from "./followed";
import { Patience } from "./patience";
import type { KeptSet } from "./store";

export interface FeedEvents {
  onStatus(status: Status): void;
  onAlerts(events: Occurrence[]): void;
}

/** A list that is notified of topics. */
export interface FeedListener {
  onSnap(topic: string): void;
  onDiff(topic: string, state: TopicState, changed: string[]): void;
  onRefused(topics: string[]): void;
  /** Whether lists are to be polled, because there is no stream. */
  onPolling(polling: boolean): void;
}

export class Feed {
  readonly stream: DiscoverStream;
  readonly followed: Followed;
  /** Whether lists are polled because there is no stream. */
  polling = false;
  private readonly listeners = new Set<FeedListener>();
  private readonly wanted = new Map<string, number>(); // topic → lists that want it
  private tokenTopic = ""; // of the token whose details are open
  private readonly patience = new Patience((polling) => this.poll(polling));

  constructor(
    url: string,
    readonly starred: KeptSet,
    events: FeedEvents,
  ) {
    this.stream = new DiscoverStream(url, {
      onSnap: (topic) => this.listeners.forEach((each) => each.onSnap(topic)),
      onDiff: (topic, state, changed) => this.listeners.forEach((each) => each.onDiff(topic, state, changed)),
      onEvents: (_, alerts) => events.onAlerts(alerts),
      onStatus: (status) => {
        this.patience.take(status);
        events.onStatus(status);
      },
      onRefused: (topics) => this.listeners.forEach((each) => each.onRefused(topics)),
    });
    this.followed = new Followed(this.stream, starred);
  }

  open(): void {
    this.stream.open();
    this.stream.subscribe(ALERTS);
  }

  join(listener: FeedListener): void {
    this.listeners.add(listener);
  }

  subscribe(topic: string): void {
    this.wanted.set(topic, (this.wanted.get(topic) ?? 0) + 1);
    this.stream.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    const left = (this.wanted.get(topic) ?? 0) - 1;
    if (left > 0) this.wanted.set(topic, left);
    else if (this.wanted.delete(topic)) this.stream.unsubscribe(topic);
  }

  /** Follow one token beside all lists; "" is none. */
  followToken(id: string): void {
    if (this.tokenTopic !== "") this.unsubscribe(this.tokenTopic);
    this.tokenTopic = id === "" ? "" : `token:${id}`;
    if (id !== "") this.subscribe(this.tokenTopic);
  }

  /** The topics that hold single tokens, whatever list they are in. */
  get tokenTopics(): readonly string[] {
    return [WATCHLIST, this.tokenTopic];
  }

  private poll(polling: boolean): void {
    if (polling === this.polling) return;
    this.polling = polling;
    for (const listener of this.listeners) listener.onPolling(polling);
  }
}
