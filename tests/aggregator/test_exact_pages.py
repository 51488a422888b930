"""Every page is one exact state, however large the windows that are written meanwhile.

Small commits prove nothing: a writer without atomicity passes with 50 tokens and fails with 1,000.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from shared.state.messages import Commit, decode
from shared.state.replica import Replica
from shared.state.store import Store, StoredPage
from tests.testkit.market import aggregator, has_leader, market, publish, reaches

METRICS = ("volume_24h", "liquidity", "price_change_1h")


async def test_no_page_disagrees_with_itself_or_with_its_version(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store = Store(redis, keys)
    dice = random.Random(7)
    async with aggregator(redis_url, keys, window_ms=50), open_redis(redis_url) as other:
        await has_leader(store)
        await publish(redis, keys, market(1000, dice))
        await reaches(store, 1000)
        done = asyncio.Event()
        readers = [
            asyncio.create_task(read_pages(Store(other, keys), metric, done)) for metric in METRICS
        ]
        first = (await store.meta()).version
        while (await store.meta()).version < first + 60:  # a window takes some eleven commits
            await publish(redis, keys, market(1000, dice))
            await asyncio.sleep(0.1)
        done.set()
        pages = [(m, p) for m, found in zip(METRICS, await asyncio.gather(*readers), strict=True)
                 for p in found]  # fmt: skip

    truth = await replayed(store, {page.version for _, page in pages})
    assert len(truth) > 10
    for metric, page in pages:
        order, rows = truth[page.version][metric]
        assert list(page.ids) == order
        assert list(page.rows) == rows
        assert page.ghosts == ()
        assert page.total == 1000


async def read_pages(store: Store, metric: str, done: asyncio.Event) -> list[StoredPage]:
    found = []
    while not done.is_set():
        found.append(await store.page(metric, 0, 49, descending=True))
        await asyncio.sleep(0.001)
    return found


async def replayed(
    store: Store, versions: set[int]
) -> Mapping[int, dict[str, tuple[list[str], list[bytes]]]]:
    """Return the first 50 of each metric at these versions, from the log alone."""
    replica = Replica()
    replica.reset((await store.meta()).epoch)
    truth: dict[int, Any] = {}
    for message in await store.log(0) or []:
        commit = decode(message)
        assert isinstance(commit, Commit)
        replica.apply(commit)
        if commit.v in versions:
            tops = {metric: replica.orders.order(metric)[:50] for metric in METRICS}
            truth[commit.v] = {m: (ids, [replica.rows[i] for i in ids]) for m, ids in tops.items()}
    return truth


async def test_scores_and_rows_agree_for_every_metric(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store = Store(redis, keys)
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, market(100, random.Random(8)))
        await reaches(store, 100)

    for metric, field in (("volume_5m", "volume_5m"), ("created", "created_ms")):
        page = await store.page(metric, 0, 99, descending=False)
        shown = [msgspec.json.decode(row, type=dict[str, Any])[field] for row in page.rows]
        scored = await redis.zrange(keys.index(metric), 0, -1, withscores=True)
        assert [pair[1] for pair in scored] == shown
