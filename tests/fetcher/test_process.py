"""The fetcher as a real process, against the replayed market: replicas, a kill, a clean end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from shared.keys import Keys
from shared.model import ReadingBatch
from shared.redis.connect import Redis
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
SOURCES: Final = ("dexscreener", "jupiter", "geckoterminal")


async def answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).status_code == 200
        except httpx.TransportError:
            return False


async def test_replicas_share_the_work_and_one_may_be_killed(
    spawn_service: Spawn, redis: Redis, keys: Keys
) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    env = {
        "FETCH_REPLAY_URL": base,
        "FETCH_RATE_FACTOR": "20",
    }
    spawn_service("replay", env={"REPLAY_PORT": str(port), "REPLAY_TOKENS": "0"})
    await eventually(lambda: answers(f"{base}/health"), timeout_s=20)
    heard: dict[str, set[str]] = {}

    async with redis.pubsub() as subscription:
        await subscription.subscribe(keys.raw_tokens)

        async def hears_all_sources() -> bool:
            message = await subscription.get_message(timeout=0.1)
            if message and message["type"] == "message":
                batch = msgspec.json.decode(message["data"], type=ReadingBatch)
                heard.setdefault(batch.source, set()).update(
                    f"{token.chain}:{token.token_address}" for token in batch.tokens
                )
            counts = {source: len(ids) for source, ids in heard.items()}
            assert len(counts) == 3, counts
            assert min(counts.values()) >= 20, counts
            return True

        fetchers = [spawn_service("fetcher", env=env) for _ in range(2)]
        await eventually(hears_all_sources, timeout_s=30, every_s=0)
        fetchers[0].send(signal.SIGKILL)
        fetchers[0].wait()
        heard.clear()
        # Whatever the killed one held moves within one lease (2 to 9 s at this rate).
        await eventually(hears_all_sources, timeout_s=20, every_s=0)

    async def all_ok() -> bool:
        states = [await redis.hget(keys.fetch_status(source), "state") for source in SOURCES]
        return states == [b"ok"] * 3

    await eventually(all_ok, timeout_s=20)
    fetchers[1].send(signal.SIGTERM)
    started = time.monotonic()
    assert fetchers[1].wait(5) == 0, fetchers[1].output()
    assert time.monotonic() - started < 5


async def test_a_replayed_market_that_comes_up_later_costs_no_call(
    spawn_service: Spawn, redis: Redis, keys: Keys
) -> None:
    port = free_port()
    env = {"FETCH_REPLAY_URL": f"http://127.0.0.1:{port}", "FETCH_RATE_FACTOR": "20"}
    fetcher = spawn_service("fetcher", env=env)
    await eventually(lambda: "fetcher_started" in fetcher.output(), timeout_s=20)

    spawn_service("replay", env={"REPLAY_PORT": str(port), "REPLAY_TOKENS": "0"})

    async def all_ok() -> bool:
        states = [await redis.hget(keys.fetch_status(source), "state") for source in SOURCES]
        return states == [b"ok"] * 3

    await eventually(all_ok, timeout_s=20)
    assert [await redis.hget(keys.fetch_status(s), "errors") for s in SOURCES] == [None] * 3


async def test_a_wrong_source_setting_ends_the_start_with_78(spawn_service: Spawn) -> None:
    fetcher = spawn_service("fetcher", env={"GECKOTERMINAL_URL": "nonsense"})

    assert fetcher.wait(20) == 78
    assert "GECKOTERMINAL_URL: " in fetcher.output()
