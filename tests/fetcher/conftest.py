"""What the fetcher's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from services.fetcher.budget import Budget
from services.fetcher.http import Upstreams, open_client
from services.fetcher.source import Source
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.upstream import Upstream, upstream


@pytest.fixture
async def server() -> AsyncIterator[Upstream]:
    async with upstream() as one:
        yield one


@pytest.fixture
def source(server: Upstream) -> Source:
    """A source at that server, with a budget that is never in the way."""
    return Source(name="test", url=server.url, rates={"default": 60_000}, jobs=())


@pytest.fixture
async def upstreams(redis: Redis, keys: Keys) -> AsyncIterator[Callable[..., Upstreams]]:
    """`upstreams()` makes a caller of its own, as another replica would have; retries saved up."""
    made = []

    def make(host: str = "", *, concurrency: int = 5, retries: float = 10) -> Upstreams:
        client = open_client(concurrency=concurrency)
        made.append(client)
        one = Upstreams(client, Budget(redis, keys), concurrency=concurrency)
        one.retries(host).saved = retries
        return one

    yield make
    for client in made:
        await client.aclose()
