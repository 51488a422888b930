"""A TCP proxy in front of a Redis server that can freeze, as a network does that says nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections; while frozen, bytes of the connections of that time go nowhere.

    A connection is closed when no server listens behind the proxy.
    """

    def __init__(self, target_url: str) -> None:
        self._target = urlsplit(target_url)
        self._frozen: set[asyncio.Event] = set()
        self._open: set[asyncio.Event] = set()
        self.url = ""
        self.accepted = 0

    def freeze(self) -> int:
        """Black-hole for ever what is open now; new connections work. Return how many."""
        self._frozen |= self._open
        for flowing in self._frozen:
            flowing.clear()
        return len(self._frozen)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        # The server may be down; and asyncio complains of a handler cancelled as the loop ends.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._forward(reader, writer)
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self._target
        if target.scheme == "unix":
            there = await asyncio.open_unix_connection(target.path)
        else:
            there = await asyncio.open_connection(target.hostname, target.port)
        flowing = asyncio.Event()
        flowing.set()
        self._open.add(flowing)
        pumps = [
            asyncio.create_task(_pump(reader, there[1], flowing)),
            asyncio.create_task(_pump(there[0], writer, flowing)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(flowing)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            there[1].close()


async def _pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, flowing: asyncio.Event
) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            await flowing.wait()
            sink.write(data)
            await sink.drain()


@contextlib.asynccontextmanager
async def proxy(target_url: str) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a Redis URL."""
    it = Proxy(target_url)
    server = await asyncio.start_server(it._serve, "127.0.0.1", 0)
    it.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    try:
        yield it
    finally:
        server.close()
        for flowing in it._open:
            flowing.set()
