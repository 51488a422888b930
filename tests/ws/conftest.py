"""Fixtures of the gateway's tests: a writer on a real store, real gateways in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from services.ws.app import run
from services.ws.core.hub import Hub
from services.ws.gateway import Gateway
from services.ws.settings import WsSettings
from shared.errors import StoreError
from shared.keys import Keys
from shared.process.loop_watch import LoopWatch
from shared.redis.connect import Redis
from tests.support import eventually, free_port
from tests.support_commits import CommitWriter
from tests.ws_support import LocalGateway, is_listening


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the services' loop: it holds unsent bytes by reference, asyncio's copies them."""
    return {"uvloop": uvloop.new_event_loop}


StartGateway = Callable[..., Awaitable[LocalGateway]]


@pytest.fixture
async def writer(redis: Redis, keys: Keys) -> CommitWriter:
    """The only writer of the test's store, in a new epoch."""
    writer = CommitWriter(redis, keys)
    await writer.begin()
    return writer


@pytest.fixture
async def start_gateway(
    redis_url: str, redis_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StartGateway]:
    """Start gateways on the test's store: `await start_gateway(ws_stall_s=1)`."""
    started: list[LocalGateway] = []
    made: list[Gateway] = []

    def make(settings: WsSettings, hub: Hub, loop: LoopWatch) -> Gateway:
        made.append(Gateway(settings, hub, loop))
        return made[-1]

    monkeypatch.setattr("services.ws.app.Gateway", make)  # only to look inside

    async def start(**settings: object) -> LocalGateway:
        given = {
            "redis_url": redis_url,
            "redis_prefix": redis_prefix,
            "ws_port": free_port(),
            "ws_drain_s": 0.1,
            "ws_handshake_rate": 0,  # tests of both say otherwise
            "ws_snapshot_rate": 0,
        }
        chosen = WsSettings.model_validate({**given, **settings})
        port = chosen.ws_port
        stop = asyncio.Event()
        gateway = LocalGateway(port, stop, asyncio.create_task(run(chosen, stop)))
        started.append(gateway)
        await eventually(lambda: gateway.task.done() or is_listening(port))
        gateway.gateway = made[-1]
        return gateway

    yield start
    for gateway in started:
        if not gateway.task.done():
            await gateway.end()


@contextlib.asynccontextmanager
async def beats(writer: CommitWriter) -> AsyncIterator[None]:
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


@pytest.fixture
async def beating(writer: CommitWriter) -> AsyncIterator[CommitWriter]:
    """The writer, with the aggregator's heartbeat each second."""
    async with beats(writer):
        yield writer
