"""The hub: who listens to what, how far each has been told, and what each is written next.

A connection's whole state here is a version (`sent_v`), a topic set and at most one group of frames
in flight. Nothing is queued for it: `serve` brings it to the present state as cheaply as its sink
allows, by shared frames when it is a few commits behind, by one folded diff per topic when more.

No clock, no loop, no sockets: the world is behind `Sink` and `World`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal, Protocol

from services.ws.core.frames import Parts, message
from services.ws.core.rooms import Batch, Room, TopicSet
from services.ws.core.topics import ALL, Topic, chain_topic, token_topic
from services.ws.core.views import view_of
from shared.replica import Change, Replica

STALE_MS: Final = 3_000  # three heartbeats without a word from the aggregator
SWEEP: Final = 256  # connections that are served between two turns of the loop
# Commits whose shared frames are kept for connections that the sweep has not come to. A full
# window of 1,000 tokens is ten commits.
_RECENT: Final = 16

How = Literal["snap", "diff", "live", "wait"]


class Sink(Protocol):
    """One connection's way out."""

    @property
    def paused(self) -> bool:
        """Whether so much is unsent that nothing more may be written."""

    def write(self, data: bytes) -> None:
        """Write finished frames."""


class World(Protocol):
    """What the hub asks of the world around it."""

    def now_ms(self) -> int:
        """Return Unix milliseconds."""

    def age_ms(self) -> int:
        """Return the milliseconds since the aggregator was last heard."""

    def loaded(self) -> bool:
        """Return whether the replica is one exact state."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The state that a client says it holds of a topic."""

    epoch: str
    version: int


class Member:
    """One connection."""

    __slots__ = ("epoch", "generation", "pending", "sent_v", "sink", "topics", "waiting")

    def __init__(self, sink: Sink, topics: TopicSet) -> None:
        self.sink = sink
        self.topics = topics
        self.epoch = ""  # the epoch that the client believes in
        self.sent_v = 0  # all its topics have been written through this version
        self.generation = 0  # of the load that it was written from
        self.waiting: dict[str, tuple[Topic, Cursor | None]] = {}  # asked for, not yet written
        self.pending: Iterator[bytes] | None = None  # the group in flight


