"""The recorder's side of the database: the lease, what it goes on from, and its transactions."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.recorder.batch import Batch, TokenWrite
from shared.history import schema, write
from shared.history.candle import TIERS, StoredCandle, Tier
from shared.history.fold import TokenState
from shared.history.write import Overtaken, Position

LEASE_MS: Final = 15_000
_IDS_AT_ONCE: Final = 500
_STATE: Final = (
    "id", "price", "price_source", "observed_ms", "sampled_ms", "fresh_ms", "cap_high",
    "cap_high_ms",
)  # fmt: skip


class Loaded:
    """What is written: the position, and every token that is listed."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self.states: dict[str, TokenState] = {}
        self.rows: dict[str, bytes] = {}


class Storage:
    """The database as this recorder uses it. Every method raises one of DATABASE_ERRORS."""

    def __init__(self, engine: AsyncEngine, lease_ms: int = LEASE_MS) -> None:
        self.engine, self._lease_ms = engine, lease_ms
        self.holder = secrets.token_hex(8)
        self.position = Position()
        self._keys: dict[str, int] = {}  # of listed tokens
        self._next_key = 1
        self._partitions: set[tuple[Tier, int]] = set()

    async def lead(self) -> bool:
        """Take or keep the lease; False: another recorder has it."""
        async with self.engine.begin() as connection:
            return await write.take_lease(connection, self.holder, self._lease_ms)

    async def leave(self) -> None:
        """Give the lease back."""
        async with self.engine.begin() as connection:
            await write.release_lease(connection, self.holder)

    async def load(self) -> Loaded:
        """Read what is written, to go on from it."""
        async with self.engine.connect() as connection:
            loaded = Loaded(await write.read_position(connection))
            await self._load_tokens(connection, loaded)
        self.position = loaded.position
        return loaded

    async def _load_tokens(self, connection: AsyncConnection, loaded: Loaded) -> None:
        table, hot = schema.tokens, schema.hot
        newest = await connection.execute(select(func.max(table.c.key)))
        self._next_key = int(newest.scalar() or 0) + 1
        open_spans = select(hot.c.token_key).where(hot.c.to_ms.is_(None))
        minutes = set((await connection.execute(open_spans)).scalars().all())
        names = ("key", "row", *_STATE)
        listed = select(*(table.c[name] for name in names)).where(table.c.gone_ms.is_(None))
        self._keys = {}
        for key, row, token_id, *values in (await connection.execute(listed)).all():
            price, by, observed_ms, at_ms, fresh_ms, cap_high, cap_high_ms = values
            self._keys[token_id] = key
            loaded.rows[token_id] = bytes(row or b"{}")
            loaded.states[token_id] = TokenState(
                id=token_id, price=price, by=by, observed_ms=observed_ms, at_ms=at_ms,
                fresh_ms=fresh_ms, hot=key in minutes, cap_high=cap_high, cap_high_ms=cap_high_ms,
            )  # fmt: skip

    async def written(self, batch: Batch) -> bool:
        """Return whether a batch whose write failed is written all the same.

        Raises Overtaken when neither it nor what was before is there.
        """
        async with self.engine.connect() as connection:
            found = await write.read_position(connection)
        if found == batch.after and batch.after != self.position:
            self.position = found
            return True
        if found != self.position:
            raise Overtaken
        return False

    async def write(self, batch: Batch) -> None:
        """Write a batch and the position in one transaction.

        Raises Overtaken when another recorder writes. After any other error it is unknown whether
        it was written: `written` says it.
        """
        await self._make_partitions(batch)
        async with self.engine.begin() as connection:
            if not await write.take_lease(connection, self.holder, self._lease_ms):
                raise Overtaken
            keys, next_key = await self._keys_of(connection, batch)
            await write.put_tokens(connection, _token_rows(batch, keys))
            for tier in TIERS:
                await write.put_candles(connection, tier, _by_key(batch, tier, keys))
            await self._put_rest(connection, batch, keys)
            if not self.position.epoch:
                await write.begin_tiers(connection, _first_ms(batch))
            await write.advance(connection, self.position, batch.after)
        self.position, self._next_key = batch.after, next_key
        gone = {i for i, token in batch.tokens.items() if token.gone_ms is not None}
        self._keys = {i: key for i, key in (self._keys | keys).items() if i not in gone}

    @staticmethod
    async def _put_rest(connection: AsyncConnection, batch: Batch, keys: Mapping[str, int]) -> None:
        gaps = [
            {"source": g.source, "from_ms": g.from_ms, "to_ms": g.to_ms, "why": g.why}
            for g in batch.gaps.values()
        ]
        await write.put_gaps(connection, gaps)
        for change in batch.hot:
            began = [keys[i] for i in sorted(change.began) if i in keys]
            ended = [keys[i] for i in sorted(change.ended) if i in keys]
            await write.put_hot(connection, began, ended, change.at_ms)
        alerts = [
            {"token_key": keys[a.token_id], "at_ms": a.at_ms, "id": a.id, "kind": a.kind,
             "body": a.body}
            for a in batch.alerts
            if a.token_id in keys
        ]  # fmt: skip
        await write.put_alerts(connection, alerts)

    async def _keys_of(
        self, connection: AsyncConnection, batch: Batch
    ) -> tuple[dict[str, int], int]:
        """Return the keys of all tokens of a batch, and the next free one."""
        wanted = set(batch.tokens) | {alert.token_id for alert in batch.alerts}
        for parts in batch.folded.tiers.values():
            wanted.update(token_id for token_id, _ in parts)
        for change in batch.hot:
            wanted |= change.began | change.ended
        keys = {i: self._keys[i] for i in wanted if i in self._keys}
        keys |= await stored_keys(connection, sorted(wanted - keys.keys()))
        next_key = self._next_key
        for token_id in batch.tokens:
            if token_id not in keys:
                keys[token_id], next_key = next_key, next_key + 1
        return keys, next_key

    async def _make_partitions(self, batch: Batch) -> None:
        if self.engine.dialect.name != "postgresql":
            return
        needed = {
            (tier, first)
            for tier, parts in batch.folded.tiers.items()
            for first in write.partitions(tier, {t for _, t in parts})
        }
        for tier, first in sorted(needed - self._partitions):
            async with self.engine.begin() as connection:
                await write.make_partition(connection, tier, first)
            self._partitions.add((tier, first))

    def forget_partitions(self) -> None:
        """Make sure of each partition once more: some were dropped."""
        self._partitions.clear()


