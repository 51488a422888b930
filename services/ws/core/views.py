"""What a topic shows: its part of a commit, of everything since a version, of the whole state.

A view is all that a new kind of topic adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from dexwire.stream.topics import ONLY_NAMED
from services.ws.core.alerts import AlertLog, Event
from services.ws.core.frames import NOTHING, Body, quote
from services.ws.core.news import News
from services.ws.core.topics import ListRanking, Topic
from shared.state.replica import Replica


class TopicView(Protocol):
    """One topic's window on the replica."""

    @property
    def topic(self) -> Topic:
        """The topic it shows."""

    def begin(self, replica: Replica) -> None:
        """Start at the replica's state: the topic is new here, or the state was reloaded."""

    def known_since(self, replica: Replica) -> int:
        """Return the oldest version from which `fold` can start."""

    def diff(self, news: News, replica: Replica) -> Body:
        """Return what the commit that was just applied says about this topic."""

    def fold(self, replica: Replica, since: int) -> Body:
        """Return what changed after version `since`, as whole rows."""

    def snap(self, replica: Replica) -> Body:
        """Return the whole topic."""


class _Stateless:
    """A view that needs to know nothing but the replica."""

    __slots__ = ()

    def begin(self, _replica: Replica) -> None:
        """Start; there is nothing to remember."""

    def known_since(self, replica: Replica) -> int:
        """Return the removal horizon."""
        return replica.horizon


@dataclass(frozen=True, slots=True)
class RowsView(_Stateless):
    """Everything, or one chain: rows in no order."""

    topic: Topic

    def diff(self, news: News, _replica: Replica) -> Body:
        """Pick this topic's entries of a commit."""
        change = news.change
        if self.topic.chain is None:
            return Body(
                tuple(raw for _, raw in change.sets),
                tuple(raw for _, raw in change.adds),
                tuple(quote(ident) for ident in change.dels),
            )
        own = f"{self.topic.chain}:"
        return Body(
            tuple(raw for ident, raw in change.sets if ident.startswith(own)),
            tuple(raw for ident, raw in change.adds if ident.startswith(own)),
            tuple(quote(ident) for ident in change.dels if ident.startswith(own)),
        )

    def fold(self, replica: Replica, since: int) -> Body:
        """Return rows with `rv` after `since` and removals after it."""
        rows, chain = replica.rows, self.topic.chain
        changed = replica.orders.changed_since(since, chain)
        own = "" if chain is None else f"{chain}:"
        gone = [i for i, v in replica.gone.items() if v > since and i.startswith(own)]
        return Body(add=tuple(rows[i] for i in changed), gone=tuple(quote(i) for i in gone))

    def snap(self, replica: Replica) -> Body:
        """Return all rows of the topic."""
        if self.topic.chain is None:
            return Body(add=tuple(replica.rows.values()))
        own = f"{self.topic.chain}:"
        return Body(add=tuple(row for i, row in replica.rows.items() if i.startswith(own)))


@dataclass(frozen=True, slots=True)
class IdsView(_Stateless):
    """Named tokens, which need not exist (yet, or any more): one of them, or a watchlist."""

    topic: Topic
    idents: frozenset[str]

    def diff(self, news: News, _replica: Replica) -> Body:
        """Pick these tokens' entries of a commit."""
        touched = self.idents & news.ids
        if not touched:
            return NOTHING
        sets, adds, dels = news.sets, news.adds, news.change.dels
        return Body(
            tuple([sets[i] for i in touched if i in sets]),
            tuple([adds[i] for i in touched if i in adds]),
            tuple([quote(i) for i in dels if i in touched]) if dels else (),
        )

    def fold(self, replica: Replica, since: int) -> Body:
        """Return the rows, or removals, that are newer than `since`."""
        here = [i for i in self.idents if i in replica.rows]
        gone = [i for i in self.idents if replica.gone.get(i, 0) > since]
        return Body(add=_newer(replica, here, since), gone=tuple(quote(i) for i in gone))

    def snap(self, replica: Replica) -> Body:
        """Return those rows that are there."""
        return Body(add=tuple(replica.rows[i] for i in self.idents if i in replica.rows))


