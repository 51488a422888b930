"""Producers and followers that a failover happens to, and what they saw of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec

from shared.connect import open_redis
from shared.feed import load
from shared.keys import Keys
from shared.redis_address import RedisAddress
from shared.replica import Replica
from shared.store import Store
from tests.redis.stack import Stack, post
from tests.reference_client import following
from tests.support import happening


class Producer:
    """Posts one ever-growing price for a token of its own, and notes what was acknowledged."""

    def __init__(self, client: httpx.AsyncClient, address: str) -> None:
        self._client, self.address = client, address
        self.acknowledged = 0.0
        self.acks: list[float] = []  # when
        self.epochs: set[str] = set()
        self.refused = 0
        self.unknown = 0

    async def run(self) -> None:
        for number in itertools.count(1):
            try:
                answer = await post(self._client, self.address, float(number))
            except httpx.HTTPError:
                self.unknown += 1
                continue
            if answer.status_code == 200:
                self.acknowledged = float(number)
                self.acks.append(time.monotonic())
                self.epochs.add(answer.json()["epoch"])
            elif answer.status_code == 504:
                self.unknown += 1
            else:
                assert answer.status_code == 503, answer.text
                self.refused += 1
                await asyncio.sleep(0.05)


class Load:
    """Producers that post and clients that follow, until the block ends."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient, address: RedisAddress) -> None:
        self.producers = [Producer(client, f"Mine{n}") for n in range(4)]
        self.followers = [stack.follower() for _ in range(2)]
        self._address = address

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        jobs = (producer.run() for producer in self.producers)
        async with following(*self.followers), happening(*jobs):
            yield

    def flows(self, since: float) -> float | None:
        """Return when every producer had been answered again since then."""
        firsts = [next((at for at in p.acks if at > since), None) for p in self.producers]
        known = [at for at in firsts if at is not None]
        return max(known) if len(known) == len(firsts) else None

    async def lost(self) -> dict[str, tuple[float, object]]:
        """Return what was acknowledged and is not in the store: address → told, stored."""
        rows = (await self.stored()).rows
        found = {}
        for producer in self.producers:
            row: dict[str, Any] = msgspec.json.decode(rows.get(f"solana:{producer.address}", b"{}"))
            if row.get("price", 0) < producer.acknowledged:
                found[producer.address] = (producer.acknowledged, row.get("price"))
        return found

    async def stored(self) -> Replica:
        """Read the whole state."""
        client = open_redis(self._address)
        try:
            store, replica = Store(client, Keys(self._address.prefix)), Replica()
            while not await load(store, replica, await store.meta()):
                pass  # it moved on while it was read
            return replica
        finally:
            await client.aclose()

    async def equal(self) -> bool:
        """Tell whether every follower holds exactly what the store holds."""
        replica = await self.stored()
        rows = {token: msgspec.json.decode(row) for token, row in replica.rows.items()}
        return all(
            follower.state.epoch == replica.epoch and follower.state.rows.get("all") == rows
            for follower in self.followers
        )

    def told(self, what: str, recovery_s: float) -> str:
        """Return the figures in a line."""
        acks = sum(len(producer.acks) for producer in self.producers)
        refused = sum(producer.refused for producer in self.producers)
        unknown = sum(producer.unknown for producer in self.producers)
        return (
            f"{what}: acknowledged again after {recovery_s:.2f} s; in all {acks} acknowledged, "
            f"{refused} refused, {unknown} unknown, 0 lost"
        )
