"""How the auditor's users reach the deployment: HTTP clients, and a slow link to a gateway."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final

import httpx

_NARROW_BYTES: Final = 4_096  # of each buffer
_NARROW_READ: Final = 32_768
_NARROW_PAUSE_S: Final = 0.02  # after each read: 1.6 MB a second at the most

_TIMEOUT_S: Final = 15.0  # a process may be stopped for seven


def new_client() -> httpx.AsyncClient:
    """Return a client with a connection for each request.

    The api closes one that is idle for five seconds, maybe while the next request is on its way.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits)


@contextlib.asynccontextmanager
async def narrow(port: int) -> AsyncIterator[int]:
    """Serve a loopback port over sockets with tiny buffers, read slowly; yield the new port."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_NARROW_READ):
                sink.write(data)
                await sink.drain()
                await asyncio.sleep(_NARROW_PAUSE_S)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            raw = socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW_BYTES)
            raw.setblocking(False)  # noqa: FBT003 - the socket's own signature
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
                there, out = await asyncio.open_connection(sock=raw, limit=_NARROW_READ)
                ends.append(out)
                pumps = [
                    asyncio.create_task(pump(*way)) for way in ((reader, out), (there, writer))
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for task in pumps:
                    task.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            for end in ends:
                end.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_NARROW_READ)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
