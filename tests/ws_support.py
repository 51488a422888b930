"""What several tests of the gateway need."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect


@dataclass
class LocalGateway:
    """A gateway that runs in the test's own loop."""

    port: int
    stop: asyncio.Event
    task: asyncio.Task[None]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

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
