"""The stand-in as a service: the replayed market on one port."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from services.replay.routes import build_app
from services.replay.settings import ReplaySettings
from shared.errors import ConfigError
from shared.process.logs import get_logger
from shared.process.metrics import Metrics

__all__ = ["build_app", "run"]

log = get_logger(__name__)

_DRAIN_S: Final = 5
_BACKLOG: Final = 1024


class _Server(uvicorn.Server):
    """A server that says when it is ready and leaves the signals to shared/process/service.py."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            log.info("replay_ready", address=f"http://{host}:{port}")


def _listen(settings: ReplaySettings) -> socket.socket:
    """Return the listening socket; raises ConfigError when the address cannot be had."""
    address = (settings.replay_host, settings.replay_port)
    family = socket.AF_INET6 if ":" in settings.replay_host else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"REPLAY_HOST, REPLAY_PORT: cannot listen on {address[0]}:{address[1]}: {error}"
        ) from error


async def run(
    settings: ReplaySettings, stop: asyncio.Event, _metrics: Metrics | None = None
) -> None:
    """Serve the replayed market until `stop` is set; open requests get 5 s to end."""
    listening = _listen(settings)
    config = uvicorn.Config(
        build_app(settings, lambda: time.time_ns() // 1_000_000),
        loop="none",  # shared/process/service.py has chosen uvloop
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = _Server(config)
    log.info("replay_market", seed=settings.replay_seed, tokens=settings.replay_tokens)
    try:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve([listening]))
            stopping = tasks.create_task(stop.wait())
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            stopping.cancel()
    finally:
        listening.close()