class ListView:
    """The first so many ids of an order, and since when each of them has been among them."""

    __slots__ = ("_entered", "_ids", "_kept_v", "_ordered_v", "_ranking", "topic")

    def __init__(self, topic: Topic, ranking: ListRanking) -> None:
        self.topic = topic
        self._ranking = ranking
        self._ids: list[str] = []
        self._entered: dict[str, int] = {}  # member → version at which it entered; 0: before us
        self._ordered_v = 0  # version of the last change of `_ids`
        self._kept_v = 0  # entries are known after this version

    def begin(self, replica: Replica) -> None:
        """Keep the list from this version on."""
        self._ids = self._top(replica)
        self._entered = dict.fromkeys(self._ids, 0)
        self._ordered_v = self._kept_v = replica.version

    def known_since(self, _replica: Replica) -> int:
        """Return the version at which the list began to be kept: leaving needs no horizon."""
        return self._kept_v

    def diff(self, news: News, replica: Replica) -> Body:
        """Follow the commit: the order if it is another one, entrants, changes of members."""
        ranking, before = self._ranking, self._entered
        moved = False
        if news.touches(ranking.metric, ranking.chain):
            ids = self._top(replica)
            moved = ids != self._ids
            if moved:
                self._ids, self._ordered_v = ids, news.v
                self._entered = {i: before.get(i, news.v) for i in ids}
        entered = self._entered
        touched = entered.keys() & news.changed
        sets = tuple(news.sets[i] for i in touched if i in before and i in news.sets)
        adds = [i for i in touched if i in before and i in news.adds]
        if moved:
            adds += [i for i in self._ids if i not in before]
        rows = replica.rows
        return Body(sets, tuple(rows[i] for i in adds), ids=self._order() if moved else None)

    def fold(self, replica: Replica, since: int) -> Body:
        """Return members that changed or entered after `since`, and the order if it did."""
        late = [i for i, v in self._entered.items() if v > since]
        others = [i for i, v in self._entered.items() if v <= since]
        rows = tuple(replica.rows[i] for i in late) + _newer(replica, others, since)
        return Body(add=rows, ids=self._order() if self._ordered_v > since else None)

    def snap(self, replica: Replica) -> Body:
        """Return the members in order."""
        return Body(add=tuple(replica.rows[i] for i in self._ids), ids=self._order())

    def _top(self, replica: Replica) -> list[str]:
        ranking = self._ranking
        top = replica.orders.top(ranking.metric, ranking.chain, descending=ranking.descending)
        return top[: ranking.count]

    def _order(self) -> tuple[bytes, ...]:
        return tuple(quote(ident) for ident in self._ids)


class AlertsView:
    """Alerts of a least level: of all tokens, of a chain, of one token. There are no rows."""

    __slots__ = ("_log", "topic")

    def __init__(self, topic: Topic, log: AlertLog) -> None:
        self.topic = topic
        self._log = log

    def begin(self, _replica: Replica) -> None:
        """Start; the hub keeps the log."""

    def known_since(self, _replica: Replica) -> int:
        """Every version: what the log no longer holds is reported as lost."""
        return 0

    def diff(self, news: News, _replica: Replica) -> Body:
        """Pick this topic's alerts of a commit."""
        return Body(events=self._pick(news.events))

    def fold(self, _replica: Replica, since: int) -> Body:
        """Return the alerts after `since`, and up to where they are lost."""
        lost = self._log.floor if since < self._log.floor else None
        return Body(events=self._pick(self._log.after(since)), lost_to=lost)

    def snap(self, _replica: Replica) -> Body:
        """Return nothing: alerts are sent from here on."""
        return Body()

    def _pick(self, events: Iterable[Event]) -> tuple[bytes, ...]:
        topic = self.topic
        own = "" if topic.chain is None else f"{topic.chain}:"
        return tuple(
            event.raw
            for event in events
            if _carries(topic, event)
            and event.ident.startswith(own)
            and (topic.token_id is None or event.ident == topic.token_id)
        )


def _carries(topic: Topic, event: Event) -> bool:
    if topic.event:
        return event.kind == topic.event
    return event.kind not in ONLY_NAMED and event.level >= topic.level


def view_of(topic: Topic, alerts: AlertLog) -> TopicView:
    """Return the view that serves a topic."""
    match topic.kind:
        case "alerts":
            return AlertsView(topic, alerts)
        case "tokens":
            return IdsView(topic, frozenset(topic.watched))
    if topic.ranking is not None:
        return ListView(topic, topic.ranking)
    if topic.token_id is not None:
        return IdsView(topic, frozenset([topic.token_id]))
    return RowsView(topic)


def _newer(replica: Replica, idents: Iterable[str], since: int) -> tuple[bytes, ...]:
    rows, row_version = replica.rows, replica.orders.row_version
    return tuple(rows[i] for i in idents if row_version(i) > since)
