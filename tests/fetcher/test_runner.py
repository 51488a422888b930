"""Jobs from the call to the channel: a real upstream, a real store, hand-made sources."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from services.fetcher.app import run_sources
from services.fetcher.due import NEW, UNASKED, DueTokens
from services.fetcher.http import Upstreams
from services.fetcher.jobs import Leases
from services.fetcher.publish import Publisher
from services.fetcher.runner import JobRunner
from services.fetcher.settings import FetcherSettings
from services.fetcher.source import Call, Discovery, Job, ParsedBody, Refresh, Source
from services.fetcher.sources import dexscreener
from services.fetcher.status import StatusBoard
from shared.keys import Keys
from shared.model import ReadingBatch
from shared.redis.connect import Redis
from tests.testkit.recordings import recorded
from tests.testkit.upstream import JSON_HEAD, Upstream
from tests.testkit.wait import eventually

BOOSTS = Discovery("lists", 0.2, (Call("/boosts", dexscreener.read_listed),))
SEARCH = Discovery("search", 60, (Call("/search", dexscreener.read_pairs),))
PING = "base:0xd85c31854c2b0fb40aaa9e2fc4da23c21f829d46"
USD1 = "solana:USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB"


def refresh(**changed: object) -> Refresh:
    job = Refresh(
        "refresh",
        0.1,
        lambda chain, addresses: Call(f"/{chain}/{','.join(addresses)}", dexscreener.read_pairs),
        batch=2,
        calls_per_cycle=3,
        again_s=30,
    )
    return replace(job, **changed)  # type: ignore[arg-type]  # any field


@dataclass(frozen=True)
class Store:
    """The test's part of the store."""

    redis: Redis
    keys: Keys

    async def due(self, source: str) -> dict[str, float]:
        queue: Any = await self.redis.zrange(self.keys.fetch_due(source), 0, -1, withscores=True)
        return {token.decode(): score for token, score in queue}

    async def known(self) -> list[str]:
        known: Any = await self.redis.zrange(self.keys.fetch_known, 0, -1)
        return [each.decode() for each in known]

    async def status(self, source: str) -> dict[str, str]:
        status: Any = await self.redis.hgetall(self.keys.fetch_status(source))
        return {name.decode(): value.decode() for name, value in status.items()}


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


class SlowToPublish:
    """A client whose scripts wait until they are let go."""

    def __init__(self, redis: Redis) -> None:
        self.redis: Any = redis
        self.waiting, self.go = asyncio.Event(), asyncio.Event()

    async def execute_command(self, *command: Any) -> Any:  # noqa: ANN401 - as the library's
        self.waiting.set()
        await self.go.wait()
        return await self.redis.execute_command(*command)

    async def script_load(self, source: str) -> Any:  # noqa: ANN401
        return await self.redis.script_load(source)


class Channel:
    """What was published on `raw_tokens`."""

    def __init__(self) -> None:
        self.batches: list[ReadingBatch] = []

    def ids(self, source: str) -> list[str]:
        return [
            f"{token.chain}:{token.token_address}"
            for batch in self.batches
            if batch.source == source
            for token in batch.tokens
        ]


@pytest.fixture
async def channel(redis: Redis, keys: Keys) -> AsyncIterator[Channel]:
    one, subscription = Channel(), redis.pubsub()
    await subscription.subscribe(keys.raw_tokens)
    await subscription.get_message(timeout=2)

    async def listen() -> None:
        while True:
            message = await subscription.get_message(timeout=0.5)
            if message and message["type"] == "message":
                one.batches.append(msgspec.json.decode(message["data"], type=ReadingBatch))

    task = asyncio.ensure_future(listen())
    yield one
    task.cancel()
    await asyncio.wait({task})
    await subscription.aclose()  # type: ignore[no-untyped-call]  # the library's


