"""Fetchers that publish and fetchers that post: the same rows, and no reading lost on the way."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import pytest

from dexwire.runfile import DEFAULT_FOLDER, find_running
from dexwire.server.up.net import http_get
from services.fetcher.counts import FetcherCounts
from services.fetcher.poster import Poster, open_post_client
from services.fetcher.status import StatusBoard
from shared.keys import Keys
from shared.model import Reading, ReadingBatch
from shared.redis.connect import Redis
from shared.sources import POLLED
from tests.testkit.api import consume
from tests.testkit.process import Process, free_port
from tests.testkit.replay import serve_replay
from tests.testkit.wait import eventually, happening

Spawn = Callable[..., Process]
MARKET: Final = 40  # recorded tokens and a few more
SECRET: Final = "0123456789abcdef0123456789abcdef"
KEY: Final = f"fetcher:polled.{SECRET}"
# Of commits, or of what came first within a noise floor that no setting lifts.
OF_THE_WAY: Final = {"rv", "observed_ms", "price_spread_pct"}


@asynccontextmanager
async def standing_market() -> AsyncIterator[dict[str, str]]:
    """Serve the replayed market of one moment; yield the settings of a fetcher of it."""
    now_ms = time.time_ns() // 1_000_000
    async with serve_replay(lambda: now_ms, tokens=MARKET) as market:
        yield {**market, "FETCH_RATE_FACTOR": "20"}


@asynccontextmanager
async def posting(api_port: int) -> AsyncIterator[tuple[Poster, FetcherCounts]]:
    counts = FetcherCounts(POLLED)
    async with open_post_client() as client:
        poster = Poster(
            client,
            POLLED,
            url=f"http://127.0.0.1:{api_port}",
            bearer=f"fetcher.{SECRET}",
            status=StatusBoard(),
            counts=counts,
        )
        async with poster.running():
            yield poster, counts


async def rows(port: int) -> dict[str, Any]:
    """Every row of the list, without what depends on the way that readings take."""
    found: list[dict[str, Any]] = []
    for passed in ("0", "100", "200", "300"):
        path = f"/discover?sort=liquidity&limit=100&cursor={passed}"
        status, body = await http_get("127.0.0.1", port, path)
        assert status == 200
        found += json.loads(body)["tokens"]
    return {row["id"]: {k: v for k, v in row.items() if k not in OF_THE_WAY} for row in found}


async def native_prices(port: int) -> dict[str, float]:
    """Prices of the chains' own coins, which are no rows."""
    _, body = await http_get("127.0.0.1", port, "/discover?limit=100&quote=native")
    return {chain: coin["price"] for chain, coin in json.loads(body)["native_prices"].items()}


def differences(expected: dict[str, Any], seen: dict[str, Any]) -> list[Any]:
    """Return (token, field, expected, seen) of whatever is not the same.

    Price changes may differ by their noise floor: 0.01 points or a thousandth.
    """
    assert expected.keys() == seen.keys()
    return [
        (token, field, row.get(field), seen[token].get(field))
        for token, row in expected.items()
        for field in {**row, **seen[token]}
        if row.get(field) != seen[token].get(field)
        and not (
            field.startswith("price_change")
            and field in row
            and field in seen[token]
            and row[field] == pytest.approx(seen[token][field], rel=2e-3, abs=0.02)
        )
    ]


async def test_the_rows_are_the_same_whether_readings_are_published_or_posted(
    spawn_dexwire: Spawn, redis: Redis, keys: Keys, redis_url: str
) -> None:
    posted_keys = Keys(f"{keys.prefix}posted:")
    published, posted = free_port(), free_port()
    one = {"REDIS_URL": redis_url, "REDIS_PREFIX": keys.prefix, "API_PORT": str(published)}
    other = {"REDIS_URL": redis_url, "REDIS_PREFIX": posted_keys.prefix, "API_PORT": str(posted)}
    for env in (one, other):
        exact = {**env, "NOISE_PRICE_PCT": "0", "NOISE_SUMS_PCT": "0", "INGEST_API_KEYS": KEY}
        for service in ("aggregator", "api"):
            spawn_dexwire(service, env=exact)

    async with (
        standing_market() as market,
        posting(posted) as (poster, counts),
        redis.pubsub(ignore_subscribe_messages=True) as channel,
    ):
        await channel.subscribe(keys.raw_tokens)
        await channel.get_message(timeout=1.0)

        async def post_what_is_published() -> None:
            async for message in channel.listen():
                batch = msgspec.json.decode(message["data"], type=ReadingBatch)
                await poster.deliver(batch.source, batch.tokens)

        async with happening(post_what_is_published()):
            fetcher = spawn_dexwire("fetcher", env={**one, **market})
            await eventually(lambda: counts["geckoterminal"].posts["taken"] >= 10, timeout_s=60)
            fetcher.send(signal.SIGTERM)
            assert fetcher.wait(10) == 0

            async def same() -> dict[str, Any]:
                seen = await rows(posted)
                assert differences(await rows(published), seen) == []
                assert await native_prices(posted) == await native_prices(published) != {}
                return seen

            seen = await eventually(same, timeout_s=20, every_s=0.2)

    assert len(seen) > 200
    assert {name for row in seen.values() for name in row["sources"]} == set(POLLED)
    assert sum("pool_address" in row for row in seen.values()) > 50
    assert sum(source.undelivered.total() for source in counts.by_source.values()) == 0


