"""One step at a time, on a real store: of the lease, of a window, of the heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import msgspec
import pytest

from dexwire.server.up.embedded import EmbeddedServer
from services.aggregator.backlog import BacklogReport
from services.aggregator.context import AggregatorContext, build_context
from services.aggregator.intake import Intake
from services.aggregator.leader import Leader, LeaseLost
from services.aggregator.memory import Memory
from services.aggregator.repeat import repeat
from services.aggregator.settings import AggregatorSettings
from services.aggregator.term import Term, take_over
from shared.errors import Diverged, Fenced
from shared.keys import Keys
from shared.model import ReadingBatch
from shared.process.settings import read_settings
from shared.redis.connect import Redis, open_redis
from shared.state.feed import load
from shared.state.messages import Commit, Heartbeat, decode
from shared.state.plan import CommitPlan
from shared.state.replica import Replica
from shared.state.store import Store
from tests.testkit.market import now_ms, reading
from tests.testkit.wait import eventually

Take: TypeAlias = Callable[[], Awaitable[Commit | Heartbeat | None]]


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


@pytest.fixture
def context(redis: Redis, keys: Keys) -> AggregatorContext:
    return a_context(redis, keys)


@pytest.fixture
async def messages(redis: Redis, keys: Keys) -> AsyncIterator[Take]:
    """What has been published on `state_changes`, one by one; None when there is no more."""
    async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
        await subscription.subscribe(keys.state_changes)
        await subscription.get_message(timeout=1)

        async def take() -> Commit | Heartbeat | None:
            found = await subscription.get_message(timeout=0.05)
            return None if found is None else decode(found["data"])

        yield take


def a_context(redis: Redis, keys: Keys, **settings: object) -> AggregatorContext:
    intake = Intake(Memory(100), include_quote_assets=False)
    return build_context(redis, keys, intake, read_settings(AggregatorSettings, **settings))


def hear(
    context: AggregatorContext,
    *addresses: str,
    price: float,
    ack: str = "",
    observed_ms: int | None = None,
) -> None:
    at_ms = observed_ms or now_ms()
    tokens = tuple(reading(address, price=price, observed_ms=at_ms) for address in addresses)
    batch = ReadingBatch(
        source="ingest:bot", batch_id=ack or "b", sent_ms=now_ms(), tokens=tokens, ack=bool(ack)
    )
    context.intake.take(msgspec.json.encode(batch), context.clock.now_ms())


async def begin(context: AggregatorContext) -> tuple[Leader, Term]:
    leader = Leader(context)
    lease = await leader.acquire()
    assert lease is not None
    return leader, await take_over(context, lease.fence)


async def begin_again(leader: Leader, context: AggregatorContext) -> Term:
    """Begin the next term of the same process, as when an error ended the one before."""
    leader.follow()
    lease = await leader.acquire()
    assert lease is not None
    return await take_over(context, lease.fence)


# -- the lease ------------------------------------------------------------------------------------
async def test_a_free_lease_is_taken_and_a_held_one_is_not(redis: Redis, keys: Keys) -> None:
    first, second = Leader(a_context(redis, keys)), Leader(a_context(redis, keys))

    held = await first.acquire()

    assert held is not None
    assert await second.acquire() is None
    await first.renew()


async def test_a_lease_that_another_one_holds_cannot_be_renewed(redis: Redis, keys: Keys) -> None:
    first, second = Leader(a_context(redis, keys)), Leader(a_context(redis, keys))
    assert await first.acquire() is not None
    await redis.delete(keys.lease)
    assert await second.acquire() is not None

    with pytest.raises(LeaseLost):
        await first.renew()


async def test_a_term_that_fails_leaves_no_cancellation_behind(redis: Redis, keys: Keys) -> None:
    context, other = a_context(redis, keys, window_ms=10), Leader(a_context(redis, keys))
    _, term = await begin(context)
    await redis.delete(keys.lease)
    lease = await other.acquire()
    assert lease is not None
    await Store(redis, keys).begin_epoch(lease.fence, "e2")
    hear(context, "A", price=1.0)

    with pytest.raises(ExceptionGroup) as failed:
        await term.run(asyncio.Event())

    task = asyncio.current_task()
    assert failed.group_contains(Fenced)
    assert task is not None
    assert task.cancelling() == 0


async def test_each_taking_of_the_lease_raises_the_fence(context: AggregatorContext) -> None:
    leader = Leader(context)
    first, again = await leader.acquire(), await leader.acquire()

    assert first is not None
    assert again is not None
    assert int(again.fence) > int(first.fence)


async def test_a_standby_forgets_what_the_leader_had_time_to_commit(
    redis: Redis, keys: Keys, context: AggregatorContext
) -> None:
    assert await Leader(a_context(redis, keys)).acquire() is not None
    context.clock.set(now_ms() - 60_000)
    hear(context, "Old", price=1.0, ack="old")
    context.clock.set(now_ms())
    hear(context, "New", price=1.0, ack="new")

    assert await Leader(context).acquire() is None

    assert list(context.intake.waiting) == ["new"]
    assert context.memory.take_dirty(context.clock.now_ms()) == ["solana:New"]


async def test_a_late_heartbeat_makes_no_reading_older(context: AggregatorContext) -> None:
    """The one that takes over commits what it heard, with the time at which it was observed."""
    late_ms = 3_000  # the store was paused between the heartbeat's time and its publication
    for ts in (now_ms(), now_ms() - late_ms):
        context.standby.on_heartbeat(Heartbeat(e="e1", v=1, ts=ts, digest="0" * 16, seeding=False))
    at_ms = now_ms() - 10

    hear(context, "A", price=1.0)

    held = context.memory.sources("solana:A")["ingest:bot"].fields["price"]
    assert at_ms <= held.observed_ms <= now_ms()


# -- a window -------------------------------------------------------------------------------------
async def test_one_window_is_one_version_with_its_acknowledgement(
    context: AggregatorContext, store: Store
) -> None:
    _, term = await begin(context)
    hear(context, "A", "B", price=1.0, ack="batch")

    await term.flush()

    (message,) = await store.log(0) or []
    commit = decode(message)
    assert isinstance(commit, Commit)
    assert (commit.pv, commit.v, commit.acks, len(commit.add)) == (0, 1, ["batch"], 2)
    assert sorted(await store.token_ids()) == ["solana:A", "solana:B"]


async def test_a_window_without_news_writes_nothing(
    context: AggregatorContext, store: Store
) -> None:
    _, term = await begin(context)
    hear(context, "A", price=1.0)
    await term.flush()

    await term.flush()

    assert (await store.meta()).version == 1


async def test_what_a_refused_commit_held_comes_with_the_next_window(
    context: AggregatorContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, term = await begin(context)
    hear(context, "A", price=1.0, ack="batch")

    async def refuse(*_: object) -> int:
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", refuse)
        with pytest.raises(ConnectionError):
            await term.flush()
    await term.flush()

    assert await store.token_ids() == ["solana:A"]
    assert set(await store.readings(["solana:A"])) == {"solana:A"}
    assert context.intake.waiting == {}


async def test_what_the_pieces_of_a_failed_window_held_comes_with_the_next(
    redis: Redis, keys: Keys, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = a_context(redis, keys, commit_fields=100)
    _, term = await begin(context)
    addresses = [f"T{number}" for number in range(60)]
    hear(context, *addresses, price=1.0, ack="batch")
    commit, taken = Store.commit, 0

    async def take_two(self: Store, plan: CommitPlan) -> int:
        nonlocal taken
        taken += 1
        if taken > 2:
            raise Diverged("VERSION")
        return await commit(self, plan)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", take_two)
        with pytest.raises(Diverged):
            await term.flush()
    assert (await store.meta()).version == 2
    await term.flush()

    everything = sorted(f"solana:{address}" for address in addresses)
    assert sorted(await store.token_ids()) == everything
    assert sorted(await store.readings(everything)) == everything
    assert taken == 3


async def test_a_term_after_an_epoch_s_first_window_failed_removes_what_is_no_row(
    context: AggregatorContext, redis: Redis, keys: Keys, store: Store
) -> None:
    leader, first = await begin(context)
    hear(context, "A", "Old", price=1.0, ack="batch")
    await first.flush()
    long_ago = b'{"fields":{"price":[2.0,1700000000000]}}'
    await redis.hset(keys.reading("solana:Old"), "ingest:bot", long_ago)
    context.memory.forget("solana:Old")
    await redis.hset(keys.meta, "run_id", "before a restart")
    await begin_again(leader, context)  # begins an epoch, and ends before its first window

    term = await begin_again(leader, context)
    await term.flush()

    assert await store.token_ids() == ["solana:A"]
    assert await load(store, Replica(), await store.meta())


async def test_a_full_store_ends_no_term(
    private_server: Callable[[], EmbeddedServer], keys: Keys
) -> None:
    server = private_server()
    async with open_redis(server.url) as redis:
        context = a_context(redis, keys)
        _, term = await begin(context)
        hear(context, "A", price=1.0)
        await redis.config_set("maxmemory", 1)

        await term.commit_window()
        await redis.config_set("maxmemory", 0)
        await term.commit_window()

        assert context.counts.commits == {"full": 1, "ok": 1}
        assert await Store(redis, keys).token_ids() == ["solana:A"]


# -- the heartbeat --------------------------------------------------------------------------------
async def test_a_heartbeat_names_the_committed_state(
    context: AggregatorContext, messages: Take
) -> None:
    _, term = await begin(context)
    hear(context, "A", price=1.0)
    await term.flush()
    await term.beat()

    commit, beat = await messages(), await messages()
    assert isinstance(commit, Commit)
    assert isinstance(beat, Heartbeat)
    assert (beat.e, beat.v, beat.digest) == (commit.e, 1, commit.digest)
    assert not beat.seeding


async def test_a_store_that_was_exchanged_refuses_the_heartbeat(
    context: AggregatorContext, redis: Redis, keys: Keys
) -> None:
    _, term = await begin(context)
    await redis.hset(keys.meta, "run_id", "another")

    with pytest.raises(Diverged, match="RUN"):
        await term.beat()


# -- one term after the other ---------------------------------------------------------------------
async def test_a_former_term_can_neither_commit_nor_beat(context: AggregatorContext) -> None:
    leader, old = await begin(context)
    assert await leader.acquire() is not None
    hear(context, "A", price=1.0)

    with pytest.raises(Fenced):
        await old.flush()
    with pytest.raises(Fenced):
        await old.beat()


async def test_a_new_term_reads_what_another_one_stored_since(
    redis: Redis, keys: Keys, context: AggregatorContext, store: Store
) -> None:
    """Its alerts and readings are the store's, whatever this process held in its last term."""
    _, term = await begin(context)
    hear(context, "A", price=1.0)
    await term.flush()
    context.feed.follow()
    await redis.delete(keys.lease)
    other = a_context(redis, keys)
    leader, theirs = await begin(other)
    hear(other, "A", price=2.0)
    await theirs.flush()
    await redis.delete(keys.lease)

    _, again = await begin(context)
    await again.flush()
    context.memory.touch(["solana:A"], context.clock.now_ms())
    await again.flush()

    assert (await store.meta()).version == 2
    assert (await store.rows(["solana:A"]))["solana:A"]["price"] == b"2.0"
    assert not leader.leading


