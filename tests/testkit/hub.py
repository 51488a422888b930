"""A hub in the test's hands: its replica, its clock and its readers move as the test says."""

from __future__ import annotations

import json
import zlib
from collections import deque
from dataclasses import dataclass
from typing import Any

from services.ws.core.alerts import event
from services.ws.core.hub import Hub
from services.ws.core.member import ClientPosition, Member
from services.ws.core.topics import parse_topic
from shared.state.messages import Commit
from shared.state.replica import Replica
from tests.testkit.commits import Ledger


def unframe(data: bytes) -> list[dict[str, Any]]:
    """Decode unmasked text frames that lie end to end."""
    frames, at = [], 0
    while at < len(data):
        assert data[at] in {0x81, 0xC1}, "one unfragmented text frame"
        size, start = data[at + 1], at + 2
        if size == 126:
            size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        elif size == 127:
            size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
        payload = data[start : start + size]
        if data[at] == 0xC1:
            payload = zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + b"\x00\x00\xff\xff")
        frames.append(json.loads(payload))
        at = start + size
    return frames


class FakeSink:
    """A way out whose other end the test moves: `room` bytes fit, then it is paused."""

    def __init__(self, room: int = 1 << 30, *, deflate: bool = False) -> None:
        self.room = room
        self.deflate = deflate
        self.unsent: deque[bytes] = deque()
        self.held = 0
        self.most_held = 0

    @property
    def paused(self) -> bool:
        return self.held > self.room

    def write(self, data: bytes) -> None:
        # An answer may follow what its own question has filled the buffer with.
        assert not self.paused or b'{"t":"ok"' in data[:16], "written although paused"
        self.unsent.append(data)
        self.held += len(data)
        self.most_held = max(self.most_held, self.held)

    def drain(self, writes: int = 1 << 30) -> list[dict[str, Any]]:
        """Take so many writes off; return their frames."""
        frames = []
        for _ in range(min(writes, len(self.unsent))):
            data = self.unsent.popleft()
            self.held -= len(data)
            frames += unframe(data)
        return frames


@dataclass
class FakeWorld:
    """A world that stands still until the test moves it."""

    now: int = 1_790_000_000_000
    age: int | None = 0
    is_loaded: bool = True

    def now_ms(self) -> int:
        return self.now

    def age_ms(self) -> int | None:
        return self.age

    def loaded(self) -> bool:
        return self.is_loaded


class FakeGateway:
    """A hub on a replica that the test moves along a ledger, at the pace it likes."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.world = FakeWorld()
        self.replica = Replica()
        self.hub = Hub(self.replica, self.world)
        self.load()

    def load(self) -> None:
        """Become the ledger's present state, as a reload does."""
        ledger, replica = self.ledger, self.replica
        replica.reset(ledger.epoch)
        for ident, fields in ledger.fields.items():
            replica.load_row(ident, fields)
        replica.version, replica.seeding = ledger.version, ledger.seeding
        replica.committed_ms = 1_790_000_000_000
        replica.gone = {i: v for i, v in ledger.gone.items() if v > ledger.horizon}
        replica.horizon = ledger.horizon
        self.world.is_loaded = True
        self.hub.on_reset()
        kept = [found for v, raw in ledger.alerts if (found := event(v, raw)) is not None]
        self.hub.on_history([e for e in kept if e.v > ledger.alerts_floor], ledger.alerts_floor)

    def apply(self, commit: Commit) -> None:
        """Follow by one commit; the first of an epoch starts it."""
        if commit.e != self.replica.epoch:
            assert commit.pv == 0
            self.replica.reset(commit.e)
            self.hub.on_reset()
        self.hub.on_commit(self.replica.apply(commit))

    def sweep(self) -> None:
        for _ in self.hub.sweep():
            pass

    def follow(self, commit: Commit) -> None:
        """Follow by one commit and send it to everyone."""
        self.apply(commit)
        self.sweep()

    def beat(self) -> None:
        for _ in self.hub.beat():
            pass


def enter(
    gateway: FakeGateway,
    *names: str,
    since: tuple[str, int] | None = None,
    room: int = 1 << 30,
    address: str = "",
) -> tuple[Member, FakeSink]:
    """Connect and subscribe; frames written so far stay in the sink."""
    sink = FakeSink(room)
    member = gateway.hub.enter(sink, address)
    cursor = None if since is None else ClientPosition(*since)
    gateway.hub.subscribe(member, {parse_topic(name): cursor for name in names})
    gateway.hub.serve(member)
    return member, sink
