"""Kill the active aggregator again and again: what was acknowledged stays, versions go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import httpx
import msgspec
import pytest

from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.feed import load
from shared.state.replica import Replica
from shared.state.store import Store
from tests.testkit.commits import Shadow
from tests.testkit.market import has_leader
from tests.testkit.process import Process, free_port
from tests.testkit.producer import Producer
from tests.testkit.wait import eventually

KILLS = int(os.environ.get("TEST_KILLS", "50"))
PRODUCERS = 8
TAKEOVER_S = 2.5


class Pulse:
    """The longest time without a commit or a heartbeat."""

    def __init__(self) -> None:
        self.heard_at = time.monotonic()

    async def run(self, redis: Redis, keys: Keys) -> None:
        async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(keys.state_changes)
            while True:
                message = await pubsub.get_message(timeout=None)
                if message is not None:
                    self.heard_at = time.monotonic()


@pytest.mark.timeout(60 + 6 * KILLS)
async def test_nothing_acknowledged_is_lost_when_the_active_aggregator_is_killed(
    redis: Redis, keys: Keys, spawn_service: Callable[..., Process]
) -> None:
    store, port = Store(redis, keys), free_port()
    env = {"WINDOW_MS": "50", "LOG_JSON": "true"}
    alive = [spawn_service("aggregator", env=env) for _ in range(2)]
    spawn_service("api", env={"API_PORT": str(port), "INGEST_RATE": "100000"})
    await has_leader(store)
    shadow, pulse = Shadow(store), Pulse()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        await eventually(partial(_answers, client), timeout_s=30)
        producers = [Producer(client, f"P{n}x") for n in range(PRODUCERS)]
        tasks = [asyncio.create_task(p.run()) for p in producers]
        tasks.append(asyncio.create_task(pulse.run(redis, keys)))
        start = partial(spawn_service, "aggregator", env=env)
        takeovers = [
            await _kill_the_leader(store, alive, pulse, shadow, start) for _ in range(KILLS)
        ]
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)

    stored = await eventually(partial(_same_version, store, shadow), timeout_s=20)
    assert stored.rows == shadow.replica.rows
    acknowledged = {t: fact for p in producers for t, fact in p.acknowledged.items()}
    for token, (price, epoch, version) in acknowledged.items():
        row = msgspec.json.decode(stored.rows[token], type=dict[str, object])
        assert float(str(row["price"])) >= price
        assert epoch == stored.epoch
        assert version <= stored.version
    failed: Counter[str] = sum((p.failed for p in producers), Counter())
    refused = sum(n for failure, n in failed.items() if failure.startswith("503"))
    unknown = failed.total() - refused
    assert all(failure[:3] in {"503", "504"} or failure.isalpha() for failure in failed), failed
    print(
        f"{KILLS} kills: takeover p50 {sorted(takeovers)[KILLS // 2]:.2f} s, max "
        f"{max(takeovers):.2f} s; version {stored.version}, all contiguous; "
        f"{len(acknowledged)} tokens with an acknowledged price, 0 lost; "
        f"{unknown} outcomes unknown, {refused} refused"
    )
    assert max(takeovers) < TAKEOVER_S
    assert len(acknowledged) > PRODUCERS


async def _same_version(store: Store, shadow: Shadow) -> Replica | None:
    """Read the store and the log at one version; freshness bounds go on being crossed."""
    stored = Replica()
    exact = await load(store, stored, await store.meta())
    await shadow.follow()
    return stored if exact and stored.version == shadow.replica.version else None


async def _answers(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await client.get("/livez")).status_code == 200
    return False


async def _kill_the_leader(
    store: Store,
    alive: list[Process],
    pulse: Pulse,
    shadow: Shadow,
    start: Callable[[], Process],
) -> float:
    """Kill it under load; return the seconds until somebody else's first word."""
    await eventually(partial(_both_listen, store), timeout_s=40)
    leader = await eventually(partial(_leading, alive), timeout_s=30)
    version = (await store.meta()).version
    await eventually(partial(_beyond, store, version + 5), timeout_s=30)
    await asyncio.sleep(random.uniform(0, 0.2))  # at any moment of a window
    leader.send(signal.SIGKILL)
    killed_at = time.monotonic()
    await asyncio.to_thread(leader.wait, 5)
    alive.remove(leader)
    alive.append(start())
    await eventually(lambda: pulse.heard_at > killed_at + 0.3, timeout_s=5, every_s=0.005)
    took = pulse.heard_at - killed_at
    await shadow.follow()
    return took


async def _both_listen(store: Store) -> bool:
    channel = store.keys.raw_tokens
    return bool(dict(await store.redis.pubsub_numsub(channel))[channel.encode()] == 2)


async def _beyond(store: Store, version: int) -> bool:
    return (await store.meta()).version > version


def _leading(alive: list[Process]) -> Process | None:
    leading = [p for p in alive if '"lease_taken"' in p.output()]
    return leading[0] if len(leading) == 1 else None
