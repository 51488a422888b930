"""Reads the history: candles of a token, its record and alerts, hourly closes, how much there is.

The list as it was is in `as_of.py`. Every method raises one of DATABASE_ERRORS when the database
fails, and never waits longer than its settings say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import msgspec
from msgspec import structs
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.history import schema
from shared.history.answers import (
    CandlePage,
    Coverage,
    HistoryStatus,
    StoredAlert,
    TokenRecord,
)
from shared.history.backfill import bars
from shared.history.candle import (
    SECONDS,
    TIER_OF,
    VOLUME_BASIS,
    Candle,
    Interval,
    Outage,
    Span,
    StoredCandle,
    Tier,
    aggregated,
    covered,
    missing,
)
from shared.history.outages import common_outages
from shared.history.sql import among, is_among, used_bytes
from shared.history.write import Position, read_position, read_tiers

_AT_ONCE: Final = 1_000  # stored candles that are made into others in one go, some 3 ms
_NEAR: Final = 60  # intervals in which the close before a window usually is
MOST_CANDLES: Final = 1_000
_LOOK_BACK: Final[tuple[tuple[Tier, int], ...]] = (("1h", 25), ("1d", 2))
_FIELDS: Final = StoredCandle.__struct_fields__
_RECORD: Final = (
    "key", "id", "chain", "first_ms", "gone_ms", "row", "sampled_ms", "cap_high", "cap_high_ms",
)  # fmt: skip


class _Sources(msgspec.Struct):
    sources: list[str] = []


_read_sources: Final = msgspec.json.Decoder(_Sources).decode


class Reader:
    """Reads one history. `async with` is not needed: connections are the engine's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    # -- candles ----------------------------------------------------------------------------------
    async def candles(
        self,
        token_id: str,
        interval: Interval,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 300,
        with_before: bool = True,
    ) -> CandlePage | None:
        """Return the newest `limit` intervals of a window with their candles; None: never recorded.

        `to_ms` is excluded, and by default the end of what is recorded; `from_ms` by default lies
        `limit` intervals before. Intervals without a candle count: they are in the gaps.
        `with_before`: the close before the window is looked for: a query more, two after a pause.
        """
        async with self.engine.connect() as connection:
            token = await self._record(connection, token_id)
            if token is None:
                return None
            position = await read_position(connection)
            window = window_of(interval, from_ms, to_ms, limit, position.at_ms)
            page = await self._page(connection, token, interval, window, position)
            if not with_before:
                return page
            before = await self._close_before(connection, token, TIER_OF[interval], window[0])
            return structs.replace(page, before=before)

    async def _page(
        self,
        connection: AsyncConnection,
        token: TokenRecord,
        interval: Interval,
        window: Span,
        position: Position,
    ) -> CandlePage:
        tier = TIER_OF[interval]
        spans = await self._spans(connection, token, tier, window, position)
        outages = await self._outages(connection, token, window)
        kept = (min((s for s, _ in spans), default=window[1]), window[1])
        stored = await self._stored(connection, token.key, tier, (max(window[0], kept[0]), kept[1]))
        candles = await _aggregated(stored, interval, position.at_ms)
        candles = await self._with_backfill(connection, token, interval, window, candles)
        gaps_until = min(window[1], _end_of(interval, position.at_ms))
        return CandlePage(
            interval=interval,
            from_ms=window[0],
            to_ms=window[1],
            volume_basis=VOLUME_BASIS[interval],
            coverage=coverage_of(window, tier, spans, outages),
            candles=candles,
            gaps=missing((window[0], gaps_until), interval, (c.t for c in candles), spans, outages),
        )

    @staticmethod
    async def _stored(
        connection: AsyncConnection, key: int, tier: Tier, window: Span
    ) -> list[StoredCandle]:
        """Read by the starts of the candles: time comes first in the key."""
        table, step = schema.candles[tier], SECONDS[tier]
        first = window[0] // 1000 // step * step
        starts = range(first, -(-window[1] // 1000), step)
        if not starts:
            return []
        columns = [table.c[name] for name in _FIELDS]
        query = select(*columns).where(
            is_among(connection, table.c.t, "starts"), table.c.token_key == key
        )
        found = await connection.execute(query, {"starts": among(connection, starts)})
        stored: list[StoredCandle] = []
        for rows in found.partitions(_AT_ONCE):
            stored += map(stored_candle, rows)
            await asyncio.sleep(0)
        stored.sort(key=lambda each: each.t)
        return stored

    @staticmethod
    async def _with_backfill(
        connection: AsyncConnection,
        token: TokenRecord,
        interval: Interval,
        window: Span,
        own: list[Candle],
    ) -> list[Candle]:
        table, tier = schema.backfill, TIER_OF[interval]
        query = (
            select(table.c.t, table.c.o, table.c.h, table.c.l, table.c.c, table.c.volume,
                   table.c.origin)
            .where(table.c.tier == tier, table.c.token_key == token.key)
            .where(table.c.t >= window[0] // 1000, table.c.t * 1000 < window[1])
            .order_by(table.c.t)
        )  # fmt: skip
        found = (await connection.execute(query)).all()
        if not found:
            return own
        theirs = bars([tuple(row) for row in found], interval, {candle.t for candle in own})
        return sorted([*own, *theirs], key=lambda each: each.t)

    @staticmethod
    async def _spans(
        connection: AsyncConnection,
        token: TokenRecord,
        tier: Tier,
        window: Span,
        position: Position,
    ) -> list[Span]:
        """Return when the token was recorded in a tier, within the window."""
        kept_from = 0
        table = schema.tiers
        query = select(table.c.kept_from_ms).where(table.c.tier == tier)
        if (row := (await connection.execute(query)).first()) is not None:
            kept_from = row[0]
        if tier == "1m":
            hot = schema.hot
            found = await connection.execute(
                select(hot.c.from_ms, hot.c.to_ms).where(hot.c.token_key == token.key)
            )
            spans = [(start, position.at_ms if end is None else end) for start, end in found.all()]
        else:
            spans = [(token.first_ms, token.gone_ms or position.at_ms)]
        first = max(window[0], kept_from)
        clipped = [(max(start, first), min(end, window[1])) for start, end in spans]
        return [(start, end) for start, end in sorted(clipped) if start < end]

    @staticmethod
    async def _outages(
        connection: AsyncConnection, token: TokenRecord, window: Span
    ) -> list[Outage]:
        table = schema.gaps
        query = select(table.c.from_ms, table.c.to_ms, table.c.source, table.c.why).where(
            table.c.to_ms > window[0], table.c.from_ms < window[1]
        )
        found = [Outage(*row) for row in (await connection.execute(query)).all()]
        return common_outages(found, sources_of(token.row))

    @staticmethod
    async def _close_before(
        connection: AsyncConnection, token: TokenRecord, tier: Tier, at_ms: int
    ) -> float | None:
        """Return the last close before a time, of at most a day back (of days: a month)."""
        table, step = schema.candles[tier], SECONDS[tier]
        last = at_ms // 1000 // step * step - step
        starts = range(last, last - (31 * step if tier == "1d" else 86_400), -step)
        query = (
            select(table.c.c)
            .where(is_among(connection, table.c.t, "starts"), table.c.token_key == token.key)
            .order_by(table.c.t.desc())
            .limit(1)
        )
        for part in (starts[:_NEAR], starts[_NEAR:]):
            found = await connection.execute(query, {"starts": among(connection, part)})
            close: float | None = found.scalar()
            if close is not None:
                return close
        return None

    # -- one token --------------------------------------------------------------------------------
    async def token(self, token_id: str) -> TokenRecord | None:
        """Return what is recorded of a token as a whole; None: it never was."""
        async with self.engine.connect() as connection:
            return await self._record(connection, token_id)

    @staticmethod
    async def _record(connection: AsyncConnection, token_id: str) -> TokenRecord | None:
        table = schema.tokens
        query = select(*(table.c[name] for name in _RECORD)).where(table.c.id == token_id)
        row = (await connection.execute(query)).first()
        return None if row is None else TokenRecord(**dict(zip(_RECORD, row, strict=True)))

    async def close_at(self, token: TokenRecord, at_ms: int) -> tuple[float, int] | None:
        """Return the price of a token as last sampled before a time, and when that was.

        Looked for in the hours of a day before, then in the day before those.
        """
        async with self.engine.connect() as connection:
            for tier, count in _LOOK_BACK:
                table, step = schema.candles[tier], SECONDS[tier]
                last = at_ms // 1000 // step * step
                starts = range(last, last - count * step, -step)
                query = (
                    select(table.c.c, table.c.last_ms)
                    .where(is_among(connection, table.c.t, "starts"))
                    .where(table.c.token_key == token.key, table.c.last_ms <= at_ms)
                    .order_by(table.c.t.desc())
                    .limit(1)
                )
                found = await connection.execute(query, {"starts": among(connection, starts)})
                if (row := found.first()) is not None:
                    return row[0], row[1]
        return None

    async def alerts(
        self, token_id: str, *, from_ms: int, to_ms: int, limit: int
    ) -> list[StoredAlert] | None:
        """Return the newest alerts of a token in a window, oldest first; None: never recorded."""
        table = schema.alerts
        async with self.engine.connect() as connection:
            token = await self._record(connection, token_id)
            if token is None:
                return None
            query = (
                select(table.c.at_ms, table.c.id, table.c.kind, table.c.body)
                .where(table.c.token_key == token.key)
                .where(table.c.at_ms >= from_ms, table.c.at_ms < to_ms)
                .order_by(table.c.at_ms.desc(), table.c.id.desc())
                .limit(limit)
            )
            found = (await connection.execute(query)).all()
        return [StoredAlert(*row) for row in reversed(found)]

    # -- all tokens -------------------------------------------------------------------------------
    async def hour_closes(self, start: int) -> dict[str, float]:
        """Return the last price of each token in the hour that begins at `start` (Unix seconds).

        Where there is none of ours, a back-filled one.
        """
        table, theirs, tokens = schema.candles["1h"], schema.backfill, schema.tokens
        backfilled = (
            select(tokens.c.id, theirs.c.c)
            .join(tokens, tokens.c.key == theirs.c.token_key)
            .where(theirs.c.tier == "1h", theirs.c.t == start)
        )
        query = (
            select(tokens.c.id, table.c.c)
            .join(tokens, tokens.c.key == table.c.token_key)
            .where(table.c.t == start)
        )
        async with self.engine.connect() as connection:
            found = {row[0]: row[1] for row in (await connection.execute(backfilled)).all()}
            return found | {row[0]: row[1] for row in (await connection.execute(query)).all()}

    async def backfilled_hours(self, since: int) -> int:
        """Return how many hours are back-filled, of those that begin at `since` or later (s)."""
        table = schema.backfill
        query = select(func.count()).where(table.c.tier == "1h", table.c.t >= since)
        async with self.engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def position(self) -> Position:
        """Return up to where everything is recorded."""
        async with self.engine.connect() as connection:
            return await read_position(connection)

    async def status(self) -> HistoryStatus:
        """Return how far and how much is recorded."""
        async with self.engine.connect() as connection:
            position = await read_position(connection)
            return HistoryStatus(
                epoch=position.epoch,
                version=position.version,
                at_ms=position.at_ms,
                bytes=await used_bytes(connection),
                tiers=await read_tiers(connection),
            )


async def _aggregated(
    stored: Sequence[StoredCandle], interval: Interval, recorded_ms: int
) -> list[Candle]:
    """Return what `aggregated` does, and yield in between: 15,000 minutes take 50 ms."""
    found: list[Candle] = []
    length = SECONDS[interval] * max(1, _AT_ONCE * SECONDS[TIER_OF[interval]] // SECONDS[interval])
    for _, part in groupby(stored, key=lambda each: each.t // length):
        found += aggregated(part, interval, recorded_ms)
        await asyncio.sleep(0)
    return found


def window_of(
    interval: Interval, from_ms: int | None, to_ms: int | None, limit: int, recorded_ms: int
) -> Span:
    """Return the window of an answer in whole intervals, of at most `limit` and MOST_CANDLES."""
    step = SECONDS[interval] * 1000
    to_ms = recorded_ms if to_ms is None else to_ms
    end = -(-to_ms // step) * step
    first = max(0, end - min(limit, MOST_CANDLES) * step)
    if from_ms is not None:
        first = max(first, from_ms - from_ms % step)
    return min(first, end), end


def _end_of(interval: Interval, at_ms: int) -> int:
    """Return the end of the interval that is not over yet: nothing is missing of it."""
    step = SECONDS[interval] * 1000
    return at_ms - at_ms % step


def coverage_of(
    window: Span, tier: Tier, spans: Sequence[Span], outages: Sequence[Outage]
) -> Coverage | None:
    """Return what is recorded within a window; None: nothing."""
    length = window[1] - window[0]
    if not spans or length <= 0:
        return None
    whole = covered(window, spans)
    down = sum(covered(span, [(each.from_ms, each.to_ms) for each in outages]) for span in spans)
    return Coverage(
        from_ms=min(start for start, _ in spans),
        to_ms=max(end for _, end in spans),
        tier=tier,
        share=round(max(0, whole - down) / length, 4),
    )


def stored_candle(row: Sequence[Any]) -> StoredCandle:
    """Return a candle from the columns of a row, in the order of its fields."""
    return StoredCandle(
        t=row[0], o=row[1], h=row[2], l=row[3], c=row[4], n=row[5], by=row[6], mixed=row[7],
        moved=row[8], cover_ms=row[9], last_ms=row[10], liquidity=row[11], market_cap=row[12],
        volume_5m=row[13], volume_1h=row[14], volume_24h=row[15],
    )  # fmt: skip


def sources_of(row: bytes | None) -> list[str]:
    """Return the sources that a stored row names."""
    if not row:
        return []
    try:
        return _read_sources(row).sources
    except msgspec.MsgspecError:
        return []
