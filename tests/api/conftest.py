"""The api in this process, on a real server, called without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.api.settings import ApiSettings
from shared.history.engine import open_engine
from shared.history.migrate import migrate
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.api import SECRET, Launch, RunningApi, Served, Start, serve
from tests.testkit.commits import Writer
from tests.testkit.postgres import empty_history
from tests.testkit.process import free_port
from tests.testkit.wait import eventually


@pytest.fixture
async def writer(redis: Redis, keys: Keys) -> Writer:
    """Holds the lease; nothing is committed yet."""
    return Writer(redis, keys)


@pytest.fixture
async def start(redis_url: str, redis_prefix: str) -> AsyncIterator[Start]:
    """Start apis; all end with the test."""
    async with AsyncExitStack() as stack:

        async def begin(*, peer: str = "127.0.0.1", **settings: object) -> Served:
            read = ApiSettings.model_validate(
                {
                    "redis_url": redis_url,
                    "redis_prefix": redis_prefix,
                    "api_rate": 0,  # tests of both say otherwise
                    "api_cost_pct": 0,
                    **settings,
                }
            )
            return await stack.enter_async_context(serve(read, peer))

        yield begin


@pytest.fixture
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty history: a file of the test, unless it is `on_both_engines`."""
    return empty_history(request, tmp_path)


@pytest.fixture
async def history(history_url: str) -> AsyncIterator[AsyncEngine]:
    """What a recorder writes with; nothing is recorded yet."""
    engine = open_engine(history_url, writes=True)
    await migrate(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
async def launch(redis_url: str, redis_prefix: str) -> AsyncIterator[Launch]:
    """Start the real thing on a free port."""
    started: list[RunningApi] = []

    async def begin(**given: object) -> RunningApi:
        settings = ApiSettings(
            **{
                "redis_url": redis_url,
                "redis_prefix": redis_prefix,
                "api_port": free_port(),
                "api_drain_grace_s": 0.0,
                "ingest_api_keys": f"bot.{SECRET}",
                **given,
            }  # type: ignore[arg-type] # checked by pydantic
        )
        running = RunningApi(settings)
        started.append(running)
        await eventually(running.listens)
        return running

    yield begin
    for running in started:
        running.stop.set()
        await running.task
