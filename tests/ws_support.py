"""What several tests of the gateway need."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import zlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from services.ws.core.alerts import event
from services.ws.core.hub import Hub
from services.ws.core.member import Member, Position
from services.ws.core.topics import parse_topic
from services.ws.gateway import Gateway
from services.ws.transport import GatewayConnection
from shared.state.messages import Commit
from shared.state.replica import Replica
from tests.support_commits import Ledger


@dataclass
class LocalGateway:
    """A gateway that runs in the test's own loop."""

    port: int
    stop: asyncio.Event
    task: asyncio.Task[None]
    gateway: Gateway | None = None

    @property
    def sockets(self) -> list[GatewayConnection]:
        """The connections that are open, as the gateway sees them."""
        assert self.gateway is not None
        return list(self.gateway.connections)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def version(self) -> int:
        """The version that the gateway itself holds; clients may be behind it."""
        assert self.gateway is not None
        return self.gateway.hub.replica.version

    async def end(self) -> None:
        """Stop it as SIGTERM does, and wait."""
        self.stop.set()
        await asyncio.wait_for(self.task, 15)


@contextlib.asynccontextmanager
async def joined(url: str, **options: Any) -> AsyncIterator[ClientConnection]:  # noqa: ANN401
    """Connect with a library client that neither pings nor compresses."""
    given: dict[str, Any] = {
        "compression": None,
        "max_size": None,
        "ping_interval": None,
        "close_timeout": 1,
        "proxy": None,
    }
    async with connect(url, **{**given, **options}) as socket:
        yield socket


async def receive(socket: ClientConnection, kind: str, *, within_s: float = 5) -> dict[str, Any]:
    """Return the next frame of a kind; others are passed over."""
    async with asyncio.timeout(within_s):
        while True:
            frame: dict[str, Any] = json.loads(await socket.recv())
            if frame["t"] == kind:
                return frame


async def ask(socket: ClientConnection, **message: object) -> dict[str, Any]:
    """Send a message; return its `ok` or `err`."""
    await socket.send(json.dumps({"id": 7, **message}))
    async with asyncio.timeout(5):
        while True:
            frame: dict[str, Any] = json.loads(await socket.recv())
            if frame.get("id") == 7:
                return frame


async def is_listening(port: int) -> bool:
    """Return whether somebody accepts connections there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


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
        """Follow by one commit and tell everyone."""
        self.apply(commit)
        self.sweep()

    def beat(self) -> None:
        for _ in self.hub.beat():
            pass


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


def small_socket(port: int, rcvbuf: int | None = 4096) -> socket.socket:
    """Connect with so small a receive buffer that not reading shows soon."""
    sock = socket.socket()
    if rcvbuf is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    sock.connect(("127.0.0.1", port))
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


class RawSocket:
    """A client that sends whatever bytes it likes."""

    def __init__(self, port: int, *, rcvbuf: int | None = None) -> None:
        self._port = port
        self._rcvbuf = rcvbuf

    async def __aenter__(self) -> Self:
        sock = small_socket(self._port, self._rcvbuf)
        # A reader of this limit takes two of it from the kernel before it stops.
        self.reader, self.writer = await asyncio.open_connection(sock=sock, limit=4096)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def upgrade(self) -> None:
        """Shake hands and read the response's head."""
        self.writer.write(HANDSHAKE + b"\r\n")
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")

    def send(self, opcode: int, data: bytes = b"", *, first: int = 0x80, mask: int = 0x80) -> None:
        """Send a frame with a mask of zeros; `first` holds FIN and the reserved bits."""
        size = len(data)
        if size < 126:
            head = bytes([first | opcode, mask | size])
        elif size < 1 << 16:
            head = bytes([first | opcode, mask | 126]) + size.to_bytes(2, "big")
        else:
            head = bytes([first | opcode, mask | 127]) + size.to_bytes(8, "big")
        self.writer.write(head + (bytes(4) if mask else b"") + data)

    async def close_code(self, within_s: float = 5) -> int:
        """Read on to the close frame; return its code, 1006 when the socket ends without."""
        async with asyncio.timeout(within_s):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
                while True:
                    first, size = await self.reader.readexactly(2)
                    if size >= 126:
                        width = 2 if size == 126 else 8
                        size = int.from_bytes(await self.reader.readexactly(width), "big")
                    data = await self.reader.readexactly(size)
                    if first == 0x88:
                        return int.from_bytes(data[:2], "big")
        return 1006

    async def answer(self, request: bytes, within_s: float = 7) -> bytes:
        """Send a request; return everything that comes back until the end."""
        self.writer.write(request)
        async with asyncio.timeout(within_s):
            return await self.reader.read()


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
    cursor = None if since is None else Position(*since)
    gateway.hub.subscribe(member, {parse_topic(name): cursor for name in names})
    gateway.hub.serve(member)
    return member, sink
