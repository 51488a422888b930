"""Fixtures of the gateway's tests: a writer on a real store, real gateways in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.ws.app import run
from services.ws.settings import WsSettings
from shared.connect import Redis
from shared.keys import Keys
from tests.support import eventually, free_port
from tests.support_commits import CommitWriter
from tests.ws_support import LocalGateway, is_listening

StartGateway = Callable[..., Awaitable[LocalGateway]]


@pytest.fixture
async def writer(redis: Redis, keys: Keys) -> CommitWriter:
    """The only writer of the test's store, in a new epoch."""
    writer = CommitWriter(redis, keys)
    await writer.begin()
    return writer


@pytest.fixture
async def start_gateway(redis_url: str, redis_prefix: str) -> AsyncIterator[StartGateway]:
    """Start gateways on the test's store: `await start_gateway(ws_stall_s=1)`."""
    started: list[LocalGateway] = []

    async def start(**settings: object) -> LocalGateway:
        given = {"redis_url": redis_url, "redis_prefix": redis_prefix, "ws_drain_s": 0.1}
        port = free_port()
        chosen = WsSettings.model_validate({**given, "ws_port": port, **settings})
        stop = asyncio.Event()
        gateway = LocalGateway(port, stop, asyncio.create_task(run(chosen, stop)))
        started.append(gateway)
        await eventually(lambda: gateway.task.done() or is_listening(port))
        return gateway

    yield start
    for gateway in started:
        await gateway.end()
