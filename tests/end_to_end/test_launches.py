"""A token is listed, climbs its curve and graduates, and the stream says so."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

import pytest

from dexwire import Alert, Client, Diff, Snapshot
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.store import Store
from tests.testkit.market import has_leader, publish, reaches, reading
from tests.testkit.process import Process, free_port
from tests.testkit.replay import serve_replay
from tests.testkit.wait import eventually, happening

Spawn = Callable[..., Process]
FASTER: Final = 20  # a climb of three minutes takes eight seconds
BEFORE_MS: Final = 45 * 60_000  # so far back the market begins: it may not pass the real clock


def hurried() -> Callable[[], int]:
    """A clock that runs FASTER times as fast, from BEFORE_MS ago."""
    begun_ms = time.time_ns() // 1_000_000
    return lambda: begun_ms - BEFORE_MS + FASTER * (time.time_ns() // 1_000_000 - begun_ms)


class Seen:
    """What a follower of the whole stream and its events has seen of each token, in order."""

    def __init__(self) -> None:
        self.stages: defaultdict[str, list[str]] = defaultdict(list)
        self.events: dict[str, list[str]] = {}

    def take(self, event: object) -> None:
        rows: list[Any] = []
        if isinstance(event, Snapshot):
            rows = [*event.rows]
        elif isinstance(event, Diff):
            rows = [*event.add, *event.set]
        elif isinstance(event, Alert):
            self.events.setdefault(event.token_id, []).append(event.kind)
        for row in rows:
            if row.get("stage"):
                self.stages[row["id"]].append(row["stage"])

    def graduates(self) -> list[str]:
        """The tokens that were seen from their listing, on the curve, to their graduation."""
        return [
            ident
            for ident, kinds in self.events.items()
            if kinds == ["listed", "graduated"]
            and self.stages[ident][:1] == ["curve"]
            and self.stages[ident][-1:] == ["graduated"]  # its row may come after its event
        ]


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


async def is_no_longer_new(store: Store, spawn: Spawn, env: dict[str, str]) -> None:
    """Give the store a row: the first minute of an epoch reports nothing as listed."""
    first = spawn("aggregator", env=env)
    await has_leader(store)
    await publish(store.redis, store.keys, [reading("Abc", price=1.0)], source="jupiter")
    await reaches(store, 1)
    first.send(signal.SIGTERM)
    assert first.wait(10) == 0


async def test_a_token_is_listed_climbs_and_graduates_with_its_events(
    spawn_dexwire: Spawn, store: Store, redis_url: str
) -> None:
    env = {"REDIS_URL": redis_url, "REDIS_PREFIX": store.keys.prefix}
    await is_no_longer_new(store, spawn_dexwire, env)
    port = free_port()
    spawn_dexwire("aggregator", env=env)
    spawn_dexwire("ws", env={**env, "WS_PORT": str(port)})
    seen = Seen()

    async def follow(client: Client) -> None:
        async for event in client.stream("all", "alerts:listed", "alerts:graduated"):
            seen.take(event)

    async with (
        serve_replay(hurried(), tokens=500) as market,
        Client(ws_url=f"ws://127.0.0.1:{port}/ws") as client,
        happening(follow(client)),
    ):
        await has_leader(store)
        spawn_dexwire("fetcher", env={**env, **market, "FETCH_RATE_FACTOR": str(FASTER)})
        found = await eventually(seen.graduates, timeout_s=60)

    assert found
    assert set(seen.stages[found[0]]) <= {"curve", "completed", "graduated"}
    graduated = [kinds.count("graduated") for kinds in seen.events.values()]
    assert max(graduated) == 1