async def test_a_demo_whose_fetcher_posts_needs_nothing_but_the_setting(
    spawn_dexwire: Spawn,
) -> None:
    ports = ("--api-port", "0", "--ws-port", "0", "--replay-port", "0", "--images-port", "0")
    up = spawn_dexwire("up", "--demo", *ports, env={"FETCHER_DELIVERY": "ingest"})
    await eventually(lambda: "ready after" in up.output(), timeout_s=60)
    running = find_running(DEFAULT_FOLDER)
    assert running is not None
    port = int(running.api.rpartition(":")[2])

    async def merged() -> bool:
        return any(len(row["sources"]) > 1 for row in (await rows(port)).values())

    await eventually(merged, timeout_s=60, every_s=0.5)

    async def is_well() -> bool:
        health = json.loads((await http_get("127.0.0.1", port, "/health"))[1])
        return bool(health["status"] == "ok")

    await eventually(is_well)
    audit = spawn_dexwire("verify")
    assert audit.wait(20) == 0, audit.output()
    up.send(signal.SIGINT)
    assert up.wait(20) == 0
    assert '"delivery": "ingest"' in up.output()
    assert '"level": "warning"' not in up.output()


async def test_an_api_that_is_killed_and_restarted_loses_no_reading(
    spawn_dexwire: Spawn, redis: Redis, keys: Keys, redis_url: str
) -> None:
    port = free_port()
    env = {"REDIS_URL": redis_url, "REDIS_PREFIX": keys.prefix, "API_PORT": str(port)}
    env["INGEST_API_KEYS"] = KEY
    api = spawn_dexwire("api", env=env)
    await eventually(lambda: "api_listening" in api.output(), timeout_s=30)
    now_ms = time.time_ns() // 1_000_000
    async with consume(redis, keys) as consumer, posting(port) as (poster, counts):
        for number in range(400):
            token = Reading(chain="solana", token_address="Abc", observed_ms=now_ms + number)
            await poster.deliver("jupiter", [token])
            await asyncio.sleep(0.005)
            if number == 100:
                api.kill()
            if number == 200:
                api = spawn_dexwire("api", env=env)

        def heard() -> set[int]:
            return {token["observed_ms"] - now_ms for token in consumer.tokens()}

        await eventually(lambda: heard() == set(range(400)), timeout_s=30)

    assert {batch.source for batch in consumer.batches} == {"jupiter"}
    assert counts["jupiter"].posts["failed"] > 0
    assert counts["jupiter"].undelivered.total() == 0


async def test_a_fetcher_whose_key_has_not_the_right_is_named_with_the_reason(
    spawn_dexwire: Spawn, keys: Keys, redis_url: str
) -> None:
    port = free_port()
    env = {"REDIS_URL": redis_url, "REDIS_PREFIX": keys.prefix, "API_PORT": str(port)}
    api = spawn_dexwire("api", env={**env, "INGEST_API_KEYS": f"bot.{SECRET}"})
    await eventually(lambda: "api_listening" in api.output(), timeout_s=30)
    posts = {
        "FETCHER_DELIVERY": "ingest",
        "FETCHER_API_URL": f"http://127.0.0.1:{port}",
        "FETCHER_API_KEY": f"bot.{SECRET}",
    }
    async with standing_market() as market:
        fetcher = spawn_dexwire("fetcher", env={**env, **market, **posts})

        async def reason() -> str | None:
            health = json.loads((await http_get("127.0.0.1", port, "/health"))[1])
            return health["detail"] if health.get("reason") == "delivery" else None

        message = await eventually(reason, timeout_s=30, every_s=0.2)
        fetcher.send(signal.SIGTERM)
        assert fetcher.wait(10) == 0

    assert "HTTP 422 bad_source" in message
    assert "only a key with the right `polled` may post as one" in fetcher.output()
    assert fetcher.output().count('"event": "delivery_failing"') <= len(POLLED)
