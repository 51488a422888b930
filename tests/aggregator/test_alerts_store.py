"""Alerts over a real store: each crossing once, over restarts, takeovers and repeated commits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from functools import partial

import msgspec
import pytest

from services.aggregator.alerts import (
    SLOTS,
    WINDOW_MS,
    AlertBook,
    Arm,
    PriceSample,
    Track,
    encode_track,
)
from services.aggregator.memory import Memory
from services.aggregator.verified import Verified
from shared.keys import ALERTS_MAX_ENTRIES, Keys
from shared.redis.connect import Redis
from shared.state.messages import Alert, Commit, decode, decode_alert
from shared.state.plan import Command, CommitPlan, Writes
from shared.state.row import Fields
from shared.state.store import Store
from tests.testkit.market import aggregator, has_leader, now_ms, publish, reaches, reading
from tests.testkit.wait import eventually

NAMES = [f"Token{number:03}" for number in range(150)]
SMALL = {"commit_fields": 300, "alert_price_windows": "5m", "alert_volume_windows": "5m"}


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


async def say(redis: Redis, keys: Keys, **fields: float) -> None:
    """Jupiter says the same of all tokens."""
    readings = [msgspec.structs.replace(reading(name), **fields) for name in NAMES]
    await publish(redis, keys, readings, source="jupiter")


async def shows(store: Store, **fields: object) -> None:
    """Wait until all rows show these values."""
    ids = [f"solana:{name}" for name in NAMES]
    wanted = {name: msgspec.json.encode(value) for name, value in fields.items()}

    async def probe() -> bool:
        rows = await store.rows(ids)
        return len(rows) == len(ids) and all(wanted.items() <= r.items() for r in rows.values())

    await eventually(probe, timeout_s=10)


async def stood_still(store: Store, **figures: float) -> None:
    """Store that these figures have been in force for a window, as after five quiet minutes."""
    slot = now_ms() * SLOTS // WINDOW_MS["5m"]
    sample = PriceSample(slot, figures.get("price"), "jupiter", figures.get("volume_5m"), "jupiter")
    for name in NAMES:
        await store.redis.hset(
            store.keys.alert_base(f"solana:{name}"), "5m", encode_track(Track((sample,)))
        )


async def logged(store: Store) -> list[Alert]:
    """Every event of `alerts:log`, after checking that its id is the entry's."""
    found = []
    for entry_id, entry in await store.redis.xrange(store.keys.alerts_log):
        alert = decode_alert(entry[b"m"])
        assert alert.i == entry_id.decode().replace("-", ".")
        found.append(alert)
    return found


async def in_diffs(store: Store) -> list[Alert]:
    """Every event of every commit, after checking that it names its version and place."""
    found = []
    for message in await store.log(0) or []:
        commit = decode(message)
        assert isinstance(commit, Commit)
        events = [decode_alert(raw) for raw in commit.ev]
        assert [event.i for event in events] == [f"{commit.v}.{n}" for n in range(len(events))]
        found += events
    return found


async def committed_ms(store: Store, event: Alert) -> int:
    """The time of the commit that reports an event."""
    version = int(event.i.partition(".")[0])
    (message,) = await store.log(version - 1, version) or []
    commit = decode(message)
    assert isinstance(commit, Commit)
    return commit.ts


def counted(alerts: Iterable[Alert]) -> dict[tuple[object, ...], int]:
    found: dict[tuple[object, ...], int] = {}
    for alert in alerts:
        key = (alert.type, alert.dir, alert.lvl, alert.id)
        found[key] = found.get(key, 0) + 1
    return found


def once(*sides: tuple[str, str, int]) -> dict[tuple[object, ...], int]:
    """Each of these, exactly once for every token."""
    return {(*side, f"solana:{name}"): 1 for side in sides for name in NAMES}


