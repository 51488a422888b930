"""uvicorn, configured in one place, without its own signal handlers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from services.api.edge.connection import Bounds, serving
from services.api.edge.visitors import Visitors
from shared.process.logs import get_logger

log = get_logger(__name__)

BACKLOG: Final = 2_048
KEEP_ALIVE_S: Final = 5
SEND_BUFFER: Final = 256 * 1024  # bytes of a connection in the kernel
FINISH_S: Final = 10  # what a request under way may still take once the end was asked for


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone: `shared.process.service` turns them into one event."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket. Raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it. With the kernel's own choice who does not read stays
        # invisible for 4 MB.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)  # noqa: FBT003 - its only form
    return sock


class HttpServer:
    """An app on a socket while the context lasts; leaving it finishes what is under way."""

    def __init__(self, app: ASGIApp, sock: socket.socket, bounds: Bounds | None = None) -> None:
        self._sock = sock
        self._server = _Server(
            uvicorn.Config(
                app,
                http=serving(bounds or Bounds(Visitors())),
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="error",  # what cannot be parsed is its sender's error, not ours
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=FINISH_S,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, the real one where 0 was asked for."""
        host, port = self._sock.getsockname()[:2]
        return str(host), int(port)

    async def __aenter__(self) -> Self:
        self._address = self.address  # the server closes the socket when it ends
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._sock]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
            await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            with suppress(asyncio.CancelledError):
                await self._serving
