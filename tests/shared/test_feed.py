"""The feed keeps a replica equal to the store, whatever happens to its connection."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable

import pytest
from msgspec.structs import replace
from redis.exceptions import ResponseError

from dexwire.server.up.embedded import EmbeddedServer
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from shared.state.feed import Feed
from shared.state.messages import Heartbeat, encode
from shared.state.replica import Change, Replica
from shared.state.store import Store
from tests.testkit.commits import Writer, token
from tests.testkit.market import aggregator, has_leader, market, publish, reaches
from tests.testkit.proxy import proxy
from tests.testkit.wait import eventually


class Recorder:
    """A listener that notes what it was called with."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.resets = 0
        self.beats = 0

    def on_commit(self, change: Change) -> None:
        self.versions.append(change.commit.v)

    def on_reset(self) -> None:
        self.resets += 1

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:  # noqa: ARG002 - its contents do not matter
        self.beats += 1


@contextlib.asynccontextmanager
async def following(redis: Redis, keys: Keys) -> AsyncIterator[tuple[Feed, Recorder]]:
    listener = Recorder()
    feed = Feed(redis, keys, Replica(), listener)
    task = asyncio.create_task(feed.run())
    try:
        yield feed, listener
    finally:
        task.cancel()
        await asyncio.wait([task])


async def equal(feed: Feed, store: Store) -> bool:
    meta = await store.meta()
    replica = feed.replica
    return (
        feed.loaded.is_set()  # in the middle of a load it may be equal before anybody is listener
        and (replica.epoch, replica.version) == (meta.epoch, meta.version)
        and f"{replica.digest:016x}" == meta.digest
    )


async def test_a_reader_that_comes_late_loads_and_follows(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(1)
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, market(300, dice))
        await reaches(store, 300)
        async with following(redis, keys) as (feed, listener):
            await eventually(lambda: feed.live)
            assert len(feed.replica.rows) == 300
            assert listener.resets == 1
            await publish(redis, keys, market(300, dice))
            await eventually(lambda: len(listener.versions) > 0)
            await eventually(lambda: equal(feed, store))


async def test_a_load_in_the_middle_of_large_commits_ends_in_one_exact_state(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(2)
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, market(1000, dice))
        await reaches(store, 1000)
        writing = asyncio.create_task(write_for_ever(redis, keys, dice))
        for _ in range(5):
            async with following(redis, keys) as (feed, _listener):
                await eventually(lambda feed=feed: feed.live, timeout_s=30)  # type: ignore[misc]
                version = feed.replica.version
                # Each further commit is checked against its digest; a torn load could not follow.
                await eventually(
                    lambda feed=feed, version=version: feed.replica.version > version + 3,  # type: ignore[misc]
                    timeout_s=30,
                )
        writing.cancel()


async def write_for_ever(redis: Redis, keys: Keys, dice: random.Random) -> None:
    while True:
        await publish(redis, keys, market(1000, dice))
        await asyncio.sleep(0.1)