class Hub:
    """All rooms and members of one gateway. A `Listener` of the feed, which owns the replica."""

    def __init__(self, replica: Replica, world: World) -> None:
        self.replica = replica
        self.world = world
        self.members: dict[Member, None] = {}
        self.rooms: dict[str, Room] = {}
        self._generation = 1
        self._recent: deque[Batch] = deque(maxlen=_RECENT)
        self._nothing = TopicSet(frozenset(), ())
        self._sets: dict[frozenset[str], TopicSet] = {self._nothing.names: self._nothing}

    # -- what the feed tells ----------------------------------------------------------------------
    def on_commit(self, change: Change) -> None:
        """Note what each room says of the commit; `sweep` tells it."""
        batch = Batch(change)
        for room in self._rooms_of(change):
            body = room.view.diff(change, self.replica)
            if body:
                batch.add(room, body)
        if self._recent and self._recent[-1].v != batch.pv:
            self._recent.clear()
        self._recent.append(batch)

    def on_reset(self) -> None:
        """Every topic of every connection is due one snapshot, as soon as there is a state."""
        self._generation += 1
        self._recent.clear()
        for room in self.rooms.values():
            room.forget()
            room.pv = self.replica.version

    @property
    def ready(self) -> bool:
        """Whether there is an exact and complete state to tell."""
        return not self.replica.seeding and self.world.loaded()

    @property
    def status(self) -> Literal["live", "stale", "resync"]:
        """What heartbeats say of this gateway's data."""
        if not self.ready:
            return "resync"
        return "stale" if self.world.age_ms() > STALE_MS else "live"

    # -- connections ------------------------------------------------------------------------------
    def enter(self, sink: Sink) -> Member:
        """Add a connection, without topics."""
        member = Member(sink, self._nothing)
        self._nothing.members += 1
        self.members[member] = None
        return member

    def leave(self, member: Member) -> None:
        """Forget a connection; leaving twice is no error."""
        if member in self.members:
            del self.members[member]
            self._move(member, frozenset())
            member.waiting.clear()
            member.pending = None

    def subscribe(self, member: Member, wanted: Mapping[Topic, Cursor | None]) -> dict[str, How]:
        """Note topics to add; return how each will start. `serve` then writes them.

        A topic that the connection already has starts anew.
        """
        self.serve(member)
        for topic, cursor in wanted.items():
            member.waiting[topic.name] = (topic, cursor)
        if not member.topics.rooms:
            epochs = [cursor.epoch for cursor in wanted.values() if cursor is not None]
            member.epoch = epochs[-1] if epochs else member.epoch
        if not self.ready or member.pending is not None or member.sink.paused:
            return {topic.name: "wait" for topic in wanted}
        return {topic.name: self._how(cursor) for topic, cursor in wanted.items()}

    def unsubscribe(self, member: Member, names: Iterable[str]) -> None:
        """Take topics away; ones that it does not have are no error."""
        dropped = frozenset(names)
        for name in dropped:
            member.waiting.pop(name, None)
        self._move(member, member.topics.names - dropped)

    def serve(self, member: Member) -> None:
        """Bring a connection to the present state, as far as its sink allows."""
        sink = member.sink
        while not sink.paused:
            if member.pending is not None:
                frame = next(member.pending, None)
                if frame is None:
                    member.pending = None
                else:
                    sink.write(frame)
            elif not self.ready:
                return
            elif not member.topics.rooms:
                member.sent_v, member.generation = self.replica.version, self._generation
                if not member.waiting:
                    return
                self._admit(member)
            elif member.generation != self._generation:
                self._renew(member)
            elif member.sent_v != self.replica.version:
                self._advance(member)
            elif member.waiting:
                self._admit(member)
            else:
                return

    def sweep(self) -> Iterator[None]:
        """Serve every connection, pausing after each SWEEP of them.

        Commits may come in between: a connection is served in the order of its versions wherever
        the sweep is, so the next sweep finds it where this one left it.
        """
        for number, member in enumerate(tuple(self.members), start=1):
            if member in self.members:
                self.serve(member)
            if number % SWEEP == 0:
                yield

    def beat(self) -> Iterator[None]:
        """Write the heartbeat to every connection that has been told everything it names."""
        said: dict[tuple[str, int], bytes] = {}
        for number, member in enumerate(tuple(self.members), start=1):
            if member in self.members and (member.topics.rooms or member.waiting):
                self.serve(member)
                if not member.sink.paused and member.pending is None:
                    at = (member.epoch, member.sent_v if member.topics.rooms else 0)
                    if at not in said:
                        said[at] = self._heartbeat(*at)
                    member.sink.write(said[at])
            if number % SWEEP == 0:
                yield

    # -- how a connection moves on ----------------------------------------------------------------
    def _how(self, cursor: Cursor | None) -> How:
        replica = self.replica
        if cursor is None or cursor.epoch != replica.epoch:
            return "snap"
        if cursor.version >= replica.version:
            return "live"
        return "snap" if cursor.version < replica.horizon else "diff"

    def _admit(self, member: Member) -> None:
        """Start the topics that wait; the connection is at the present version."""
        replica = self.replica
        group: list[Parts] = []
        added = []
        for topic, cursor in member.waiting.values():
            room = self._room(topic)
            added.append(room.name)
            how = self._how(cursor)
            fold = room.fold(replica, cursor.version) if cursor and how == "diff" else None
            if fold is not None:
                group.append(fold.parts)
            elif how != "live":
                group.append(room.snap(replica))
        member.waiting.clear()
        self._move(member, member.topics.names.union(added))
        member.epoch = replica.epoch
        member.pending = chain.from_iterable(group)

    def _renew(self, member: Member) -> None:
        """Write one snapshot of each topic: the state was loaded anew."""
        rooms = member.topics.rooms
        for room in rooms:
            member.waiting.pop(room.name, None)
        member.generation = self._generation
        member.epoch, member.sent_v = self.replica.epoch, self.replica.version
        member.pending = chain.from_iterable([room.snap(self.replica) for room in rooms])

    def _advance(self, member: Member) -> None:
        """Tell the next commit by its shared frames, or all missed ones folded."""
        batch = self._next_batch(member.sent_v)
        if batch is not None:
            frames = batch.frames(member.topics)
            member.sent_v = batch.v
            if len(frames) == 1:
                member.sink.write(frames[0])
            elif frames:
                member.pending = iter(frames)
            return
        replica, since = self.replica, member.sent_v
        opening = (self._heartbeat(member.epoch, since),)
        group: list[Parts] = []
        for room in member.topics.rooms:
            fold = room.fold(replica, since)
            if fold is None:
                group.append(room.snap(replica))
            elif not fold.empty:
                group.append(fold.parts)
        member.sent_v = replica.version
        if group:
            member.pending = chain(opening, chain.from_iterable(group))

    def _next_batch(self, version: int) -> Batch | None:
        """Return the commit after a version, if its frames and all later ones are at hand."""
        recent = self._recent
        if not recent or version < recent[0].pv or recent[-1].v != self.replica.version:
            return None
        # Versions are contiguous, so the place is the distance.
        return recent[version - recent[0].pv]

    def _heartbeat(self, epoch: str, version: int) -> bytes:
        return message(
            "hb",
            e=epoch,
            v=version,
            ts=self.world.now_ms(),
            age_ms=self.world.age_ms(),
            st=self.status,
        )

    # -- rooms ------------------------------------------------------------------------------------
    def _rooms_of(self, change: Change) -> Iterator[Room]:
        """Yield the rooms that a commit may concern."""
        ids = [ident for ident, _ in chain(change.sets, change.adds)]
        ids += change.dels
        names = [ALL.name]
        names += {chain_topic(ident.partition(":")[0]).name for ident in ids}
        names += {token_topic(ident).name for ident in ids}
        return (self.rooms[name] for name in names if name in self.rooms)

    def _room(self, topic: Topic) -> Room:
        """Return a topic's room, opening it if it is new; `_move` closes it after its last user."""
        room = self.rooms.get(topic.name)
        if room is None:
            room = self.rooms[topic.name] = Room(view_of(topic), self.replica.version)
        return room

    def _move(self, member: Member, names: frozenset[str]) -> None:
        """Give a connection another topic set; close sets and rooms that nobody uses any more."""
        old = member.topics
        new = self._sets.get(names)
        if new is None:
            rooms = tuple(self.rooms[name] for name in sorted(names))
            new = self._sets[names] = TopicSet(names, rooms)
            for room in rooms:
                room.users += 1
        new.members += 1
        old.members -= 1
        member.topics = new
        if old.members == 0 and old is not self._nothing:
            del self._sets[old.names]
            for room in old.rooms:
                room.users -= 1
                if room.users == 0:
                    del self.rooms[room.name]
