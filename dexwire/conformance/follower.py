"""A strict follower: one connection, the states of its topics at each version, what was wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dexwire.client.connection import MESSAGE_MAX
from dexwire.client.errors import Malformed
from dexwire.client.events import Diff, Gap, Snapshot
from dexwire.client.frames import decode, encode
from dexwire.client.proxies import is_here
from dexwire.client.rule import Rule
from dexwire.client.table import Table
from dexwire.stream.messages import SUBPROTOCOL, Beat, Err, Frame, Hello, Ok, Request, Sub
from dexwire.stream.rows import Row

HISTORY: Final = 300  # versions of each topic that are kept; a minute at full speed
State = tuple[str, dict[str, Row], tuple[str, ...] | None]


class Follower:
    """What one connection received. Every departure from the protocol is a complaint."""

    def __init__(self) -> None:
        self.rule = Rule()
        self.hello: Hello | None = None
        self.frames = 0
        self.diffs = 0
        self.beats: list[float] = []
        self.complaints: list[str] = []
        self.answers: dict[int | str, Ok | Err] = {}
        self.snaps: dict[str, int] = {}
        self._tables: dict[str, Table] = {}
        self._history: dict[str, OrderedDict[int, State]] = {}
        self._news = asyncio.Event()

    def heir(self) -> Follower:
        """Return a follower that holds what this one holds and has seen nothing yet."""
        heir = Follower()
        heir.rule.epoch, heir.rule.versions = self.rule.epoch, dict(self.rule.versions)
        heir._tables, heir._history = self._tables, self._history
        return heir

    def state(self, topic: str, epoch: str, version: int) -> State | None:
        """Return a topic as it was at exactly this state, None when that is not known."""
        if epoch != self.rule.epoch or self.rule.versions.get(topic, -1) < version:
            return None
        known = [v for v in self._history.get(topic, ()) if v <= version]
        return self._history[topic][max(known)] if known else None

    def newest(self, topic: str) -> State | None:
        """Return a topic as it was received last, None before its first snapshot."""
        history = self._history.get(topic)
        return history[max(history)] if history else None

    async def until(self, topic: str, version: int, within_s: float) -> bool:
        """Wait until a topic has been received through a version."""
        return await self._until(lambda: self.rule.versions.get(topic, -1) >= version, within_s)

    async def answer(self, ident: int | str, within_s: float = 3.0) -> Ok | Err | None:
        """Wait for the answer to a request."""
        await self._until(lambda: ident in self.answers, within_s)
        return self.answers.get(ident)

    async def read(self, socket: ClientConnection) -> None:
        """Take frames for ever; cancel it to end. Raises ConnectionClosed."""
        while True:
            data = await socket.recv(decode=False)
            self.frames += 1
            try:
                frame = decode(data)
            except Malformed as error:
                self.complaints.append(f"{error}: {data[:120]!r}")
                continue
            if frame is not None:
                self._take(frame)
                self._news.set()

    def _take(self, frame: Frame) -> None:
        match frame:
            case Hello():
                self.hello = frame
            case Ok() | Err() if isinstance(frame.id, int | str):
                self.answers[frame.id] = frame
            case Beat():
                self.beats.append(time.monotonic())
        for event in self.rule.take(frame):
            match event:
                case Snapshot():
                    self.snaps[event.topic] = self.snaps.get(event.topic, 0) + 1
                    table = self._tables[event.topic] = Table()
                    self._history[event.topic] = OrderedDict()
                    self._apply(table, event)
                case Diff():
                    self.diffs += 1
                    self._apply(self._tables[event.topic], event)
                case Gap() if event.resumes:
                    self.complaints.append(f"a gap: {event}")

    def _apply(self, table: Table, event: Snapshot | Diff) -> None:
        try:
            if isinstance(event, Snapshot):
                table.replace(event)
            else:
                table.apply(event)
        except Malformed as error:
            self.complaints.append(str(error))
            return
        history = self._history[event.topic]
        ids = None if table.ids is None else tuple(table.ids)
        history[event.version] = (table.epoch, dict(table.rows), ids)
        if len(history) > HISTORY:
            history.popitem(last=False)

    async def _until(self, done: Callable[[], bool], within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not done():
                    self._news.clear()
                    await self._news.wait()
        return done()


@contextlib.asynccontextmanager
async def following(
    url: str, *topics: str, before: Follower | None = None
) -> AsyncIterator[tuple[Follower, ClientConnection]]:
    """Connect, ask, and read until the block ends. Raises OSError, WebSocketException.

    `before` is a follower whose connection has ended: what it holds is resumed.
    """
    async with connect(
        url,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        proxy=None if is_here(url) else True,
        max_size=MESSAGE_MAX,
        ping_interval=None,
        open_timeout=5,
        close_timeout=1,
    ) as socket:
        follower = Follower() if before is None else before.heir()
        reader = asyncio.create_task(follower.read(socket))
        try:
            if before is not None:
                await socket.send(encode(follower.rule.resume(2)))
            if topics:
                await socket.send(encode(Sub(id=1, topics=list(topics))))
            yield follower, socket
        finally:
            reader.cancel()
            await asyncio.wait([reader])


async def send(socket: ClientConnection, request: Request | str) -> None:
    """Send a request, or any text at all."""
    await socket.send(request if isinstance(request, str) else encode(request))