async def test_each_crossing_is_reported_once_over_restarts(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys, **SMALL):
        await has_leader(store)
        await say(redis, keys, price=100.0, volume_5m=10_000.0)
        await reaches(store, len(NAMES))
    assert await logged(store) == []
    await stood_still(store, price=100.0, volume_5m=10_000.0)

    for price, volume in ((106.0, 10_000.0), (107.0, 16_000.0), (112.0, 16_100.0), (94.0, 900.0)):
        async with aggregator(redis_url, keys, **SMALL):
            await has_leader(store)
            await say(redis, keys, price=price, volume_5m=volume)
            await shows(store, price=price)
            await say(redis, keys, price=price + 0.5)  # still there: nothing new to tell
            await shows(store, price=price + 0.5)

    events = await logged(store)
    assert events == await in_diffs(store)
    assert counted(events) == once(
        ("price", "up", 1), ("volume", "up", 1), ("price", "up", 2), ("price", "down", 1)
    )
    first = next(event for event in events if event.id == "solana:Token000")
    assert (first.w, first.chg, first.from_, first.to) == ("5m", 6.0, 100.0, 106.0)
    last = next(event for event in events if event.id == first.id and event.dir == "down")
    stored = (await store.alert_bases([first.id]))[first.id]["5m"]
    assert msgspec.json.decode(stored, type=Track).down.reported_ms == await committed_ms(
        store, last
    )


async def test_each_crossing_is_reported_once_over_takeovers(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    """Each leader vanishes without a word amid the commits of a window; the standby goes on."""
    async with aggregator(redis_url, keys, **SMALL):
        await has_leader(store)
        await say(redis, keys, price=100.0)
        await reaches(store, len(NAMES))
    await stood_still(store, price=100.0)

    cut_short = 0
    async with contextlib.AsyncExitStack() as running:
        leader = await running.enter_async_context(aggregator(redis_url, keys, **SMALL))
        await has_leader(store)
        for price in (106.0, 112.0, 125.0):
            standby = await running.enter_async_context(aggregator(redis_url, keys, **SMALL))
            await eventually(partial(_listeners, redis, keys, 2))
            before = await redis.xlen(keys.alerts_log)
            await say(redis, keys, price=price)
            await eventually(partial(_logs_more, redis, keys, before), every_s=0)
            leader.cancel()
            await asyncio.wait([leader])
            cut_short += await redis.xlen(keys.alerts_log) < before + len(NAMES)
            await shows(store, price=price)
            leader = standby

    events = await logged(store)
    assert events == await in_diffs(store)
    assert counted(events) == once(("price", "up", 1), ("price", "up", 2), ("price", "up", 3))
    assert cut_short, "no leader vanished amid its window"


async def test_a_token_is_listed_and_graduates_once_over_restarts(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async def has(ident: str, **fields: object) -> bool:
        row = (await store.rows([ident])).get(ident, {})
        return {name: msgspec.json.encode(value) for name, value in fields.items()}.items() <= (
            row.items()
        )

    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading("Old", price=1.0)], source="jupiter")
        await reaches(store, 1)
    assert await logged(store) == []  # in the first minute of an epoch every row is new

    for price, stage in enumerate(("curve", "completed", "graduated", "graduated"), start=1):
        new = reading("New", price=float(price), launchpad="pump.fun", stage=stage)
        async with aggregator(redis_url, keys):
            await has_leader(store)
            await publish(redis, keys, [new], source="jupiter")
            await eventually(partial(has, "solana:New", stage=stage, price=float(price)))

    events = await logged(store)
    assert events == await in_diffs(store)
    assert [(event.type, event.id) for event in events] == [
        ("listed", "solana:New"),
        ("graduated", "solana:New"),
    ]


async def _listeners(redis: Redis, keys: Keys, count: int) -> bool:
    return dict(await redis.pubsub_numsub(keys.raw_tokens))[keys.raw_tokens.encode()] == count


async def _logs_more(redis: Redis, keys: Keys, than: int) -> bool:
    return bool(await redis.xlen(keys.alerts_log) > than)


