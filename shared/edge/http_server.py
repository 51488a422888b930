"""uvicorn, configured in one place, without its own signal handlers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from shared.process.listen import BACKLOG

KEEP_ALIVE_S: Final = 5


class _UvicornServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone: `shared.process.run` turns them into one event."""
        yield


class HttpServer:
    """An app on a listening socket while the context lasts; leaving it finishes what is under way.

    `protocol` is the class of each connection, uvicorn's own by default; `finish_s` is what a
    request under way may still take at the end.
    """

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        protocol: type[asyncio.Protocol] | None = None,
        *,
        finish_s: int,
    ) -> None:
        self._sock = sock
        self._server = _UvicornServer(
            uvicorn.Config(
                app,
                loop="none",  # `shared.process.run` has chosen it
                http=protocol or "httptools",
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
                timeout_graceful_shutdown=finish_s,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._sock]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
            await asyncio.sleep(0.001)
        return self

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; raise what ended the server before."""
        stopping = asyncio.create_task(stop.wait())
        serving = self._serving or stopping
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if serving.done():
            serving.result()

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            with suppress(asyncio.CancelledError):
                await self._serving
        self._sock.close()
