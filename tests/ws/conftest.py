"""Fixtures of the gateway's tests: a writer on a real store, real gateways in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from services.ws.app import run
from services.ws.core.hub import Hub
from services.ws.gateway import Gateway
from services.ws.settings import WsSettings
from shared.keys import Keys
from shared.process.loop_watch import LoopWatch
from shared.redis.connect import Redis
from tests.testkit.commits import Writer
from tests.testkit.gateway import LocalGateway, StartGateway, beats, is_listening
from tests.testkit.process import free_port
from tests.testkit.wait import eventually


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the services' loop: it holds unsent bytes by reference, asyncio's copies them."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def writer(redis: Redis, keys: Keys) -> Writer:
    """The only writer of the test's store, in a new epoch."""
    writer = Writer(redis, keys)
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


@pytest.fixture
async def beating(writer: Writer) -> AsyncIterator[Writer]:
    """The writer, with the aggregator's heartbeat each second."""
    async with beats(writer):
        yield writer
