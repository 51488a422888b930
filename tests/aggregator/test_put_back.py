"""An older state that is put back into a running server: no version comes twice in an epoch."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.feed import Feed
from shared.state.messages import Heartbeat
from shared.state.meta import Meta
from shared.state.replica import Change, Replica
from shared.state.store import Store
from tests.testkit.market import aggregator, has_leader, market, publish, reaches
from tests.testkit.wait import eventually


class Reader:
    """A copy of the state, and every position that it was at, in order."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.feed = Feed(redis, keys, Replica(), self)
        self.seen: list[tuple[str, int]] = []

    def _note(self) -> None:
        self.seen.append((self.feed.replica.epoch, self.feed.replica.version))

    def on_commit(self, change: Change) -> None:  # noqa: ARG002 - where it leads counts
        self._note()

    def on_reset(self) -> None:
        self._note()

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Nothing moved."""

    def went_back(self) -> bool:
        """Whether an epoch was seen at an earlier version than before."""
        latest: dict[str, int] = {}
        for epoch, version in self.seen:
            if version < latest.get(epoch, 0):
                return True
            latest[epoch] = version
        return False


@contextlib.asynccontextmanager
async def reading_along(redis: Redis, keys: Keys) -> AsyncIterator[Reader]:
    reader = Reader(redis, keys)
    task = asyncio.create_task(reader.feed.run())
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.wait([task])


async def backed_up(redis: Redis, keys: Keys) -> dict[bytes, bytes]:
    found = [key async for key in redis.scan_iter(match=f"{keys.prefix}*")]
    return {key: value for key in found if (value := await redis.dump(key))}


async def put_back(redis: Redis, backup: dict[bytes, bytes], *, but: str) -> None:
    """Write all keys of a back-up as they were, but one."""
    pipe = redis.pipeline(transaction=True)
    for key, value in backup.items():
        if key.decode() != but:
            pipe.restore(key, 0, value, replace=True)
    await pipe.execute()


async def moves_on(store: Store, keys: Keys, dice: random.Random, commits: int) -> None:
    upto = (await store.meta()).version + commits
    while (await store.meta()).version < upto:
        await publish(store.redis, keys, market(5, dice))
        await asyncio.sleep(0.03)


async def backed_up_and_moved_on(
    store: Store, keys: Keys, dice: random.Random
) -> tuple[dict[bytes, bytes], Meta]:
    """Return a back-up of five tokens and its position, three commits later."""
    await has_leader(store)
    await publish(store.redis, keys, market(5, dice))
    await reaches(store, 5)
    backup = await backed_up(store.redis, keys)
    before = await store.meta()
    await moves_on(store, keys, dice, 3)
    return backup, before


async def test_an_active_aggregator_begins_an_epoch_when_an_older_state_is_put_back(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(1)
    async with aggregator(redis_url, keys), reading_along(redis, keys) as reader:
        backup, before = await backed_up_and_moved_on(store, keys, dice)
        rows = dict(reader.feed.replica.rows)

        await put_back(redis, backup, but=keys.lease)

        await eventually(lambda: reader.feed.live and reader.feed.replica.epoch != before.epoch)
        await eventually(lambda: len(reader.feed.replica.rows) == 5)
    assert not reader.went_back()
    # What the back-up lacks is known to the aggregator: nothing is older than it was.
    assert without_versions(reader.feed.replica.rows) == without_versions(rows)


async def test_an_aggregator_notices_it_in_the_epoch_that_it_began_with_no_reader_there(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(3)
    async with aggregator(redis_url, keys):
        backup, before = await backed_up_and_moved_on(store, keys, dice)

        await put_back(redis, backup, but=keys.lease)
        await moves_on(store, keys, dice, 1)

        assert (await store.meta()).epoch != before.epoch


def without_versions(rows: dict[str, bytes]) -> dict[str, bytes]:
    return {token: row.partition(b'"rv":')[0] for token, row in rows.items()}


async def test_readers_prevent_that_a_new_aggregator_goes_on_from_an_older_state(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(2)
    async with reading_along(redis, keys) as reader:
        async with aggregator(redis_url, keys):
            backup, before = await backed_up_and_moved_on(store, keys, dice)
            await eventually(lambda: reader.feed.replica.version > before.version)
        await put_back(redis, backup, but=keys.lease)

        async with aggregator(redis_url, keys):
            await eventually(
                lambda: reader.feed.live and reader.feed.replica.epoch != before.epoch, timeout_s=10
            )
            assert await store.reverted() == ""
    assert not reader.went_back()
