"""Writes of the history, each on the connection of a transaction that the caller holds.

A candle's part is added to what is stored of its interval, in the database, so nothing is read
before it is written. That is right once only: `advance` writes the position in the same
transaction, and refuses it when another recorder has moved it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import (
    CursorResult,
    Executable,
    Table,
    Update,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.history import schema
from shared.history.answers import TierStatus
from shared.history.candle import TIERS, StoredCandle, Tier

DAY_S: Final = 86_400
# PostgreSQL: how long a partition is, in seconds.
PARTITION_S: Final[dict[Tier, int]] = {"1m": DAY_S, "1h": 30 * DAY_S}
_ROWS_AT_ONCE: Final = 5_000
_FIELDS: Final = StoredCandle.__struct_fields__
_LAST: Final = (
    "c", "by", "last_ms", "liquidity", "market_cap", "volume_5m", "volume_1h", "volume_24h",
)  # fmt: skip
Parts: TypeAlias = Mapping[tuple[int, int], StoredCandle]
Insert: TypeAlias = sqlite.Insert | postgresql.Insert


class Position(msgspec.Struct, frozen=True):
    """Up to which commit everything is recorded; `at_ms` is of the last message that was seen."""

    epoch: str = ""
    version: int = 0
    digest: str = ""
    at_ms: int = 0


class Overtaken(Exception):
    """Another recorder has written since this one read the position."""


async def put_candles(connection: AsyncConnection, tier: Tier, parts: Parts) -> None:
    """Add parts to the stored candles of a tier."""
    table, dialect = schema.candles[tier], connection.dialect.name
    rows = [_values(key, part) for (key, _), part in parts.items() if part.n]
    if rows:
        await _many(connection, _upsert_candle(dialect, tier), rows)
    covers = [
        {"at_t": part.t, "at_key": key, "more": part.cover_ms}
        for (key, _), part in parts.items()
        if not part.n and part.cover_ms
    ]
    if covers:
        await _many(connection, _add_cover(table), covers)


def _values(key: int, part: StoredCandle) -> dict[str, Any]:
    values = msgspec.structs.asdict(part)
    values["token_key"] = key
    return values


@cache
def _upsert_candle(dialect: str, tier: Tier) -> Insert:
    table = schema.candles[tier]
    insert = inserting(dialect, table)
    old, new = table.c, insert.excluded
    greatest = func.greatest if dialect == "postgresql" else func.max
    least = func.least if dialect == "postgresql" else func.min
    changes: dict[str, Any] = {name: new[name] for name in _LAST}
    changes |= {
        "h": greatest(old.h, new.h),
        "l": least(old.l, new.l),
        "n": old.n + new.n,
        "mixed": or_(old.mixed, new.mixed, old.by != new.by),
        "moved": or_(old.moved, new.moved),
        "cover_ms": old.cover_ms + new.cover_ms,
    }
    return insert.on_conflict_do_update(index_elements=[old.t, old.token_key], set_=changes)


@cache
def _add_cover(table: Table) -> Update:
    return (
        update(table)
        .where(table.c.t == bindparam("at_t"), table.c.token_key == bindparam("at_key"))
        .values(cover_ms=table.c.cover_ms + bindparam("more"))
    )


async def put_tokens(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write tokens whole, by key; `first_ms` of one that is there stays."""
    if rows:
        await _many(connection, _upsert_token(connection.dialect.name), rows)


@cache
def _upsert_token(dialect: str) -> Insert:
    table = schema.tokens
    insert = inserting(dialect, table)
    kept = {"key", "id", "chain", "first_ms"}
    changes: dict[str, Any] = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name not in kept
    }
    # A back-filled or restored figure may be higher than what this recorder knows.
    higher = case(
        (table.c.cap_high.is_(None), True),
        else_=insert.excluded.cap_high > table.c.cap_high,
    )
    for name in ("cap_high", "cap_high_ms"):
        changes[name] = case((higher, insert.excluded[name]), else_=table.c[name])
    return insert.on_conflict_do_update(index_elements=[table.c.key], set_=changes)