async def test_a_killed_subscription_loses_no_version(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(3)
    async with (
        aggregator(redis_url, keys),
        open_redis(redis_url) as own,
        following(own, keys) as (feed, listener),
    ):
        await has_leader(store)
        await publish(redis, keys, market(20, dice))
        await eventually(lambda: feed.live)
        for _ in range(5):
            await kill_readers(redis)
            await publish(redis, keys, market(20, dice))
            await asyncio.sleep(0.05)
        await eventually(lambda: equal(feed, store))

    assert listener.resets == 1
    assert listener.versions == list(range(listener.versions[0], listener.versions[-1] + 1))


async def kill_readers(redis: Redis) -> None:
    """Kill the connections that follow the state but do not take in readings."""
    for client in await redis.client_list(_type="pubsub"):
        if client["sub"] == "1":
            with contextlib.suppress(ResponseError):  # gone meanwhile
                await redis.client_kill_filter(_id=client["id"])


@pytest.mark.timeout(60)
async def test_a_frozen_connection_is_noticed_within_four_seconds(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(4)
    async with (
        aggregator(redis_url, keys),
        proxy(redis_url) as between,
        open_redis(between.url) as own,
        following(own, keys) as (feed, listener),
    ):
        await has_leader(store)
        await publish(redis, keys, market(20, dice))
        await eventually(lambda: feed.live)
        for _ in range(3):
            assert between.freeze() > 0
            frozen_at = time.monotonic()
            await publish(redis, keys, market(20, dice))
            await asyncio.sleep(0.1)  # the commit is out, and lost
            assert not await equal(feed, store)
            await eventually(lambda: equal(feed, store), timeout_s=4)
            assert time.monotonic() - frozen_at < 4

    assert listener.resets == 1
    assert listener.versions == list(range(listener.versions[0], listener.versions[-1] + 1))


async def test_a_gap_that_the_log_has_forgotten_is_a_reset(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(5)
    async with (
        aggregator(redis_url, keys),
        proxy(redis_url) as between,
        open_redis(between.url) as own,
        following(own, keys) as (feed, listener),
    ):
        await has_leader(store)
        await publish(redis, keys, market(20, dice))
        await eventually(lambda: feed.live)
        between.freeze()
        version = (await store.meta()).version
        await publish(redis, keys, market(20, dice))
        await eventually(lambda: _beyond(store, version))
        await redis.xtrim(keys.log, maxlen=0, approximate=False)
        await eventually(lambda: equal(feed, store), timeout_s=4)

    assert listener.resets == 2


async def _beyond(store: Store, version: int) -> bool:
    return (await store.meta()).version > version


async def test_a_new_epoch_is_a_reset_and_then_followed_from_its_first_commit(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(6)
    async with aggregator(redis_url, keys), following(redis, keys) as (feed, listener):
        await has_leader(store)
        await publish(redis, keys, market(150, dice))
        await reaches(store, 150)
        await eventually(lambda: feed.live)
        epoch = feed.replica.epoch
        for key in (keys.meta, keys.log, keys.gone):
            await redis.delete(key)
        await eventually(lambda: feed.live and feed.replica.epoch != epoch)
        await eventually(lambda: equal(feed, store))

    assert len(feed.replica.rows) == 150
    assert listener.resets >= 2


async def test_a_reader_waits_for_a_state_that_is_not_there_yet(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    async with following(redis, keys) as (feed, listener):
        await asyncio.sleep(0.2)
        assert not feed.live
        assert listener.resets == 0
        async with aggregator(redis_url, keys):
            await has_leader(Store(redis, keys))
            await publish(redis, keys, market(2, random.Random(7)))
            await eventually(lambda: feed.live)
            assert len(feed.replica.rows) == 2


async def test_a_heartbeat_of_another_digest_loads_the_state_once_more(
    redis: Redis, keys: Keys
) -> None:
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit(token("A", price=1))
    beat = writer.ledger.heartbeat()
    async with following(redis, keys) as (feed, listener):
        await eventually(feed.loaded.is_set)
        before = listener.resets
        await redis.publish(keys.state_changes, encode(beat))
        await eventually(lambda: listener.beats == 1)
        assert (feed.followed.divergences, listener.resets) == (0, before)

        await redis.publish(keys.state_changes, encode(replace(beat, digest="0" * 16)))
        await eventually(lambda: listener.resets == before + 1)

        assert (feed.followed.divergences, listener.beats) == (1, 1)
        await eventually(lambda: equal(feed, writer.store))


async def test_a_commit_of_an_epoch_whose_beginning_was_missed_loads_it_at_once(
    redis: Redis, keys: Keys
) -> None:
    """As after a term, in which the feed hears nothing; heartbeats, which there are none of here,
    would only show it a second later."""
    writer = Writer(redis, keys)
    await writer.begin("e1")
    await writer.commit(token("A", price=1))
    async with following(redis, keys) as (feed, _):
        await eventually(feed.loaded.is_set)
        await feed.lead()
        await writer.begin("e2")
        sent = time.monotonic()
        await writer.commit(token("B", price=2))
        await eventually(lambda: time.monotonic() - feed.silent_s > sent)  # and was passed over
        feed.follow()

        await writer.commit(token("C", price=3))

        await eventually(lambda: equal(feed, writer.store))
        assert feed.replica.rows.keys() == {"solana:B", "solana:C"}
        assert feed.followed.losses == 0  # nor did its silence show it


async def test_a_takeover_that_the_log_does_not_reach_reads_the_rows(
    redis: Redis, keys: Keys
) -> None:
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit(token("A", price=1))
    async with following(redis, keys) as (feed, _):
        await eventually(feed.loaded.is_set)
        await feed.lead()  # from here on it follows nothing
        await writer.commit(token("B", price=2))
        await redis.delete(keys.log)

        assert await feed.lead()
        assert await equal(feed, writer.store)


async def test_malformed_messages_are_ignored(redis_url: str, redis: Redis, keys: Keys) -> None:
    store = Store(redis, keys)
    async with aggregator(redis_url, keys), following(redis, keys) as (feed, _):
        await has_leader(store)
        await publish(redis, keys, market(2, random.Random(8)))
        await eventually(lambda: feed.live)
        deep = b'{"t":"hb","x":' + b"[" * 10_000
        for junk in (b"", b"\xff", b"{}", b'{"t":"d"}', b"[" * 10_000, deep):
            await redis.publish(keys.state_changes, junk)
        await publish(redis, keys, market(3, random.Random(9)))
        await eventually(lambda: len(feed.replica.rows) == 3)


async def test_a_store_that_was_rolled_back_is_never_taken_for_the_present(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store, dice = Store(redis, keys), random.Random(10)
    async with aggregator(redis_url, keys), following(redis, keys) as (feed, listener):
        await has_leader(store)
        await publish(redis, keys, market(30, dice))
        await reaches(store, 30)
        old = {name: await redis.dump(name) async for name in redis.scan_iter(f"{keys.prefix}*")}
        await publish(redis, keys, market(40, dice))
        before = await reaches(store, 40)
        await eventually(lambda: equal(feed, store))

        for name, content in old.items():
            if content is not None and name != keys.lease.encode():
                await redis.restore(name, 0, content, replace=True)
        await eventually(lambda: feed.live and feed.replica.epoch != before.epoch)
        await eventually(lambda: equal(feed, store))

    assert len(feed.replica.rows) == 40
    assert listener.resets >= 2


async def test_an_older_state_of_a_full_store_is_reported_once_there_is_room(
    private_server: Callable[[], EmbeddedServer], keys: Keys
) -> None:
    async with open_redis(private_server().url) as redis, following(redis, keys) as (feed, _):
        writer = Writer(redis, keys)
        await writer.begin()
        await writer.commit(token("A"))
        held = await redis.dump(keys.meta) or b""
        await writer.commit(token("B"))
        await eventually(lambda: feed.replica.version == 2)
        await redis.restore(keys.meta, 0, held, replace=True)
        beat = encode(Heartbeat(e="e1", v=1, ts=0, digest="0" * 16, seeding=False))

        await redis.config_set("maxmemory", 1)
        await redis.publish(keys.state_changes, beat)
        await eventually(lambda: _was_full(redis))
        await redis.config_set("maxmemory", 0)
        await redis.publish(keys.state_changes, beat)

        await eventually(lambda: _is_reported(writer.store))
        assert (feed.followed.losses, feed.replica.version) == (0, 2)


async def _was_full(redis: Redis) -> bool:
    return "errorstat_OOM" in await redis.info("errorstats")


async def _is_reported(store: Store) -> bool:
    return await store.reverted() == "e1"
