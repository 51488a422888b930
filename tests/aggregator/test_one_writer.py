"""Two aggregators as real processes: exactly one writes, whatever happens to it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial

import pytest

from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.feed import load
from shared.state.replica import Replica
from shared.state.store import Store
from tests.testkit.commits import Shadow
from tests.testkit.market import has_leader, market, publish, reaches
from tests.testkit.process import Process
from tests.testkit.wait import eventually

ROUNDS = int(os.environ.get("TEST_PAUSES", "20"))


async def holder(redis: Redis, keys: Keys) -> str | None:
    held = await redis.get(keys.lease)
    return held.decode() if isinstance(held, bytes) else None


@pytest.mark.timeout(240)
async def test_a_paused_holder_never_writes_again(
    redis: Redis, keys: Keys, spawn_service: Callable[..., Process]
) -> None:
    store = Store(redis, keys)
    dice = random.Random(9)
    env = {"WINDOW_MS": "20", "LOG_JSON": "true"}
    by_pid = {p.pid: p for p in (spawn_service("aggregator", env=env) for _ in range(2))}
    await has_leader(store)
    shadow = Shadow(store)
    await publish(redis, keys, market(100, dice))
    await reaches(store, 100)
    await eventually(lambda: _both_listen(redis, keys), timeout_s=10)

    takeovers = []
    for _ in range(ROUNDS):
        leader = by_pid[await _leading_pid(by_pid)]
        fence = (await store.meta()).fence
        await publish(redis, keys, market(100, dice))  # a window is open when it stops
        leader.send(signal.SIGSTOP)
        paused = time.monotonic()
        await eventually(partial(_other_fence, store, fence))
        takeovers.append(time.monotonic() - paused)
        await publish(redis, keys, market(100, dice))
        version = (await store.meta()).version
        leader.send(signal.SIGCONT)
        await eventually(partial(_version_after, store, version))
        await eventually(partial(_noticed, leader))
        await shadow.follow()

    stored = Replica()
    assert await load(store, stored, await store.meta())
    await shadow.follow()
    assert shadow.replica.rows == stored.rows
    assert max(takeovers) < 2.5
    # The proof that the fence was needed: on waking up, former holders did try to write.
    refusals = sum(process.output().count("Fenced: FENCED") for process in by_pid.values())
    print(f"takeover max {max(takeovers):.2f} s, {refusals} stale writes refused")
    assert refusals > 0


async def _both_listen(redis: Redis, keys: Keys) -> bool:
    return dict(await redis.pubsub_numsub(keys.raw_tokens))[keys.raw_tokens.encode()] == 2


async def _leading_pid(by_pid: dict[int, Process]) -> int:
    """The process whose last term has not ended."""

    def probe() -> int | None:
        leading = [
            pid
            for pid, process in by_pid.items()
            if process.output().count('"lease_taken"') > process.output().count('"term_ended"')
        ]
        return leading[0] if len(leading) == 1 else None

    return await eventually(probe)


async def _other_fence(store: Store, fence: str) -> bool:
    return (await store.meta()).fence != fence


async def _version_after(store: Store, version: int) -> bool:
    return (await store.meta()).version > version


def _noticed(process: Process) -> bool:
    """The former holder has stepped down, by the store's refusal or by its lost lease."""
    output = process.output()
    return output.count('"lease_taken"') == output.count('"term_ended"')


async def test_a_stopped_aggregator_commits_what_it_holds_and_gives_the_lease_back(
    redis: Redis, keys: Keys, spawn_service: Callable[..., Process]
) -> None:
    store = Store(redis, keys)
    process = spawn_service("aggregator", env={"WINDOW_MS": "10000"})
    await has_leader(store)
    await publish(redis, keys, market(30, random.Random(10)))
    await eventually(lambda: _received(redis))
    process.send(signal.SIGTERM)

    assert await asyncio.to_thread(process.wait, 10) == 0
    assert (await store.meta()).tokens == 30
    assert await holder(redis, keys) is None


async def _received(redis: Redis) -> bool:
    """The server has handed everything over to the subscriber."""
    for client in await redis.client_list(_type="pubsub"):
        if int(client["oll"]) or int(client["omem"]):
            return False
    return True
