"""The hub: who listens to what, up to which version each is served, and what each is written next.

A connection's whole state here is a version (`sent_v`), a topic set and at most one group of frames
in flight. Nothing is queued for it: `serve` brings it to the present state as cheaply as its sink
allows, by shared frames when it is a few commits behind, by one folded diff per topic when more.

No clock, no loop, no sockets: the world is behind `MessageSink` and `World`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, Protocol

from msgspec import UNSET

from dexwire.stream.limits import HEARTBEAT_MS, SILENT_BEATS, WINDOW_MS
from dexwire.stream.messages import Beat, Err, Health, Start
from services.ws.core.alerts import AlertLog, Event
from services.ws.core.counts import GatewayCounts
from services.ws.core.frames import Parts, message
from services.ws.core.member import ClientPosition, Member, MessageSink
from services.ws.core.news import News
from services.ws.core.register import Full, Register
from services.ws.core.rooms import Room, TopicCommit, TopicSet
from services.ws.core.topics import Topic
from shared.edge.rates import Rates
from shared.state.replica import Change, Replica

STALE_MS: Final = SILENT_BEATS * HEARTBEAT_MS  # without a word from the aggregator
SWEEP: Final = 256  # connections that are served between two turns of the loop
# Commits whose shared frames are kept for connections that the sweep has not come to. A full
# window of 1,000 tokens is ten commits.
_RECENT: Final = 16


class World(Protocol):
    """What the hub asks of the world around it."""

    def now_ms(self) -> int:
        """Return Unix milliseconds."""

    def age_ms(self) -> int | None:
        """Return the milliseconds since the aggregator's last message; None: there was none."""

    def loaded(self) -> bool:
        """Return whether the replica is one exact state."""


