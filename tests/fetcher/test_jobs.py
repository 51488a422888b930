"""Job leases, against a real server: one runner at a time, once per interval."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from dexwire.server.up.embedded import EmbeddedServer
from services.fetcher.jobs import LEASE_MIN_S, Leases, lease_s
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from tests.testkit.process import ROOT
from tests.testkit.wait import eventually

HOLDER = """
import asyncio, sys
from services.fetcher.jobs import Leases
from shared.redis.connect import open_redis

async def cycle():
    print("running", flush=True)
    await asyncio.sleep(3600)

async def main():
    async with open_redis(sys.argv[1]) as redis:
        await Leases(redis).run(sys.argv[2], 0.1, cycle)

asyncio.run(main())
"""


@pytest.mark.parametrize(("interval", "lease"), [(0.05, 2), (1, 3), (5, 15), (60, 30)])
def test_a_lease_is_three_intervals_within_bounds(interval: float, lease: float) -> None:
    assert lease_s(interval) == lease


async def nothing() -> None:
    pass


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_job_rests_for_its_interval_for_everyone(redis: Redis, keys: Keys) -> None:
    key, runs = keys.fetch_job("s", "j"), 0

    async def cycle() -> None:
        nonlocal runs
        runs += 1

    wait_s = await Leases(redis).run(key, 60, cycle)
    again_s = await Leases(redis).run(key, 60, cycle)

    assert (runs, wait_s, again_s) == (1, 1, 1)
    assert await redis.get(key) == b"rest"
    assert 59_000 < await redis.pttl(key) <= 60_000


async def test_cycles_never_overlap_and_replicas_do_not_add_runs(
    redis_url: str, keys: Keys
) -> None:
    key, interval_s = keys.fetch_job("s", "j"), 0.1
    running, most, starts = 0, 0, 0
    end = time.monotonic() + 2

    async def cycle() -> None:
        nonlocal running, most, starts
        running, starts = running + 1, starts + 1
        most = max(most, running)
        await asyncio.sleep(0.03)
        running -= 1

    async def replica() -> None:
        async with open_redis(redis_url) as redis:
            leases = Leases(redis)
            while time.monotonic() < end:
                wait_s = await leases.run(key, interval_s, cycle)
                await asyncio.sleep(wait_s)

    await asyncio.gather(*(replica() for _ in range(5)))

    assert most == 1
    assert 10 <= starts <= 21


async def test_a_cycle_longer_than_its_lease_keeps_it(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    key, done = keys.fetch_job("s", "j"), asyncio.Event()

    async def long_cycle() -> None:
        await done.wait()

    holder = asyncio.ensure_future(Leases(redis).run(key, 0.1, long_cycle))
    await eventually(lambda: redis.exists(key))
    end = time.monotonic() + LEASE_MIN_S + 0.7
    async with open_redis(redis_url) as other:
        while time.monotonic() < end:
            assert await Leases(other).run(key, 0.1, nothing) > 0
            assert await redis.get(key) != b"rest"
            await asyncio.sleep(0.05)
    done.set()

    assert await holder == 0


async def test_a_cancelled_cycle_gives_its_lease_back(redis: Redis, keys: Keys) -> None:
    key, ended = keys.fetch_job("s", "j"), False

    async def cycle() -> None:
        nonlocal ended
        try:
            await asyncio.sleep(3600)
        finally:
            ended = True

    holder = asyncio.ensure_future(Leases(redis).run(key, 0.1, cycle))
    await eventually(lambda: redis.exists(key))
    await asyncio.sleep(0.1)
    holder.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holder

    assert ended
    assert not await redis.exists(key)


async def test_a_failing_cycle_rests_like_any_other(redis: Redis, keys: Keys) -> None:
    key = keys.fetch_job("s", "j")

    async def cycle() -> None:
        raise RedisError("no")

    with pytest.raises(RedisError):
        await Leases(redis).run(key, 60, cycle)

    assert await redis.get(key) == b"rest"


async def test_a_cycle_whose_lease_is_taken_is_cancelled(redis: Redis, keys: Keys) -> None:
    key, cancelled = keys.fetch_job("s", "j"), asyncio.Event()

    async def cycle() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    holder = asyncio.ensure_future(Leases(redis).run(key, 0.1, cycle))
    await eventually(lambda: redis.exists(key))
    await redis.set(key, "someone else")
    await asyncio.wait_for(cancelled.wait(), 2)

    assert await redis.get(key) == b"someone else"
    assert await asyncio.wait_for(holder, 2) >= 0


async def test_a_cycle_that_fails_after_its_lease_was_taken_is_no_unhandled_error(
    redis: Redis, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    key, cancelled = keys.fetch_job("s", "j"), asyncio.Event()

    async def cycle() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise RedisError("the store does not answer its last message") from None

    holder = asyncio.ensure_future(Leases(redis).run(key, 0.1, cycle))
    await eventually(lambda: redis.exists(key))
    await redis.set(key, "someone else")
    await asyncio.wait_for(holder, 4)
    gc.collect()

    assert cancelled.is_set()
    assert "never retrieved" not in caplog.text


async def test_a_cycle_stops_before_its_lease_ends_when_the_store_is_silent(
    private_server: Callable[[], EmbeddedServer], keys: Keys
) -> None:
    server, key = private_server(), keys.fetch_job("s", "j")
    async with open_redis(server.url) as redis:
        holder = asyncio.ensure_future(Leases(redis).run(key, 0.1, for_ever))
        await eventually(lambda: redis.exists(key))
        claimed = time.monotonic()
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await asyncio.wait({holder}, timeout=10)
        finally:
            os.kill(server.pid, signal.SIGCONT)

    assert holder.done()
    # Stopped at three quarters of the lease; giving it back may take the store's time-out on top.
    assert time.monotonic() - claimed < LEASE_MIN_S + 1.2


async def test_a_job_key_without_an_end_gets_one(redis: Redis, keys: Keys) -> None:
    key = keys.fetch_job("s", "j")
    await redis.set(key, "left by hand")

    await Leases(redis).run(key, 0.1, nothing)

    assert 0 < await redis.pttl(key) <= 2_000


async def test_killing_the_holder_moves_the_job_within_one_lease(
    redis_url: str, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    key, ran = keys.fetch_job("s", "j"), 0

    async def cycle() -> None:
        nonlocal ran
        ran += 1

    script = tmp_path / "holder.py"
    script.write_text(HOLDER, encoding="utf-8")
    holder = subprocess.Popen(  # noqa: ASYNC220 - starting it is quick
        [sys.executable, str(script), redis_url, key],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    try:
        await eventually(lambda: redis.exists(key), timeout_s=15)
        holder.send_signal(signal.SIGKILL)
        killed, leases = time.monotonic(), Leases(redis)
        while not ran:
            assert time.monotonic() - killed < LEASE_MIN_S + 0.5
            await asyncio.sleep(min(0.05, await leases.run(key, 0.1, cycle)))
    finally:
        holder.kill()
        holder.communicate()

    assert ran == 1