async def put_gaps(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write outages by source and beginning; one that is there ends later."""
    if not rows:
        return
    insert = inserting(connection.dialect.name, schema.gaps)
    keys = [schema.gaps.c.source, schema.gaps.c.from_ms]
    changes = {"to_ms": insert.excluded.to_ms, "why": insert.excluded.why}
    await _many(connection, insert.on_conflict_do_update(index_elements=keys, set_=changes), rows)


async def put_alerts(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write alerts; those that are there stay."""
    if rows:
        insert = inserting(connection.dialect.name, schema.alerts).on_conflict_do_nothing()
        await _many(connection, insert, rows)


async def put_backfill(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write candles that others gave; those that are there stay."""
    if rows:
        insert = inserting(connection.dialect.name, schema.backfill).on_conflict_do_nothing()
        await _many(connection, insert, rows)


async def put_hot(
    connection: AsyncConnection, began: Iterable[int], ended: Iterable[int], at_ms: int
) -> None:
    """Note which tokens have minutes from now on, and which no longer."""
    hot = schema.hot
    if over := [{"at_key": key} for key in ended]:
        still = (hot.c.token_key == bindparam("at_key"), hot.c.to_ms.is_(None))
        await _many(connection, update(hot).where(*still).values(to_ms=at_ms), over)
    if rows := [{"token_key": key, "from_ms": at_ms, "to_ms": None} for key in began]:
        insert = inserting(connection.dialect.name, hot)
        keys = [hot.c.token_key, hot.c.from_ms]
        again = insert.on_conflict_do_update(index_elements=keys, set_={"to_ms": None})
        await _many(connection, again, rows)


async def read_position(connection: AsyncConnection) -> Position:
    """Return the position; an empty one when nothing is recorded."""
    table = schema.position
    found = (await connection.execute(select(table).where(table.c.id == 1))).first()
    return Position(*found[1:]) if found else Position()


async def advance(connection: AsyncConnection, before: Position, after: Position) -> None:
    """Move the position on. Raises Overtaken when it is not where this recorder left it."""
    table = schema.position
    values = msgspec.structs.asdict(after)
    if not before.epoch:
        insert = inserting(connection.dialect.name, table).on_conflict_do_nothing()
        done: CursorResult[Any] = await connection.execute(insert, {"id": 1, **values})
    else:
        here = (table.c.epoch == before.epoch, table.c.version == before.version)
        same = (*here, table.c.at_ms == before.at_ms, table.c.id == 1)
        done = await connection.execute(update(table).where(*same).values(**values))
    if done.rowcount != 1:
        raise Overtaken


async def begin_tiers(connection: AsyncConnection, from_ms: int) -> None:
    """Note since when anything is recorded."""
    rows = [{"tier": tier, "kept_from_ms": from_ms, "counted_to": 0, "rows": 0} for tier in TIERS]
    insert = inserting(connection.dialect.name, schema.tiers).on_conflict_do_nothing()
    await _many(connection, insert, rows)


async def read_tiers(connection: AsyncConnection) -> dict[Tier, TierStatus]:
    """Return what is kept of each tier: what retention has counted, and what is newer."""
    query = select(*(schema.tiers.c[n] for n in ("tier", "kept_from_ms", "rows", "counted_to")))
    found = {row[0]: row for row in (await connection.execute(query)).all()}
    tiers: dict[Tier, TierStatus] = {}
    for tier in TIERS:
        if tier in found:
            _, kept_from_ms, counted, counted_to = found[tier]
            newer = select(func.count()).where(schema.candles[tier].c.t >= counted_to)
            rows = counted + (await connection.execute(newer)).scalar_one()
            tiers[tier] = TierStatus(kept_from_ms=kept_from_ms, rows=rows)
    return tiers


async def take_lease(connection: AsyncConnection, holder: str, for_ms: int) -> bool:
    """Take or keep the right to write; False: another holds it. By the database's clock."""
    table, now = schema.lease, _now_ms(connection.dialect.name)
    insert = inserting(connection.dialect.name, table)
    free = or_(table.c.holder == holder, table.c.until_ms < now)
    taking = insert.values(id=1, holder=holder, until_ms=now + for_ms).on_conflict_do_update(
        index_elements=[table.c.id],
        set_={"holder": holder, "until_ms": now + for_ms},
        where=free,
    )
    await connection.execute(taking)
    held = await connection.execute(select(table.c.holder).where(table.c.id == 1))
    return bool(held.scalar_one() == holder)


async def release_lease(connection: AsyncConnection, holder: str) -> None:
    """Give the right to write back, if it is still ours."""
    await connection.execute(delete(schema.lease).where(schema.lease.c.holder == holder))


def _now_ms(dialect: str) -> Any:  # noqa: ANN401 - an SQL expression of either dialect
    if dialect == "postgresql":
        return literal_column("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
    return literal_column("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")


def partitions(tier: Tier, starts: Iterable[int]) -> set[int]:
    """Return the first seconds of the partitions that candles with these starts are in."""
    length = PARTITION_S.get(tier)
    return set() if length is None else {start - start % length for start in starts}


def partition_name(tier: Tier, start: int) -> str:
    """Return the name of a partition of PostgreSQL, by its first second."""
    return f"candles_{tier}_{start // DAY_S}"


async def make_partition(connection: AsyncConnection, tier: Tier, start: int) -> None:
    """Make one partition of PostgreSQL, if it is not there."""
    name, upto = partition_name(tier, start), start + PARTITION_S[tier]
    await connection.execute(
        text(
            f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "candles_{tier}" '
            f"FOR VALUES FROM ({start}) TO ({upto}) WITH (fillfactor = 80)"
        )
    )


async def make_partitions(connection: AsyncConnection, starts: Mapping[Tier, set[int]]) -> None:
    """Make the partitions of PostgreSQL that these starts of candles need."""
    if connection.dialect.name == "postgresql":
        for tier in TIERS:
            for start in sorted(partitions(tier, starts.get(tier, set()))):
                await make_partition(connection, tier, start)


def inserting(dialect: str, table: Table) -> Insert:
    """Return an INSERT that can say what is to happen to a row that is there."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


async def _many(
    connection: AsyncConnection,
    statement: Executable,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        await connection.execute(statement, rows[start : start + _ROWS_AT_ONCE])