async def test_a_crossing_that_only_the_standby_received_is_reported_once(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys, **SMALL):
        await has_leader(store)
        await say(redis, keys, price=100.0)
        await reaches(store, len(NAMES))
    await stood_still(store, price=100.0)

    async with aggregator(redis_url, keys, **SMALL) as first:
        await has_leader(store)
        async with aggregator(redis_url, keys, **SMALL):
            await eventually(partial(_listeners, redis, keys, 2))
            first.cancel()
            await asyncio.wait([first])
            await say(redis, keys, price=94.0)
            await shows(store, price=94.0)

    events = await logged(store)
    assert events == await in_diffs(store)
    assert counted(events) == once(("price", "down", 1))


async def test_what_is_read_late_does_not_undo_what_was_sent_meanwhile(
    keys: Keys, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep reads a token; before its answer is here, a window has read and reported it."""
    stored, newer = Track((PriceSample(7, 1.0),)), Track((PriceSample(7, 1.0),), up=Arm(1, 1, 5))
    await store.redis.hset(keys.alert_base("solana:Abc"), "5m", encode_track(stored))
    memory, book = Memory(10), AlertBook()
    verified = Verified(store, memory, book)
    read = Store.alert_bases

    async def late(self: Store, token_ids: Sequence[str]) -> dict[str, Fields]:
        answer = await read(self, token_ids)
        monkeypatch.setattr(Store, "alert_bases", read)
        await verified.read(["solana:Abc"])
        assert book.tracks("solana:Abc") == {"5m": stored}
        book.put("solana:Abc", {"5m": newer})
        return answer

    monkeypatch.setattr(Store, "alert_bases", late)
    await verified.read(["solana:Abc"])

    assert book.tracks("solana:Abc") == {"5m": newer}


async def test_a_removed_token_leaves_no_alert_base(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    bounds = {"price_stale_s": 1, "sums_stale_s": 1, "dead_after_s": 2}
    async with aggregator(redis_url, keys, **bounds):
        await has_leader(store)
        await publish(redis, keys, [reading("Abc", price=2.5)], source="jupiter")
        await reaches(store, 1)
        assert set((await store.alert_bases(["solana:Abc"]))["solana:Abc"]) == {"5m", "1h"}
        await reaches(store, 0)

    assert await store.alert_bases(["solana:Abc"]) == {}


def plan(fence: str, **changes: object) -> CommitPlan:
    fields: dict[str, object] = {
        "fence": fence, "epoch": "e1", "commit_id": "c1", "pv": 0, "ts": 7, "digest": "0" * 16,
        "tokens": 0, "horizon": 0, "seeding": False, "message": b"{}",
    }  # fmt: skip
    return CommitPlan(**{**fields, **changes})  # type: ignore[arg-type]


def events(keys: Keys, version: int, *entries: bytes) -> list[Command]:
    writes = Writes(keys, version)
    for entry in entries:
        writes.add_event(entry, 7)
    return writes.commands()


async def begun(store: Store) -> str:
    lease = await store.acquire("a")
    assert lease is not None
    await store.begin_epoch(lease.fence, "e1")
    return lease.fence


async def test_a_repeated_commit_logs_its_events_once(
    redis: Redis, keys: Keys, store: Store
) -> None:
    commit = plan(await begun(store), commands=events(keys, 1, b'{"n":0}', b'{"n":1}'))

    await store.commit(commit)
    await store.commit(commit)

    assert await redis.xrange(keys.alerts_log) == [
        (b"1-0", {b"m": b'{"n":0}', b"ts": b"7"}),
        (b"1-1", {b"m": b'{"n":1}', b"ts": b"7"}),
    ]


async def test_the_log_of_alerts_is_bounded_and_starts_over_with_an_epoch(
    redis: Redis, keys: Keys, store: Store
) -> None:
    fence = await begun(store)
    for version in range(3):
        commands = events(keys, version + 1, *[b"{}"] * (ALERTS_MAX_ENTRIES // 2))
        await store.commit(plan(fence, pv=version, commit_id=f"c{version}", commands=commands))

    assert await redis.xlen(keys.alerts_log) == ALERTS_MAX_ENTRIES
    assert (await store.redis.xrange(keys.alerts_log, count=1))[0][0] == b"2-0"
    await store.begin_epoch(fence, "e2")
    assert await redis.xlen(keys.alerts_log) == 0
