"""What several tests of the gateway need."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from services.ws.gateway import Gateway
from services.ws.transport import GatewayConnection
from shared.errors import StoreError
from tests.testkit.commits import Writer


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


StartGateway = Callable[..., Awaitable[LocalGateway]]


@contextlib.asynccontextmanager
async def beats(writer: Writer) -> AsyncIterator[None]:
    """Publish the aggregator's heartbeat each second until the block ends."""

    async def beat() -> None:
        while True:
            with contextlib.suppress(StoreError):  # a commit came in between
                await writer.heartbeat()
            await asyncio.sleep(1)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
