"""One aggregator, a real store: readings in, exact versions out."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from dexwire.server.up.embedded import EmbeddedServer
from shared.errors import Diverged, Fenced, StoreError
from shared.keys import Keys
from shared.model import METRICS, PoolReading
from shared.redis.connect import Redis, open_redis
from shared.state.feed import load
from shared.state.messages import Commit, decode
from shared.state.meta import Meta
from shared.state.plan import CommitPlan, Writes
from shared.state.replica import Replica
from shared.state.store import Store
from tests.testkit.market import aggregator, has_leader, market, publish, reaches, reading
from tests.testkit.wait import eventually


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


async def row(store: Store, token_id: str) -> dict[str, object] | None:
    fields = (await store.rows([token_id])).get(token_id)
    return {k: msgspec.json.decode(v) for k, v in fields.items()} if fields else None


async def loaded(store: Store) -> Replica:
    replica = Replica()
    assert await load(store, replica, await store.meta())
    return replica


async def test_a_reading_becomes_a_row_in_its_indices(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading("Abc", price=2.5, volume_24h=1000.0)], source="jupiter")
        await reaches(store, 1)

    found = await row(store, "solana:Abc")
    assert found is not None
    assert (found["price"], found["volume_24h"], found["sources"]) == (2.5, 1000.0, ["jupiter"])
    assert await redis.zscore(keys.index("volume_24h"), "solana:Abc") == 1000.0
    assert await redis.zscore(keys.index("liquidity"), "solana:Abc") is None


async def test_a_value_that_becomes_unknown_leaves_its_index(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading("Abc", price=2.5, liquidity=9.0)], source="jupiter")
        await reaches(store, 1)
        await publish(redis, keys, [reading("Abc", liquidity=None)], source="jupiter")
        await eventually(lambda: _unranked(redis, keys, "liquidity"))

    found = await row(store, "solana:Abc")
    assert found is not None
    assert "liquidity" not in found
    assert found["price"] == 2.5


async def _unranked(redis: Redis, keys: Keys, metric: str) -> bool:
    return await redis.zscore(keys.index(metric), "solana:Abc") is None


async def test_pages_are_warming_until_the_first_tokens(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(store)
        assert (await store.page("volume_24h", 0, 19, descending=True)).seeding

        await publish(redis, keys, market(3, random.Random(1)))
        await reaches(store, 3)

        page = await store.page("volume_24h", 0, 19, descending=True)
        assert not page.seeding
        assert (page.total, len(page.rows), page.ghosts) == (3, 3, ())


async def test_a_batch_that_changes_nothing_is_acknowledged_all_the_same(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    unchanged = reading("Abc", price=2.5)
    async with aggregator(redis_url, keys):
        await has_leader(store)
        first = await publish(redis, keys, [unchanged], source="ingest:bot", ack=True)
        await eventually(lambda: _acked(store, first))
        again = await publish(redis, keys, [unchanged], source="ingest:bot", ack=True)
        commit = await eventually(lambda: _acked(store, again))

    assert (commit.set, commit.add, commit.del_) == ([], [], [])


async def test_a_batch_is_acknowledged_with_the_last_piece_of_its_window(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    tokens = [reading(f"T{n}", price=1.0, volume_24h=1.0) for n in range(60)]
    async with aggregator(redis_url, keys, commit_fields=100):
        await has_leader(store)
        batch = await publish(redis, keys, tokens, source="ingest:bot", ack=True)
        acked = await eventually(lambda: _acked(store, batch))
        log = [decode(message) for message in await store.log(0) or []]

    before = [c for c in log if isinstance(c, Commit) and c.v <= acked.v]
    assert len(before) > 5
    assert sum(len(commit.add) for commit in before) == 60
    assert [commit.v for commit in before if commit.acks] == [acked.v]


async def _acked(store: Store, batch_id: str) -> Commit | None:
    for message in await store.log(0) or []:
        commit = decode(message)
        if isinstance(commit, Commit) and batch_id in commit.acks:
            return commit
    return None


async def test_an_acknowledged_reading_is_stored_with_its_commit(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading("Abc", price=100.0)], source="ingest:bot")
        await reaches(store, 1)
        within_the_noise = [reading("Abc", price=100.001)]
        batch = await publish(redis, keys, within_the_noise, source="ingest:bot", ack=True)
        await eventually(lambda: _acked(store, batch))

    stored = (await store.readings(["solana:Abc"]))["solana:Abc"]["ingest:bot"]
    assert b"100.001" in stored


async def test_one_bad_token_never_spoils_its_batch(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    good = msgspec.json.encode(reading("Good", price=1.0))
    bad = good.replace(b"1.0", b'"1.0"').replace(b"Good", b"Bad")
    head = b'{"schema":1,"source":"jupiter","batch_id":"b","sent_ms":1,"tokens":['
    async with aggregator(redis_url, keys):
        await has_leader(store)
        for junk in (b"", b"\x00", b"[]", b"\xff\xfe", b"[" * 100_000, head, b"{}" * 3):
            await redis.publish(keys.raw_tokens, junk)
        await redis.publish(keys.raw_tokens, head + bad + b"," + good + b"]}")
        await reaches(store, 1)

    assert await store.token_ids() == ["solana:Good"]


async def test_quote_assets_are_left_out_by_default(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    sol = "So11111111111111111111111111111111111111112"
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading(sol, price=80.0), reading("Abc", price=1.0)])
        await reaches(store, 1)
        assert await store.token_ids() == ["solana:Abc"]
    async with aggregator(redis_url, keys, include_quote_assets=True):
        await has_leader(store)
        await publish(redis, keys, [reading(sol, price=80.0)])
        await reaches(store, 2)
    assert sorted(await store.token_ids()) == ["solana:Abc", f"solana:{sol}"]


async def test_a_restart_continues_the_epoch_and_changes_no_value(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, market(50, random.Random(2)))
        before = await reaches(store, 50)
    rows_before = (await loaded(store)).rows

    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading("New", price=1.0)], source="jupiter")
        after = await reaches(store, 51)
    rows_after = (await loaded(store)).rows

    assert after.epoch == before.epoch
    assert int(after.fence) > int(before.fence)
    assert {i: rows_after[i] for i in rows_before} == rows_before


@pytest.mark.parametrize("rv", ["first", str(2**63)])
async def test_a_store_that_holds_what_is_no_row_is_written_again(
    redis_url: str, redis: Redis, keys: Keys, store: Store, rv: str
) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, market(3, random.Random(3)))
        before = await reaches(store, 3)
    spoilt = (await store.token_ids())[0]
    await redis.hset(keys.token(spoilt), "rv", rv)

    async with aggregator(redis_url, keys):
        after = await eventually(lambda: _new_epoch(store, before.epoch), timeout_s=5)

        assert after.tokens == 3
        assert spoilt in (await loaded(store)).rows


async def test_a_store_that_comes_back_empty_is_filled_again_under_a_new_epoch(
    private_server: Callable[[], EmbeddedServer], keys: Keys
) -> None:
    server = private_server()
    async with open_redis(server.url) as redis, aggregator(server.url, keys):
        store = Store(redis, keys)
        await has_leader(store)
        await publish(redis, keys, market(200, random.Random(3)))
        before = await reaches(store, 200)
        rows_before = (await loaded(store)).rows
        readings_before = await store.readings(list(rows_before))

        await redis.flushall()
        after = await eventually(lambda: _new_epoch(store, before.epoch), timeout_s=5)

        assert after.tokens == 200
        rows = (await loaded(store)).rows
        assert _without_rv(rows) == _without_rv(rows_before)
        # Another aggregator that takes over reads them; without them its rows could only be older.
        assert await store.readings(list(rows)) == readings_before


def _without_rv(rows: dict[str, bytes]) -> dict[str, dict[str, object]]:
    plain = {i: msgspec.json.decode(r, type=dict[str, object]) for i, r in rows.items()}
    return {i: {k: v for k, v in r.items() if k != "rv"} for i, r in plain.items()}


async def _new_epoch(store: Store, old: str) -> Meta | None:
    meta = await store.meta()
    return meta if meta.epoch not in ("", old) and not meta.seeding else None


async def test_a_token_that_nobody_reports_any_more_is_flagged_and_then_removed(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    bounds = {"price_stale_s": 1, "sums_stale_s": 1, "dead_after_s": 2}
    async with aggregator(redis_url, keys, **bounds):
        await has_leader(store)
        await publish(redis, keys, market(1, random.Random(4)))
        await reaches(store, 1)
        await eventually(lambda: _is_stale(store))
        await eventually(lambda: _tokens(store, 0))

    replica = await loaded(store)
    assert replica.rows == {}
    assert list(replica.gone) == ["solana:Token00000"]
    for metric in METRICS:
        assert await redis.zcard(keys.index(metric)) == 0
    assert await store.readings(["solana:Token00000"]) == {}


async def _is_stale(store: Store) -> bool:
    found = await row(store, "solana:Token00000")
    return found is not None and found["stale"] is True


async def _tokens(store: Store, count: int) -> bool:
    return (await store.meta()).tokens == count


async def test_the_log_holds_every_version_and_replays_to_the_store(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    dice = random.Random(5)
    async with aggregator(redis_url, keys, commit_fields=300):
        await has_leader(store)
        for _ in range(5):
            await publish(redis, keys, market(60, dice))
            await asyncio.sleep(0.03)
        await reaches(store, 60)

    messages = await store.log(0)
    assert messages is not None
    replayed = Replica()
    replayed.reset((await store.meta()).epoch)
    for message in messages:
        commit = decode(message)
        assert isinstance(commit, Commit)
        replayed.apply(commit)
    assert len(messages) > 5
    assert replayed.rows == (await loaded(store)).rows


async def test_a_takeover_keeps_readings_that_only_the_standby_received_last(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    """The holder vanishes without a word: its lease runs out, the standby commits what it heard."""
    async with aggregator(redis_url, keys) as first:
        await has_leader(store)
        await publish(redis, keys, market(20, random.Random(6)))
        before = await reaches(store, 20)
        async with aggregator(redis_url, keys):
            await eventually(lambda: _listeners(redis, keys, 2))
            first.cancel()
            await asyncio.wait([first])
            died = time.monotonic()
            await publish(redis, keys, [reading("Late", price=3.0)], source="jupiter")
            after = await reaches(store, 21)
            took = time.monotonic() - died

    assert took < 2.5
    assert after.epoch == before.epoch
    assert await row(store, "solana:Late") is not None


async def _listeners(redis: Redis, keys: Keys, count: int) -> bool:
    return dict(await redis.pubsub_numsub(keys.raw_tokens))[keys.raw_tokens.encode()] == count


def plan(**changes: object) -> CommitPlan:
    fields: dict[str, object] = {
        "fence": "", "epoch": "e1", "commit_id": "c1", "pv": 0, "ts": 1, "digest": "0" * 16,
        "tokens": 0, "horizon": 0, "seeding": False, "message": b"{}",
    }  # fmt: skip
    return CommitPlan(**{**fields, **changes})  # type: ignore[arg-type]


async def test_a_commit_of_a_former_holder_is_refused(store: Store) -> None:
    old = await store.acquire("a")
    assert old is not None
    await store.begin_epoch(old.fence, "e1")
    await store.release("a")
    new = await store.acquire("b")
    assert new is not None

    with pytest.raises(Fenced):
        await store.commit(plan(fence=old.fence))
    with pytest.raises(Fenced):
        await store.heartbeat(old.fence, "e1", 0, b"{}")
    with pytest.raises(Fenced):
        await store.begin_epoch(old.fence, "e2")
    assert await store.commit(plan(fence=new.fence)) == 1


@pytest.mark.parametrize("kept", [None, 10**15])  # a store that came back empty; a clock set back
async def test_a_fence_is_above_all_before_it_whatever_became_of_them(
    store: Store, kept: int | None
) -> None:
    first = await store.acquire("a")
    assert first is not None
    await store.release("a")
    await store.redis.delete(store.keys.meta)
    if kept is not None:
        await store.redis.hset(store.keys.meta, "fence", kept)
    await eventually(partial(_is_after, store, int(first.fence)))

    second = await store.acquire("b")

    assert second is not None
    assert int(second.fence) > (kept or int(first.fence))


async def test_a_lease_says_the_stores_time_when_it_is_taken_and_kept(store: Store) -> None:
    before_ms = await _store_ms(store)
    lease = await store.acquire("a")
    kept_ms = await store.renew("a")
    after_ms = await _store_ms(store)

    assert lease is not None
    assert kept_ms is not None
    assert before_ms <= lease.now_ms <= kept_ms <= after_ms


async def test_ranked_tokens_without_a_row_are_named_and_take_no_place(store: Store) -> None:
    await store.redis.zadd(store.keys.index("price"), {"solana:A": 1, "solana:B": 2, "solana:C": 3})
    await store.redis.hset(store.keys.token("solana:B"), mapping={"id": '"solana:B"'})

    page = await store.page("price", 0, 9, descending=True)

    assert (page.total, page.read, len(page.rows)) == (3, 3, 1)
    assert page.ghosts == ("solana:C", "solana:A")


async def _is_after(store: Store, at_ms: int) -> bool:
    return await _store_ms(store) > at_ms


async def _store_ms(store: Store) -> int:
    seconds, micros = await store.redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def test_a_repeated_commit_is_applied_once(store: Store) -> None:
    lease = await store.acquire("a")
    assert lease is not None
    await store.begin_epoch(lease.fence, "e1")

    assert await store.commit(plan(fence=lease.fence)) == 1
    assert await store.commit(plan(fence=lease.fence)) == 1
    assert (await store.meta()).version == 1


async def test_a_commit_may_rank_more_tokens_than_lua_unpacks_at_once(store: Store) -> None:
    lease = await store.acquire("a")
    assert lease is not None
    await store.begin_epoch(lease.fence, "e1")
    writes = Writes(store.keys, 1)
    for number in range(5_000):
        writes.add_row(f"solana:{number}", {"id": b"1", "liquidity": b"%d" % number})

    await store.commit(plan(fence=lease.fence, commands=writes.commands()))

    page = await store.page("liquidity", 0, 0, descending=True)
    assert (page.total, page.ids) == (5_000, ("solana:4999",))


async def test_a_token_may_have_readings_of_more_sources_than_lua_unpacks_at_once(
    store: Store,
) -> None:
    lease = await store.acquire("a")
    assert lease is not None
    await store.begin_epoch(lease.fence, "e1")
    writes = Writes(store.keys, 1)
    writes.put_readings("solana:A", {f"ingest:bot{number}": b"{}" for number in range(5_000)})

    await store.commit(plan(fence=lease.fence, commands=writes.commands()))

    assert len((await store.readings(["solana:A"]))["solana:A"]) == 5_000


async def test_a_commit_that_builds_on_another_state_is_refused(store: Store) -> None:
    lease = await store.acquire("a")
    assert lease is not None
    await store.begin_epoch(lease.fence, "e1")

    with pytest.raises(Diverged):
        await store.commit(plan(fence=lease.fence, pv=7, commit_id="c2"))
    with pytest.raises(Diverged):
        await store.commit(plan(fence=lease.fence, epoch="e0", commit_id="c3"))


async def test_the_lease_is_held_by_one_and_given_back_by_its_holder_only(store: Store) -> None:
    assert await store.acquire("a") is not None
    assert await store.acquire("b") is None
    await store.release("b")
    assert await store.acquire("b") is None
    assert await store.renew("b") is None
    assert await store.renew("a") is not None
    await store.release("a")
    assert await store.acquire("b") is not None


async def test_readings_are_refused_while_no_aggregator_leads(store: Store) -> None:
    with pytest.raises(StoreError, match="NOAGG"):
        await store.accept(b"{}")


async def test_a_pool_keeps_its_time_over_a_restart(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    pool = PoolReading(pool_address="P1", price=2.0, liquidity=5000.0, volume_24h=10.0)
    newer = reading("Abc", observed_ms=2_000_000_000_000, pools=())
    assert newer.observed_ms == 2_000_000_000_000
    token = msgspec.structs.replace(reading("Abc"), pools=(pool,))
    older = msgspec.structs.replace(
        token,
        observed_ms=token.observed_ms - 60_000,
        pools=(msgspec.structs.replace(pool, price=1.0),),
    )
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [token])
        await reaches(store, 1)
    async with aggregator(redis_url, keys):
        await has_leader(store)
        batch = await publish(redis, keys, [older], ack=True)
        await eventually(lambda: _acked(store, batch))

    found = await row(store, "solana:Abc")
    assert found is not None
    assert found["price"] == 2.0


async def test_a_new_epoch_does_not_inherit_a_row_that_nobody_knows_anything_of(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    await redis.hset(keys.token("solana:Ghost"), mapping={"id": '"solana:Ghost"'})
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading("Abc", price=1.0)], source="jupiter")
        await reaches(store, 1)

    assert await store.token_ids() == ["solana:Abc"]
    assert list((await loaded(store)).rows) == ["solana:Abc"]


async def test_a_new_epoch_does_not_inherit_a_row_that_died_meanwhile(
    redis_url: str, redis: Redis, keys: Keys, store: Store
) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, [reading("Abc", price=1.0), reading("Old", price=2.0)])
        await reaches(store, 2)
    long_ago = b'{"fields":{"price":[2.0,1700000000000]}}'
    await redis.hset(keys.reading("solana:Old"), "dexscreener", long_ago)
    await redis.delete(keys.meta)

    async with aggregator(redis_url, keys):
        await has_leader(store)
        await reaches(store, 1)

    assert await store.token_ids() == ["solana:Abc"]
    assert list((await loaded(store)).rows) == ["solana:Abc"]


async def test_a_store_that_takes_no_writes_is_logged_ever_less(
    private_server: Callable[..., EmbeddedServer], keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    server = private_server()
    async with open_redis(server.url) as client:
        await client.config_set("min-replicas-to-write", 1)
    reason = ""

    def tenth() -> bool:
        nonlocal reason
        out, err = capsys.readouterr()
        reason += out + err
        return "count=10" in reason

    async with aggregator(server.url, keys):
        await eventually(tenth)

    assert reason.count("term_ended") == 2  # the first and the tenth
