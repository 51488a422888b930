"""A writer of real commits, in place of an aggregator, and rows to commit."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec

from services.aggregator.commit import Item, Stamp, plan_commit
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.messages import Heartbeat, encode
from shared.state.replica import Replica
from shared.state.row import Fields, format_digest
from shared.state.store import Lease, Store


class Writer:
    """Holds the lease and commits what a test says."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.store = Store(redis, keys)
        self.replica = Replica()
        self.lease: Lease | None = None

    async def begin(self, epoch: str = "e1") -> None:
        """Take the lease and begin an epoch, empty and seeding."""
        if self.lease is None:
            await self.store.redis.delete(self.store.keys.lease)
            self.lease = await self.store.acquire("test-writer")
            await self.store.redis.pexpire(self.store.keys.lease, 60_000)
            assert self.lease is not None
        await self.store.begin_epoch(self.lease.fence, epoch)
        self.replica.reset(epoch)

    async def commit(
        self,
        rows: Iterable[dict[str, Any]] = (),
        *,
        remove: Iterable[str] = (),
        readings: dict[str, Fields] | None = None,
        acks: tuple[str, ...] = (),
        seeding: bool = False,
    ) -> int:
        """Commit changed fields (with their id), removals and acks; return the version."""
        assert self.lease is not None
        readings = readings or {}
        items = [
            Item(
                row["id"],
                changed={name: msgspec.json.encode(value) for name, value in row.items()},
                added=row["id"] not in self.replica.rows,
                readings=readings.get(row["id"], {}),
            )
            for row in rows
        ]
        items += [Item(token_id, removed=True) for token_id in remove]
        stamp = Stamp(
            fence=self.lease.fence,
            commit_id=f"c{self.replica.version + 1}",
            ts=int(time.time() * 1000),
            horizon=0,
            log_from=0,
            seeding=seeding,
            acks=acks,
        )
        plan, message = plan_commit(self.store.keys, self.replica, items, stamp)
        version = await self.store.commit(plan)
        self.replica.apply(message)
        return version

    async def heartbeat(self) -> None:
        """Publish one heartbeat."""
        assert self.lease is not None
        replica = self.replica
        beat = Heartbeat(
            e=replica.epoch,
            v=replica.version,
            ts=int(time.time() * 1000),
            digest=format_digest(replica.digest),
            seeding=replica.seeding,
        )
        await self.store.heartbeat(self.lease.fence, beat.e, beat.v, encode(beat))


def row(number: int, *, chain: str = "solana", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the row of a made-up token; all metrics fall with its number."""
    address = f"Token{number:05d}"
    rank = float(1_000_000 - number)
    metrics = {
        f"{kind}_{window}": rank for kind in ("volume", "price_change") for window in _WINDOWS
    }
    counts = {f"transactions_{window}": 1_000_000 - number for window in _WINDOWS}
    return {
        "id": f"{chain}:{address}",
        "token_address": address,
        "chain": chain,
        "token_name": f"Token {number}",
        "created_ms": 1_790_000_000_000 - number,
        "price": 1.5,
        "market_cap": rank,
        "liquidity": rank,
        **metrics,
        **counts,
        "sources": ["dexscreener"],
        "observed_ms": 1_790_000_000_000,
        **fields,
    }


_WINDOWS = ("5m", "1h", "6h", "24h")
