"""Noise, staleness and removal by a virtual clock: windows of 200 ms over memory and replica."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from services.aggregator.commit import Item, Stamp, draft_commit
from services.aggregator.memory import Memory
from services.aggregator.merger import Merger
from services.aggregator.noise import NoiseFloors
from shared.keys import Keys
from shared.merge.policy import MergeRules
from shared.model import METRICS, Reading
from shared.redis.connect import Redis
from shared.state.feed import load
from shared.state.replica import Replica
from shared.state.store import Store
from tests.testkit.market import aggregator, has_leader, market, publish, reaches
from tests.testkit.wait import eventually

T0 = 1_790_000_000_000
WINDOW_MS = 200
DAY_MS = 86_400_000
STAMP = Stamp(fence="1", commit_id="c", ts=T0, horizon=0, log_from=0, seeding=False)


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


class World:
    """An aggregator without I/O: what is heard, and what its windows commit."""

    def __init__(self) -> None:
        replica = Replica()
        replica.reset("e1")
        self.now_ms = T0
        self.window = Merger(Memory(100), replica, MergeRules(), NoiseFloors())
        self.commits: list[tuple[int, list[Item]]] = []

    def hear(self, address: str = "A", source: str = "jupiter", **fields: object) -> None:
        given = {"chain": "solana", "token_address": address, "observed_ms": self.now_ms, **fields}
        self.window.memory.add(source, msgspec.convert(given, Reading), self.now_ms)

    def pass_window(self) -> list[Item]:
        """Let one window pass and write it."""
        self.now_ms += WINDOW_MS
        dirty = self.window.memory.take_dirty(self.now_ms)
        items = list(self.window.items(dirty, self.now_ms, frozenset()))
        if items:
            draft = draft_commit(Keys("t:"), self.window.replica, items, STAMP)
            self.window.replica.advance(draft.message, draft.rows)
            self.commits.append((self.now_ms, items))
        return items

    def wait_until(self, at_ms: int) -> None:
        """Let all windows up to a time pass; only those in which something can be due."""
        self.pass_window()  # writes what was heard
        while self.now_ms + WINDOW_MS <= at_ms:
            due = self.window.memory._due
            if due:
                ahead = min(due[0][0], at_ms) - self.now_ms - WINDOW_MS
                self.now_ms += max(0, ahead // WINDOW_MS * WINDOW_MS)
            else:
                self.now_ms += (at_ms - self.now_ms) // WINDOW_MS * WINDOW_MS - WINDOW_MS
            self.pass_window()

    def row(self, address: str = "A") -> dict[str, Any]:
        raw = self.window.replica.rows.get(f"solana:{address}", b"{}")
        return msgspec.json.decode(raw, type=dict[str, Any])


# -- noise ----------------------------------------------------------------------------------------
def test_a_slow_drift_adds_up_and_is_committed_when_it_passes_the_floor() -> None:
    world = World()
    seen = []
    for step in range(31):  # 0.004 % at a time, the floor is 0.01 %
        world.hear(price=100.0 + 0.004 * step)
        world.pass_window()
        seen.append(world.row()["price"])
    assert sorted(set(seen)) == [100.0 + 0.004 * step for step in range(0, 31, 3)]


def test_a_fall_to_0_is_a_change() -> None:
    world = World()
    world.hear(price=1.0, volume_24h=0.000001)
    world.pass_window()
    world.hear(volume_24h=0.0)
    world.pass_window()
    assert world.row()["volume_24h"] == 0.0


def test_a_fall_to_null_is_a_change_and_leaves_the_index() -> None:
    world = World()
    world.hear(price=1.0, volume_24h=5.0)
    world.pass_window()
    world.hear(volume_24h=None)
    (item,) = world.pass_window()
    assert item.changed["volume_24h"] == b"null"
    assert "volume_24h" not in world.row()
    assert world.window.replica.orders.order("volume_24h", None, descending=True) == []


# -- staleness ------------------------------------------------------------------------------------
def test_the_stale_flag_is_committed_within_one_window_of_the_bound() -> None:
    world = World()
    world.hear(price=1.0, volume_24h=5.0)
    world.wait_until(T0 + 599_800)
    assert world.row()["stale"] is False
    world.wait_until(T0 + 600_000)
    assert world.row()["stale"] is True
    assert world.row()["price"] == 1.0


def test_a_price_alone_is_stale_after_two_minutes() -> None:
    world = World()
    world.hear(price=1.0)
    world.wait_until(T0 + 119_800)
    assert world.row()["stale"] is False
    world.wait_until(T0 + 120_000)
    assert world.row()["stale"] is True


def test_a_source_that_goes_stale_leaves_within_one_window_and_the_next_one_is_taken() -> None:
    world = World()
    world.hear(price=2.0)
    world.now_ms += 60_000
    world.hear(source="ingest:desk", price=3.0)
    world.wait_until(T0 + 119_800)
    assert (world.row()["price"], world.row()["sources"]) == (2.0, ["ingest:desk", "jupiter"])
    world.wait_until(T0 + 120_000)
    assert (world.row()["price"], world.row()["sources"]) == (3.0, ["ingest:desk"])


def test_a_stale_token_that_is_seen_again_is_fresh_in_the_next_window() -> None:
    world = World()
    world.hear(price=1.0)
    world.wait_until(T0 + 3_600_000)
    world.hear(price=1.0)
    world.pass_window()
    assert world.row()["stale"] is False


def test_a_quiet_market_commits_nothing_between_its_bounds() -> None:
    world = World()
    world.hear(price=1.0, volume_24h=5.0)
    world.wait_until(T0 + DAY_MS - WINDOW_MS)
    times = [at_ms - T0 for at_ms, items in world.commits if any(item.changed for item in items)]
    assert times == [200, 600_000]  # there it is, and there it is stale


# -- removal --------------------------------------------------------------------------------------
def test_a_token_not_seen_for_a_day_is_removed_within_one_window_and_may_return() -> None:
    world = World()
    world.hear(price=1.0, volume_24h=5.0)
    world.wait_until(T0 + DAY_MS - WINDOW_MS)
    assert world.row()["stale"] is True
    world.wait_until(T0 + DAY_MS)
    replica = world.window.replica
    assert (replica.rows, list(replica.gone), len(world.window.memory)) == ({}, ["solana:A"], 0)
    assert replica.orders.order("volume_24h", None, descending=True) == []

    world.hear(price=7.0)
    (item,) = world.pass_window()
    assert item.added
    assert (world.row()["price"], "volume_24h" in world.row()) == (7.0, False)
    assert replica.gone == {}


async def test_a_removed_token_that_returns_is_whole_again_in_the_store(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    bounds = {"price_stale_s": 1, "sums_stale_s": 1, "dead_after_s": 2}
    async with aggregator(redis_url, keys, **bounds):
        await has_leader(store)
        await publish(redis, keys, market(1, random.Random(4)))
        await reaches(store, 1)
        await eventually(lambda: _counts(store, 0))
        assert [await redis.zcard(keys.index(metric)) for metric in METRICS] == [0] * len(METRICS)
        assert await redis.hgetall(keys.token("solana:Token00000")) == {}

        await publish(redis, keys, market(1, random.Random(4)))
        await reaches(store, 1)
        replica = await loaded(store)
        ranked = await redis.zcard(keys.index("volume_24h"))
        gone = await redis.zcard(keys.gone)

    assert list(replica.rows) == ["solana:Token00000"]
    assert (replica.gone, ranked, gone) == ({}, 1, 0)


async def loaded(store: Store) -> Replica:
    replica = Replica()
    assert await load(store, replica, await store.meta())
    return replica


async def _counts(store: Store, tokens: int) -> bool:
    return (await store.meta()).tokens == tokens


# -- look-alikes ----------------------------------------------------------------------------------
def test_a_copy_of_a_ticker_marks_both_rows_and_its_removal_unmarks() -> None:
    world = World()
    world.hear("A", token_ticker="CAT", created_ms=T0 - 9_000, price=1.0, liquidity=5.0)
    world.pass_window()
    world.now_ms = T0 + 3_600_000
    world.hear("B", token_ticker="\uff23at", created_ms=T0 - 5_000, price=2.0, liquidity=900.0)
    world.pass_window()
    world.pass_window()
    assert world.row("A")["same_ticker"] == {"count": 2, "oldest": True, "most_liquid": False}
    assert world.row("B")["same_ticker"] == {"count": 2, "oldest": False, "most_liquid": True}
    assert (world.row("A")["price"], world.row("B")["price"]) == (1.0, 2.0)

    world.wait_until(T0 + DAY_MS + WINDOW_MS)
    assert world.row("A") == {}
    assert "same_ticker" not in world.row("B")


async def test_marks_are_the_same_after_a_takeover(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    twins = [
        msgspec.structs.replace(reading, token_ticker="TWIN")
        for reading in market(3, random.Random(4))
    ]
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, twins)
        await eventually(lambda: _marked(redis, keys, 3))
        before = (await loaded(store)).rows
    async with aggregator(redis_url, keys):
        await has_leader(store)
        again = [msgspec.structs.replace(twins[0], observed_ms=twins[0].observed_ms + 1)]
        await publish(redis, keys, again, ack=True)
        await reaches(store, 3)
    after = (await loaded(store)).rows
    assert {i: _mark(row) for i, row in after.items()} == {i: _mark(r) for i, r in before.items()}


def _mark(row: bytes) -> object:
    return msgspec.json.decode(row)["same_ticker"]


async def _marked(redis: Redis, keys: Keys, count: int) -> bool:
    found = [await redis.hget(keys.token(f"solana:Token{n:05}"), "same_ticker") for n in range(3)]
    return all(raw is not None and msgspec.json.decode(raw)["count"] == count for raw in found)
