"""The register of rooms: which are open, which of them a commit concerns, when they close.

A room closes with its last listener, but a list is kept a while longer: what entered it is known
only while it is kept, and a client that reconnects would need a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from dexwire.stream.limits import LISTS_PER_ADDRESS
from dexwire.stream.messages import ErrorCode
from dexwire.stream.topics import (
    ALL,
    LEVELS,
    NAMED,
    ONLY_NAMED,
    alerts_topic,
    chain_topic,
    token_topic,
)
from services.ws.core.alerts import AlertLog
from services.ws.core.news import News
from services.ws.core.rooms import Room, TopicSet
from services.ws.core.topics import Topic
from services.ws.core.views import view_of
from shared.state.replica import Replica

LISTS: Final = 512  # kept at a time; each costs some 50 us a commit
LINGER_MS: Final = 60_000  # how long a list is kept after its last listener


class Full(Exception):
    """No further list can be kept now."""

    code: ErrorCode = "busy"


class Register:
    """All rooms of one gateway by key, and the topic sets that connections share."""

    def __init__(self, replica: Replica, alerts: AlertLog) -> None:
        self._replica = replica
        self._alerts = alerts
        self._rooms: dict[str, Room] = {}
        self._lists: dict[str, Room] = {}  # the longest idle first, in the end
        self._watchlists: dict[str, set[Room]] = {}  # by token id
        self._nothing = TopicSet(frozenset(), ())
        self._sets: dict[frozenset[str], TopicSet] = {self._nothing.names: self._nothing}

    def __contains__(self, key: str) -> bool:
        return key in self._rooms

    def __getitem__(self, key: str) -> Room:
        return self._rooms[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    # -- what commits and loads do ----------------------------------------------------------------
    def concerned(self, news: News) -> Iterator[Room]:
        """Yield the rooms that a commit may concern."""
        ids, rooms = news.ids, self._rooms
        names = {ALL, *map(chain_topic, news.chains), *map(token_topic, ids)}
        names |= _alert_names(news)
        yield from (rooms[name] for name in names if name in rooms)
        yield from self._lists.values()
        watching = self._watchlists
        if watching:
            yield from {room for ident in ids if ident in watching for room in watching[ident]}

    def restart(self) -> None:
        """Start every room at the replica's state, which was reloaded."""
        for room in self._rooms.values():
            room.forget()
            room.pv = self._replica.version
            room.view.begin(self._replica)

    def tidy(self, now_ms: int) -> None:
        """Close lists that nobody has listened to for LINGER_MS."""
        for room in tuple(self._lists.values()):
            since = room.idle_ms
            if since is not None and not 0 <= now_ms - since < LINGER_MS:
                self._close(room)

    # -- rooms ------------------------------------------------------------------------------------
    def known_since(self, topic: Topic) -> int:
        """Return the oldest version from which a topic can be sent as a diff."""
        room = self._rooms.get(topic.key)
        if room is not None:
            return room.view.known_since(self._replica)
        if topic.kind == "list":  # its entries will be known from now on
            return self._replica.version
        return 0 if topic.kind == "alerts" else self._replica.horizon

    def check_room_for(self, topics: Iterable[Topic], address: str = "") -> None:
        """Raise Full when these topics need more lists than can be kept, or than an address has."""
        fresh = sum(topic.kind == "list" and topic.key not in self._lists for topic in topics)
        used = sum(room.users > 0 for room in self._lists.values()) if fresh else 0
        if fresh and used + fresh > LISTS:
            raise Full(f"{LISTS} different lists are kept already")
        if fresh and address:
            own = (room for room in self._lists.values() if room.opened_by == address)
            if sum(room.users > 0 for room in own) + fresh > LISTS_PER_ADDRESS:
                raise Full(f"one address may have {LISTS_PER_ADDRESS} different lists")

    def open(self, topic: Topic, address: str = "") -> Room:
        """Return a topic's room, opening it if it is new; `move` closes it after its last user.

        Raises Full.
        """
        room = self._rooms.get(topic.key)
        if room is not None:
            room.idle_ms = None
            return room
        if topic.kind == "list":
            self._make_place()
        room = self._rooms[topic.key] = Room(view_of(topic, self._alerts), self._replica.version)
        room.view.begin(self._replica)
        room.opened_by = address
        if topic.kind == "list":
            self._lists[room.key] = room
        for ident in topic.watched:
            self._watchlists.setdefault(ident, set()).add(room)
        return room

    def _make_place(self) -> None:
        if len(self._lists) < LISTS:
            return
        idle = [room for room in self._lists.values() if room.idle_ms is not None]
        if not idle:
            raise Full(f"{LISTS} different lists are kept already")
        self._close(min(idle, key=lambda room: room.idle_ms or 0))

    def _close(self, room: Room) -> None:
        del self._rooms[room.key]
        self._lists.pop(room.key, None)
        for ident in room.view.topic.watched:
            others = self._watchlists[ident]
            others.discard(room)
            if not others:
                del self._watchlists[ident]

    # -- topic sets -------------------------------------------------------------------------------
    def join(self) -> TopicSet:
        """Return the set without topics, for a new connection."""
        self._nothing.members += 1
        return self._nothing

    def move(self, old: TopicSet, keys: frozenset[str], now_ms: int) -> TopicSet:
        """Take a connection from one topic set to another; close what nobody uses any more."""
        new = self._sets.get(keys)
        if new is None:
            rooms = tuple(self._rooms[key] for key in sorted(keys))
            new = self._sets[keys] = TopicSet(keys, rooms)
            for room in rooms:
                room.users += 1
                room.idle_ms = None
        new.members += 1
        old.members -= 1
        if old.members == 0 and old is not self._nothing:
            del self._sets[old.names]
            for room in old.rooms:
                room.users -= 1
                if room.users == 0:
                    self._leave(room, now_ms)
        return new

    def _leave(self, room: Room, now_ms: int) -> None:
        if room.key in self._lists:
            room.idle_ms = now_ms
        else:
            self._close(room)


def _alert_names(news: News) -> set[str]:
    names: set[str] = set()
    for event in news.events:
        chain = event.ident.partition(":")[0]
        for of, ident in ((None, None), (chain, None), (None, event.ident)):
            if event.kind in NAMED:
                names.add(alerts_topic(chain=of, ident=ident, kind=event.kind))
            if event.kind not in ONLY_NAMED:
                levels = LEVELS[: event.level]
                names.update(alerts_topic(level, chain=of, ident=ident) for level in levels)
    return names