async def test_what_a_term_could_not_remove_is_looked_at_again_by_the_next(
    redis: Redis, keys: Keys, context: AggregatorContext, store: Store
) -> None:
    """A process that stood still misses a post, and finds a token too old that is not."""
    leader, term = await begin(context)
    hear(context, "A", price=1.0)
    await term.flush()
    other = a_context(redis, keys)
    for each in (context, other):  # more than a day passes
        each.clock.set(now_ms() + 25 * 3_600_000)
    await redis.delete(keys.lease)
    _, theirs = await begin(other)
    hear(other, "A", price=2.0, observed_ms=other.clock.now_ms())
    await theirs.flush()
    with pytest.raises(Fenced):  # it was to remove the token
        await term.flush()
    await redis.delete(keys.lease)

    again = await begin_again(leader, context)
    await again.flush()

    assert (await store.rows(["solana:A"]))["solana:A"]["price"] == b"2.0"


async def test_what_comes_in_while_a_window_is_merged_goes_with_it(
    context: AggregatorContext, messages: Take
) -> None:
    _, term = await begin(context)
    hear(context, "A", price=1.0)

    writing = asyncio.create_task(term.flush())
    await asyncio.sleep(0)
    hear(context, "A", "B", price=2.0)
    await writing
    commit = await messages()
    await term.flush()

    assert isinstance(commit, Commit)
    assert [msgspec.json.decode(row)["id"] for row in commit.add] == ["solana:A", "solana:B"]
    rows = context.replica.rows
    assert [msgspec.json.decode(rows[f"solana:{each}"])["price"] for each in "AB"] == [2.0, 2.0]