async def stored_keys(connection: AsyncConnection, token_ids: Iterable[str]) -> dict[str, int]:
    """Return the keys of tokens by id; those that are not recorded are left out."""
    table = schema.tokens
    found: dict[str, int] = {}
    for some in _chunks(list(token_ids)):
        query = select(table.c.id, table.c.key).where(table.c.id.in_(some))
        found |= {row[0]: row[1] for row in (await connection.execute(query)).all()}
    return found


def _chunks(ids: list[str]) -> Iterable[list[str]]:
    return (ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE))


def _by_key(
    batch: Batch, tier: Tier, keys: Mapping[str, int]
) -> dict[tuple[int, int], StoredCandle]:
    """Return a tier's parts by key. Sorted, so that they are written as they lie."""
    parts = batch.folded.tiers[tier]
    found = {(keys[i], t): part for (i, t), part in parts.items() if i in keys}
    return dict(sorted(found.items(), key=lambda each: (each[0][1], each[0][0])))


def _token_rows(batch: Batch, keys: Mapping[str, int]) -> list[dict[str, Any]]:
    rows = [_token_row(keys[i], token, batch.after.version) for i, token in batch.tokens.items()]
    return sorted(rows, key=lambda row: int(row["key"]))


def _token_row(key: int, token: TokenWrite, version: int) -> dict[str, Any]:
    state = token.state
    return {
        "key": key, "id": state.id, "chain": state.id.partition(":")[0],
        "first_ms": token.first_ms, "gone_ms": token.gone_ms, "row": token.row, "rv": version,
        "price": state.price, "price_source": state.by, "observed_ms": state.observed_ms,
        "sampled_ms": state.at_ms, "fresh_ms": state.fresh_ms, "cap_high": state.cap_high,
        "cap_high_ms": state.cap_high_ms,
    }  # fmt: skip


def _first_ms(batch: Batch) -> int:
    return min((token.first_ms for token in batch.tokens.values()), default=batch.after.at_ms)