class Hub:
    """All rooms and members of one gateway. A `Listener` of the feed, which owns the replica."""

    def __init__(self, replica: Replica, world: World, *, window_ms: int = WINDOW_MS) -> None:
        """`window_ms` is the aggregator's, as `hello` says it."""
        self.replica = replica
        self.world = world
        self.window_ms = window_ms
        self.alerts = AlertLog()
        self.counts = GatewayCounts()
        self.members: dict[Member, None] = {}
        self.rooms = Register(replica, self.alerts)
        self.snapshot_rates = Rates(0, 1)  # of all rows or a chain's, by client address; 0: any
        self._generation = 1
        self._recent: deque[TopicCommit] = deque(maxlen=_RECENT)

    # -- what the feed calls ----------------------------------------------------------------------
    def on_commit(self, change: Change) -> None:
        """Note what each room says of the commit; `sweep` sends it."""
        news = News(change)
        self.alerts.add(news.events)
        batch = TopicCommit(news)
        for room in self.rooms.concerned(news):
            body = room.view.diff(news, self.replica)
            if body:
                batch.add(room, body)
        if self._recent and self._recent[-1].v != batch.pv:
            self._recent.clear()
        self._recent.append(batch)

    def on_reset(self) -> None:
        """Every topic of every connection is due one snapshot, as soon as there is a state."""
        self._generation += 1
        self._recent.clear()
        self.alerts.begin(self.replica.version)
        self.rooms.restart()

    def on_history(self, events: Iterable[Event], floor: int) -> None:
        """The store holds these alerts: all of versions after `floor`, in order."""
        self.alerts.load(events, floor)

    @property
    def ready(self) -> bool:
        """Whether there is an exact and complete state to send."""
        return not self.replica.seeding and self.world.loaded() and self.alerts.known

    @property
    def status(self) -> Health:
        """What heartbeats say of this gateway's data."""
        if not self.ready:
            return "resync"
        age_ms = self.world.age_ms()
        return "stale" if age_ms is None or age_ms > STALE_MS else "live"

    # -- connections ------------------------------------------------------------------------------
    def enter(self, sink: MessageSink, address: str = "") -> Member:
        """Add a connection, without topics."""
        member = Member(sink, self.rooms.join(), address)
        self.members[member] = None
        return member

    def leave(self, member: Member) -> None:
        """Forget a connection; leaving twice is no error."""
        if member in self.members:
            del self.members[member]
            self._move(member, frozenset())
            member.waiting.clear()
            member.answers.clear()
            member.pending = None

    def subscribe(
        self, member: Member, wanted: Mapping[Topic, ClientPosition | None]
    ) -> dict[str, Start]:
        """Note topics to add; return how each will start. `serve` then writes them.

        A topic that the connection already has starts over. Raises Full.
        """
        self.serve(member)
        self.rooms.check_room_for(wanted, member.address)
        self._check_snapshots(member, wanted)
        if not member.topics.rooms:
            epochs = [cursor.epoch for cursor in wanted.values() if cursor is not None]
            member.epoch = epochs[-1] if epochs else member.epoch
        for topic, cursor in wanted.items():
            member.waiting[topic.name] = (topic, cursor)
            if topic.owner:  # an edited watchlist: from now on, what it was is sent no more
                self._drop(member, frozenset([topic.name]))
        if not self.ready or self.busy(member):
            return {topic.name: "wait" for topic in wanted}
        return {topic.name: self._how(topic, cursor) for topic, cursor in wanted.items()}

    def busy(self, member: Member) -> bool:
        """Return whether something older has to be written before anything new is."""
        return member.pending is not None or member.sink.paused

    def answer(self, member: Member, data: bytes) -> None:
        """Write an answer right before the snapshot that it speaks of, never within an older one.

        For a watchlist: only so does the client know which edit a snapshot shows.
        """
        if self.busy(member):
            member.answers.append(data)
        else:
            member.sink.write(data)

    def unsubscribe(self, member: Member, names: Iterable[str]) -> None:
        """Take topics away; ones that it does not have are no error."""
        dropped = frozenset(names)
        for name in dropped:
            member.waiting.pop(name, None)
        self._drop(member, dropped)

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
                if not member.waiting and not member.answers:
                    return
                self._admit(member)
            elif member.generation != self._generation:
                self._renew(member)
            elif member.sent_v != self.replica.version:
                if self._rests(member):
                    return
                self._advance(member)
            elif member.waiting or member.answers:
                self._admit(member)
            else:
                return

    def sweep(self) -> Iterator[None]:
        """Serve every connection, pausing after each SWEEP of them.

        Commits may come in between: a connection is served in the order of its versions wherever
        the sweep is, so the next sweep finds it where this one left it.
        """
        members = tuple(self.members)
        for start in range(0, len(members), SWEEP):
            self._serve_some(members[start : start + SWEEP])
            yield

    def _serve_some(self, members: Sequence[Member]) -> None:
        """Serve members, most of which are one commit behind and need nothing but its frames.

        For those it does what `serve` does, in a third of its time; many have the same topics.
        """
        version = self.replica.version if self.ready else -1
        batch = self._recent[-1] if self._recent and self._recent[-1].v == version else None
        topics: TopicSet | None = None
        frames: tuple[bytes, ...] = ()
        deflate, joined = False, 0
        for member in members:
            sink = member.sink
            if (
                batch is None
                or member.sent_v != batch.pv
                or member.generation != self._generation
                or not member.is_idle
            ):
                if member in self.members:
                    self.serve(member)
                continue
            if member.topics is not topics or sink.deflate is not deflate:
                topics, deflate = member.topics, sink.deflate
                frames, joined = batch.frames(topics, deflate=deflate)
            if len(frames) > 1:
                self.serve(member)
                continue
            member.sent_v = batch.v
            self.counts.joined += joined
            if frames:
                sink.write(frames[0])

    def beat(self) -> Iterator[None]:
        """Write the heartbeat to every connection that has been sent everything it names."""
        self.rooms.tidy(self.world.now_ms())
        heartbeats: dict[tuple[str, int], bytes] = {}
        for number, member in enumerate(tuple(self.members), start=1):
            if member in self.members and (member.topics.rooms or member.waiting):
                self.serve(member)
                if not member.sink.paused and member.pending is None:
                    at = (member.epoch, member.sent_v if member.topics.rooms else 0)
                    if at not in heartbeats:
                        heartbeats[at] = self._heartbeat(*at)
                    member.sink.write(heartbeats[at])
            if number % SWEEP == 0:
                yield

    def _check_snapshots(
        self, member: Member, wanted: Mapping[Topic, ClientPosition | None]
    ) -> None:
        """Count the large snapshots that topics begin with. Raises Full for an address with many.

        One of everything has megabytes, and a client may ask for it as often as it likes.
        """
        if not member.address:
            return
        now_s = self.world.now_ms() / 1000
        for topic, cursor in wanted.items():
            if topic.kind == "rows" and self._how(topic, cursor) == "snap":
                wait_s = self.snapshot_rates.wait_s(member.address, now_s)
                if wait_s:
                    after_s = math.ceil(wait_s)
                    raise Full(f"too many snapshots for one address; again in {after_s} s")

    # -- how a connection moves on ----------------------------------------------------------------
    def _how(self, topic: Topic, cursor: ClientPosition | None) -> Start:
        replica = self.replica
        if cursor is None or cursor.epoch != replica.epoch:
            return "snap"
        if cursor.version >= replica.version:
            return "live"
        return "diff" if cursor.version >= self.rooms.known_since(topic) else "snap"

    def _admit(self, member: Member) -> None:
        """Start the topics that wait; the connection is at the present version."""
        replica = self.replica
        group: list[Iterator[bytes]] = [iter(tuple(member.answers))]
        added = []
        for topic, cursor in member.waiting.values():
            try:
                how, room = self._how(topic, cursor), self.rooms.open(topic, member.address)
            except Full as full:
                refusal = Err(code=full.code, msg=str(full), retry=True, k=topic.name)
                group.append(iter((message(refusal),)))
                continue
            added.append(room)
            fold = room.fold(replica, cursor.version) if cursor and how == "diff" else None
            if fold is not None:
                self.counts.folds += 1
                group.append(self._frames(member, room, fold.parts))
            elif how != "live":
                group.append(self._snap(member, room))
        member.waiting.clear()
        member.answers.clear()
        # A topic that starts over takes its own place; an edited watchlist that of the old one.
        names = {room.name for room in added}
        kept = [room for room in member.topics.rooms if room.name not in names]
        self._move(member, frozenset(room.key for room in (*kept, *added)))
        member.epoch = replica.epoch
        member.pending = chain.from_iterable(group)

    def _renew(self, member: Member) -> None:
        """Write one snapshot of each topic: the state was reloaded.

        Of alerts, write what came since: those of this epoch are known beyond a load.
        """
        replica, rooms, since = self.replica, member.topics.rooms, member.sent_v
        group: list[Iterator[bytes]] = []
        goes_on = member.epoch == replica.epoch and since <= replica.version
        if goes_on and any(room.events for room in rooms):
            group.append(iter((self._heartbeat(member.epoch, since),)))
        for room in rooms:
            member.waiting.pop(room.name, None)
            fold = room.fold(replica, since) if room.events and goes_on else None
            group.append(
                self._snap(member, room) if fold is None else self._frames(member, room, fold.parts)
            )
        member.generation = self._generation
        member.epoch, member.sent_v = replica.epoch, replica.version
        member.pending = chain.from_iterable(group)

    def _rests(self, member: Member) -> bool:
        """Return whether the client limited its rate and is not due yet."""
        if not member.pause_ms or member.waiting or member.answers:
            return False
        return 0 <= self.world.now_ms() - member.reported_ms < member.pause_ms

    def _advance(self, member: Member) -> None:
        """Send the next commit by its shared frames, or all missed ones folded."""
        batch = self._next_batch(member.sent_v)
        if member.pause_ms:
            member.reported_ms = self.world.now_ms()
            if batch is not None and batch.v != self.replica.version:
                batch = None  # several at once
        if batch is not None:
            frames, joined = batch.frames(member.topics, deflate=member.sink.deflate)
            self.counts.joined += joined
            member.sent_v = batch.v
            if len(frames) == 1:
                member.sink.write(frames[0])
            elif frames:
                member.pending = iter(frames)
            return
        replica, since = self.replica, member.sent_v
        self.counts.folds += 1
        group: list[Iterator[bytes]] = []
        for room in member.topics.rooms:
            fold = room.fold(replica, since)
            if fold is None:
                group.append(self._snap(member, room))
            elif not fold.empty:
                group.append(self._frames(member, room, fold.parts))
        member.sent_v = replica.version
        if group:
            opening = (self._heartbeat(member.epoch, since),)
            member.pending = chain(opening, chain.from_iterable(group))

    @staticmethod
    def _frames(member: Member, room: Room, parts: Parts) -> Iterator[bytes]:
        return room.frames(parts, deflate=member.sink.deflate)

    def _snap(self, member: Member, room: Room) -> Iterator[bytes]:
        self.counts.snapshots += 1
        return self._frames(member, room, room.snap(self.replica))

    def _next_batch(self, version: int) -> TopicCommit | None:
        """Return the commit after a version, if its frames and all later ones are at hand."""
        recent = self._recent
        if not recent or version < recent[0].pv or recent[-1].v != self.replica.version:
            return None
        # Versions are contiguous, so the place is the distance.
        return recent[version - recent[0].pv]

    def _heartbeat(self, epoch: str, version: int) -> bytes:
        age_ms = self.world.age_ms()
        beat = Beat(
            e=epoch,
            v=version,
            ts=self.world.now_ms(),
            age_ms=UNSET if age_ms is None else age_ms,
            st=self.status,
        )
        return message(beat)

    def _drop(self, member: Member, names: frozenset[str]) -> None:
        kept = [room.key for room in member.topics.rooms if room.name not in names]
        self._move(member, frozenset(kept))

    def _move(self, member: Member, keys: frozenset[str]) -> None:
        member.topics = self.rooms.move(member.topics, keys, self.world.now_ms())