@pytest.mark.parametrize(("every_s", "least_s", "most_s"), [(30.0, 29.0, 29.95), (0.01, 0.0, 0.0)])
async def test_steps_begin_at_even_times_or_at_once_when_one_takes_longer(
    every_s: float, least_s: float, most_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def note_pause(_event: asyncio.Event, timeout_s: float) -> bool:
        pauses.append(timeout_s)
        return len(pauses) == 2

    monkeypatch.setattr("services.aggregator.repeat.wait", note_pause)
    await repeat(lambda: asyncio.sleep(0.05), every_s, asyncio.Event())

    assert pauses[0] == every_s
    assert least_s <= pauses[1] <= most_s


async def test_a_term_runs_until_stop_and_gives_the_lease_back(
    context: AggregatorContext, redis: Redis, keys: Keys, store: Store
) -> None:
    leader, stop = Leader(context), asyncio.Event()
    running = asyncio.create_task(leader.run(stop))
    await eventually(lambda: leader.leading)
    hear(context, "A", price=1.0)
    stop.set()
    await running

    assert await store.token_ids() == ["solana:A"]
    assert not await redis.exists(keys.lease)
    assert not leader.leading


async def test_a_subscription_lost_during_a_report_begins_at_what_is_published(
    redis: Redis, keys: Keys, context: AggregatorContext, store: Store
) -> None:
    lease = await store.acquire("a")
    assert lease is not None
    report = BacklogReport(context, lease.fence)
    context.intake.at = 100
    await redis.set(keys.raw_published, 9_000_000)

    writing = asyncio.create_task(report.write())
    await asyncio.sleep(0)
    context.intake.subscribed()
    await writing
    await report.write()

    # Nothing before that will come, and publishers would wait for ever for it to be read.
    assert await redis.hget(keys.raw_taken, "at") == b"9000000"