@pytest.fixture
def runner(
    redis: Redis, keys: Keys, upstreams: Callable[..., Upstreams]
) -> Callable[[Sequence[Source]], JobRunner]:
    def make(sources: Sequence[Source]) -> JobRunner:
        return JobRunner(
            redis=redis,
            keys=keys,
            sources=sources,
            upstreams=upstreams(),
            leases=Leases(redis),
            due=DueTokens(redis, keys, known_max=1_000),
            delivery=Publisher(redis, keys),
            status=StatusBoard(),
        )

    return make


Make = Callable[[Sequence[Source]], JobRunner]


def with_jobs(source: Source, *jobs: Job) -> Source:
    return replace(source, jobs=jobs)


async def test_a_list_publishes_its_readings_and_offers_its_tokens(
    server: Upstream, source: Source, runner: Make, channel: Channel, store: Store
) -> None:
    server.answer("/search", recorded("dexscreener", "latest-dex-search_usd1_2025-11-06"))
    mine = with_jobs(source, SEARCH, refresh())
    other = replace(with_jobs(source, refresh(chains=frozenset({"base"}))), name="other")

    await runner([mine, other]).cycle(mine, SEARCH)

    await eventually(lambda: len(channel.ids("test")) == 22)
    assert PING in channel.ids("test")
    # Just seen by this source; never requested from the other, which knows one chain only.
    due = await store.due("test")
    assert time.time() * 1000 - 5_000 < due[PING]
    assert await store.due("other") == {PING: UNASKED}
    # Quote assets are published, and not requested again.
    assert USD1 in channel.ids("test")
    assert USD1 not in due


async def test_a_network_that_a_source_does_not_have_is_named_in_its_status(
    server: Upstream, source: Source, runner: Make, store: Store
) -> None:
    path = "/networks/etherium/trending_pools"
    server.answer(path, status=404)
    job = Discovery("trending", 60, (Call(path, dexscreener.read_pairs),))
    mine = with_jobs(source, job)
    one = runner([mine])

    await one.cycle(mine, job)
    await one.status.write(store.redis, store.keys)

    assert (await store.status("test"))["last_error"] == f"test {path}: HTTP 404"


async def test_a_token_that_was_only_named_is_polled_first(
    server: Upstream, source: Source, runner: Make, store: Store
) -> None:
    server.answer("/boosts", recorded("dexscreener", "token-boosts-latest-v1_2025-11-06"))
    mine = with_jobs(source, BOOSTS, refresh())

    await runner([mine]).cycle(mine, BOOSTS)

    assert list((await store.due("test")).values()) == [NEW] * 25


async def test_due_tokens_are_polled_in_batches_of_one_chain(
    server: Upstream, source: Source, runner: Make
) -> None:
    job = refresh()
    mine = with_jobs(source, job)
    one = runner([mine])
    await one.due.offer(
        {f"{chain}:{name}": {"test": NEW} for chain, name in
         [("base", "a"), ("base", "b"), ("base", "c"), ("solana", "d")]},
        ["test"],
    )  # fmt: skip

    await one.cycle(mine, job)
    await one.cycle(mine, job)

    assert server.calls == {"/base/a,b": 1, "/base/c": 1, "/solana/d": 1}


async def test_what_is_hot_is_what_is_watched_and_what_ranks_high(
    server: Upstream, source: Source, runner: Make, store: Store
) -> None:
    now = int(time.time() * 1000)
    await store.redis.zadd(
        store.keys.index("volume_24h"), {"base:low": 1, "base:top": 9, "solana:s": 8}
    )
    await store.redis.zadd(
        store.keys.watched, {"base:seen": now, "base:longago": now - 3_600_000, "base:../x": now}
    )
    await store.redis.hset(store.keys.token("base:seen"), "id", '"base:seen"')
    job = refresh(pick="hot", top=2, chains=frozenset({"base"}))
    mine = with_jobs(source, job)

    await runner([mine]).cycle(mine, job)

    assert server.calls == {"/base/seen,top": 1}
    assert await store.known() == ["base:seen", "base:top"]


