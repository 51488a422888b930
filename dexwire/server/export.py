"""`dexwire history export`: what was recorded, as files for Polars, DuckDB and the like.

A folder for each tier and day, as hives are read (`tier=1h/day=2026-11-27/candles.parquet`), and
the tables `tokens` and `gaps` beside them. Memory is bounded: rows are written as they are read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Select, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dexwire.server.export_files import Columns, FileFormat, check_format, table
from shared.chains import split_token_id
from shared.errors import ConfigError, StoreError
from shared.history import schema
from shared.history.candle import SECONDS, Tier
from shared.history.engine import DATABASE_ERRORS, open_engine, reason

DAY_S: Final = 86_400
_ROWS: Final = 20_000  # of a part, some 5 MB
_CANDLES: Final[Columns] = {
    "id": "text",
    "t": "time",
    **dict.fromkeys(("o", "h", "l", "c"), "number"),
    "n": "count",
    "by": "text",
    "mixed": "flag",
    "kind": "text",
    "cover": "number",
    "last_t": "time",
    **dict.fromkeys(("liquidity", "market_cap"), "number"),
    **dict.fromkeys(("volume_5m", "volume_1h", "volume_24h", "volume"), "number"),
    "origin": "text",
}
_TOKENS: Final[Columns] = {
    **dict.fromkeys(("id", "chain", "token_address", "token_name", "token_ticker"), "text"),
    **dict.fromkeys(("created_t", "first_t", "gone_t"), "time"),
    "highest_market_cap": "number",
    "highest_market_cap_t": "time",
}
_GAPS: Final[Columns] = {"source": "text", "from_t": "time", "to_t": "time", "why": "text"}


class _Named(Struct, frozen=True):
    token_name: str | None = None
    token_ticker: str | None = None
    created_ms: int | None = None


_named: Final = msgspec.json.Decoder(_Named).decode


async def export(
    address: str,
    tier: Tier,
    fmt: FileFormat,
    out: Path,
    *,
    first: dt.date | None,
    end: dt.date | None,
) -> int:
    """Write the days from `first` to `end`, which is excluded; None: all there are.

    Raises ConfigError, StoreError.
    """
    if first is not None and end is not None and first >= end:
        raise ConfigError(f"--to {end}: must be after --from {first}; that day is not exported")
    check_format(fmt)
    engine = open_engine(address, writes=False)
    try:
        async with engine.connect() as connection:
            days = await _days(connection, tier, first, end)
            rows = [await _export_day(connection, tier, fmt, out, day) for day in days]
            await _export_tokens(connection, fmt, out)
            await _export_gaps(connection, fmt, out)
    except DATABASE_ERRORS as error:
        raise StoreError(f"the history cannot be exported: {reason(error)}") from None
    finally:
        await engine.dispose()
    written = [count for count in rows if count]
    print(f"{out}: {sum(written)} candles of {len(written)} days, tokens and gaps, as {fmt}")
    return 0


async def _days(
    connection: AsyncConnection, tier: Tier, first: dt.date | None, end: dt.date | None
) -> list[int]:
    """Return the starts of the days that have candles, in Unix seconds."""
    found: set[int] = set()
    for starts in (schema.candles[tier].c.t, schema.backfill.c.t):
        query = select(starts).distinct()
        if starts.table is schema.backfill:
            query = query.where(schema.backfill.c.tier == tier)
        found |= {t - t % DAY_S for t in (await connection.execute(query)).scalars()}
    least = -1 if first is None else _start(first)
    most = max(found, default=0) if end is None else _start(end) - DAY_S
    return sorted(day for day in found if least <= day <= most)


def _start(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


async def _export_day(
    connection: AsyncConnection, tier: Tier, fmt: FileFormat, out: Path, day: int
) -> int:
    name = dt.datetime.fromtimestamp(day, dt.UTC).date().isoformat()
    count = 0
    with table(out / f"tier={tier}" / f"day={name}" / "candles", fmt, _CANDLES) as file:
        for query in (_own(tier, day), _theirs(tier, day)):
            async for rows in _parts(connection, query):
                file.write([_candle(row, tier) for row in rows])
                count += len(rows)
    return count


def _own(tier: Tier, day: int) -> Select[Any]:
    candles, tokens = schema.candles[tier].c, schema.tokens.c
    return (
        select(
            tokens.id, candles.t, candles.o, candles.h, candles.l, candles.c, candles.n,
            candles.by, candles.mixed, candles.moved, candles.cover_ms, candles.last_ms,
            candles.liquidity, candles.market_cap, candles.volume_5m, candles.volume_1h,
            candles.volume_24h, literal(None), literal(None),
        )
        .join(schema.tokens, tokens.key == candles.token_key)
        .where(candles.t >= day, candles.t < day + DAY_S)
        .order_by(candles.t, candles.token_key)
    )  # fmt: skip


def _theirs(tier: Tier, day: int) -> Select[Any]:
    bars, tokens = schema.backfill.c, schema.tokens.c
    nothing = [literal(None)] * 11
    return (
        select(
            tokens.id, bars.t, bars.o, bars.h, bars.l, bars.c, *nothing, bars.volume, bars.origin
        )
        .join(schema.tokens, tokens.key == bars.token_key)
        .where(bars.tier == tier, bars.t >= day, bars.t < day + DAY_S)
        .order_by(bars.t, bars.token_key)
    )


def _candle(row: Sequence[Any], tier: Tier) -> list[Any]:
    """Return a row of the file: flags as flags, shares as shares, times in ms."""
    (token, t, *prices, n, by, mixed, moved, cover_ms, last_ms) = row[:12]
    own = n is not None
    kind = ("seen" if moved else "flat") if own else "seen"
    cover = min(1.0, max(0, cover_ms) / (SECONDS[tier] * 1000)) if own else None
    flag = bool(mixed) if own else None
    return [token, t * 1000, *prices, n, by, flag, kind, cover, last_ms, *row[12:]]


async def _export_tokens(connection: AsyncConnection, fmt: FileFormat, out: Path) -> None:
    tokens = schema.tokens.c
    query = select(
        tokens.id, tokens.chain, tokens.row, tokens.first_ms, tokens.gone_ms, tokens.cap_high,
        tokens.cap_high_ms,
    ).order_by(tokens.key)  # fmt: skip
    with table(out / "tokens", fmt, _TOKENS) as file:
        async for rows in _parts(connection, query):
            file.write([_token(row) for row in rows])


def _token(row: Sequence[Any]) -> list[Any]:
    token, chain, last_row, *rest = row
    named = _named(last_row) if last_row else _Named()
    address = split_token_id(token)[1]
    texts = [token, chain, address, named.token_name, named.token_ticker]
    return [*texts, named.created_ms, *rest]


async def _export_gaps(connection: AsyncConnection, fmt: FileFormat, out: Path) -> None:
    gaps = schema.gaps.c
    query = select(gaps.source, gaps.from_ms, gaps.to_ms, gaps.why).order_by(gaps.from_ms)
    with table(out / "gaps", fmt, _GAPS) as file:
        async for rows in _parts(connection, query):
            file.write(rows)


async def _parts(
    connection: AsyncConnection, query: Select[Any]
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    async with connection.stream(query) as found:
        async for rows in found.partitions(_ROWS):
            yield rows
