"""Producers and followers that a failover happens to, and what they saw of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import msgspec

from shared.keys import Keys
from shared.redis.address import RedisAddress
from shared.redis.connect import open_redis
from shared.state.feed import load
from shared.state.replica import Replica
from shared.state.store import Store
from tests.testkit.producer import Producer, lost_posts
from tests.testkit.reference_client import following
from tests.testkit.stack import Stack
from tests.testkit.wait import happening


class Answered(Producer):
    """A producer with one token, which also notes when it was answered, and in which epochs."""

    def __init__(self, client: httpx.AsyncClient, name: str) -> None:
        super().__init__(client, name, tokens=1)
        self.acks: list[float] = []
        self.epochs: set[str] = set()
        self.on_answer = self._note

    def _note(self, failure: str) -> None:
        if not failure:
            self.acks.append(time.monotonic())
            self.epochs |= {epoch for _, epoch, _ in self.acknowledged.values()}
        elif failure[:3].isdigit():
            assert failure[:3] in {"429", "503", "504"}, failure

    @property
    def refused(self) -> int:
        """Posts that are known not to have counted."""
        return sum(n for failure, n in self.failed.items() if failure.startswith(("429", "503")))


class Load:
    """Producers that post and clients that follow, until the block ends."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient, address: RedisAddress) -> None:
        self.producers = [Answered(client, f"Mine{n}x") for n in range(4)]
        self.followers = [stack.follower() for _ in range(2)]
        self._address = address

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        jobs = (producer.run() for producer in self.producers)
        async with following(*self.followers), happening(*jobs):
            yield

    def flows(self, since: float) -> float:
        """Return when every producer had been acknowledged again since then; assert that."""
        firsts = [next((at for at in p.acks if at > since), None) for p in self.producers]
        known = [at for at in firsts if at is not None]
        assert len(known) == len(firsts), [(dict(p.failed), len(p.acks)) for p in self.producers]
        return max(known)

    async def lost(self) -> list[str]:
        """Return what was acknowledged and is not in the store."""
        return lost_posts(self.producers, (await self.stored()).rows)

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
        """Return whether every follower holds exactly what the store holds."""
        replica = await self.stored()
        rows = {token: msgspec.json.decode(row) for token, row in replica.rows.items()}
        return all(
            follower.state.epoch == replica.epoch and follower.state.rows.get("all") == rows
            for follower in self.followers
        )

    def summary(self, what: str, recovery_s: float) -> str:
        """Return the figures in a line."""
        acks = sum(len(producer.acks) for producer in self.producers)
        refused = sum(producer.refused for producer in self.producers)
        unknown = sum(producer.failed.total() for producer in self.producers) - refused
        return (
            f"{what}: acknowledged again after {recovery_s:.2f} s; in all {acks} acknowledged, "
            f"{refused} refused, {unknown} unknown, 0 lost"
        )