async def test_watched_tokens_without_a_row_cost_one_call_in_an_hour(
    server: Upstream, source: Source, runner: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time() * 1000)
    junk = [f"base:junk{n}" for n in range(40)]
    await store.redis.zadd(store.keys.watched, dict.fromkeys(junk, now))
    await store.redis.zadd(store.keys.index("volume_24h"), {"base:top": 9})
    job = refresh(pick="hot", top=2, again_s=0.001, calls_per_cycle=50)
    mine = with_jobs(source, job)
    one = runner([mine])

    for _ in range(3):
        await one.cycle(mine, job)
        await asyncio.sleep(0.002)
    beside = sum(path.count("junk") for path in server.calls)
    monkeypatch.setattr("services.fetcher.runner.UNKNOWN_EVERY_S", -1.0)
    one._unknown_s.clear()
    for _ in range(25):
        await one.cycle(mine, job)

    paths = [path.rpartition("/")[2].split(",") for path in server.calls]
    junk_ids = [address for path in paths for address in path if "junk" in address]
    assert beside == 2  # one batch, in three cycles within ten seconds
    assert await store.known() == ["base:top"]  # junk displaces nothing
    assert len(junk_ids) == 40  # each once


async def test_the_priceless_are_those_whose_row_has_no_price_or_only_ours(
    server: Upstream, source: Source, runner: Make, store: Store
) -> None:
    job = refresh(pick="priceless")
    mine = with_jobs(source, job)
    one = runner([mine])
    await one.due.offer({f"base:{name}": {"test": NEW} for name in "abc"}, ["test"])
    await store.redis.hset(store.keys.token("base:a"), "price_source", '"tester"')
    await store.redis.hset(store.keys.token("base:c"), "price_source", '"test:thin"')

    await one.cycle(mine, job)

    assert server.calls == {"/base/b,c": 1}


async def test_an_answer_to_our_own_question_does_not_keep_a_token_alive(
    server: Upstream, source: Source, runner: Make, channel: Channel, store: Store
) -> None:
    job = refresh()
    mine = with_jobs(source, job)
    server.answer("/base/a", recorded("dexscreener", "latest-dex-search_usd1_2025-11-06"))
    one = runner([mine])
    await one.due.offer({"base:a": {"test": NEW}}, ["test"])

    await one.cycle(mine, job)

    await eventually(lambda: len(channel.ids("test")) == 22)
    assert await store.known() == ["base:a"]


async def test_a_failing_call_is_reported_and_stops_nothing_else(
    server: Upstream, source: Source, runner: Make, channel: Channel, store: Store
) -> None:
    server.answer("/search", recorded("dexscreener", "latest-dex-search_usd1_2025-11-06"))
    server.answer("/html", b"<html>", content_type="text/html")
    server.answer("/bad", b'{"pairs":5}')
    job = Discovery(
        "j", 60, tuple(Call(path, dexscreener.read_pairs) for path in ("/html", "/bad", "/search"))
    )
    mine = with_jobs(source, job)
    one = runner([mine])

    await one.cycle(mine, job)
    await one.status.write(store.redis, store.keys)

    await eventually(lambda: len(channel.ids("test")) == 22)
    status = await store.status("test")
    assert (status["calls"], status["errors"], status["tokens"]) == ("3", "2", "22")
    assert status["state"] == "degraded"


async def test_a_job_goes_on_after_the_store_refused_it(
    server: Upstream, source: Source, runner: Make, channel: Channel, store: Store
) -> None:
    server.answer("/base/a", recorded("dexscreener", "latest-dex-search_usd1_2025-11-06"))
    job = refresh()
    mine = with_jobs(source, job)
    one = runner([mine])
    await store.redis.set(store.keys.fetch_due("test"), "in the way")

    running = asyncio.ensure_future(one.run_job(mine, job))
    await eventually(lambda: store.redis.get(store.keys.fetch_job("test", "refresh")))
    await store.redis.delete(store.keys.fetch_due("test"))
    await one.due.offer({"base:a": {"test": NEW}}, ["test"])
    await eventually(lambda: len(channel.ids("test")) == 22)
    assert not running.done()

    running.cancel()
    await asyncio.wait({running})


async def test_what_has_arrived_is_published_though_the_job_is_cancelled(
    server: Upstream, source: Source, runner: Make, channel: Channel
) -> None:
    server.answer("/search", recorded("dexscreener", "latest-dex-search_usd1_2025-11-06"))
    mine = with_jobs(source, SEARCH)
    one = runner([mine])
    slow = SlowToPublish(one.redis)
    one.delivery = Publisher(slow, one.keys)  # type: ignore[arg-type]  # what this uses of it

    job = asyncio.ensure_future(one.run_job(mine, SEARCH))
    await asyncio.wait_for(slow.waiting.wait(), 5)
    job.cancel()
    slow.go.set()
    with pytest.raises(asyncio.CancelledError):
        await job

    await eventually(lambda: len(channel.ids("test")) == 22)


async def test_the_loop_goes_on_while_a_large_body_is_read(
    server: Upstream, source: Source, runner: Make
) -> None:
    server.answer("/large", b"[" * 2_000_000)
    reading, loop_goes_on = threading.Event(), threading.Event()
    seen: list[bool] = []

    def read(body: bytes, at_ms: int) -> ParsedBody:
        reading.set()
        seen.append(loop_goes_on.wait(3))
        return dexscreener.read_pairs(body, at_ms)

    one = runner([source])
    call = asyncio.ensure_future(one.call(source, Call("/large", read), naming=True))
    await eventually(reading.is_set)
    loop_goes_on.set()
    await call

    assert seen == [True]
    assert one.counts["test"].calls == {"malformed": 1}


async def test_a_broken_source_never_stops_the_others_and_the_end_is_quick(
    server: Upstream, source: Source, channel: Channel, redis_url: str, store: Store
) -> None:
    async def hang(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(JSON_HEAD)
        await asyncio.sleep(3600)

    server.answer("/good/search", recorded("dexscreener", "latest-dex-search_usd1_2025-11-06"))
    server.handlers["/hung/search"] = hang
    server.answer("/down/search", status=500)
    job = replace(SEARCH, interval_s=0.05)
    sources = [
        replace(with_jobs(source, job), name=name, url=f"{source.url}/{name}")
        for name in ("hung", "down", "good")
    ]
    settings = FetcherSettings(redis_url=redis_url, redis_prefix=store.keys.prefix)
    stop = asyncio.Event()

    running = asyncio.ensure_future(run_sources(settings, sources, stop, off=["unused"]))
    await eventually(lambda: len(channel.batches) >= 10, timeout_s=10)
    await eventually(lambda: store.status("down"))
    stop.set()
    started = time.monotonic()
    await running

    assert time.monotonic() - started < 2
    assert (await store.status("down"))["state"] == "down"
    assert await store.status("unused") == {"state": "off"}
    assert "last_ok_ms" in await store.status("good")


async def test_without_a_store_it_waits_and_still_ends_at_once(source: Source) -> None:
    settings = FetcherSettings(redis_url="unix:///nowhere/redis.sock")
    stop = asyncio.Event()
    running = asyncio.ensure_future(run_sources(settings, [source], stop, off=[]))
    await asyncio.sleep(0.1)
    assert not running.done()

    stop.set()

    await asyncio.wait_for(running, 1)


async def test_while_a_source_rests_its_queue_is_kept_and_health_shows_it(
    server: Upstream, source: Source, runner: Make, store: Store
) -> None:
    server.answer("/search", status=500)
    job, asking = Discovery("j", 60, SEARCH.calls * 20), refresh()
    mine = with_jobs(source, job, asking)
    one = runner([mine])
    await one.due.offer({"base:a": {"test": NEW}}, ["test"])

    await one.cycle(mine, job)
    await one.cycle(mine, asking)
    await one.status.write(store.redis, store.keys)

    assert "/base/a" not in server.calls
    assert await one.due.take_due("test", again_s=30, limit=5) == ["base:a"]
    assert (await store.status("test"))["circuit"] == "open"
