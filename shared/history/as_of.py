"""The list as it was: each token as it was last sampled before a time.

Minutes of the last ten say it to the minute; of other tokens the hours say it, of a day back, as
the list itself keeps a token for a day after anybody saw it. A candle counts when its last look was
before that time, so that nothing is shown that was not known then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.history import schema
from shared.history.answers import PastRow, Sampled
from shared.history.candle import Tier
from shared.history.sql import among, is_among

LIFE_S: Final = 86_400  # DEAD_AFTER_S by default
_MINUTES: Final = 10
_FEW: Final = 500  # tokens that are cheaper to look for one by one, in all hours
Figure: TypeAlias = Literal["c", "liquidity", "market_cap", "volume_5m", "volume_1h", "volume_24h"]


class PastList:
    """Reads the list as it was at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def figures(self, at_ms: int, figure: Figure) -> dict[int, Sampled]:
        """Return one figure of every token that was listed at a time, by the token's key."""
        async with self._engine.connect() as connection:
            found = await _hours(connection, at_ms, figure)
            for key, sampled in (await _minutes(connection, at_ms, figure)).items():
                known = found.get(key)
                if known is None or known.last_ms <= sampled.last_ms:
                    found[key] = sampled
            return await _listed(connection, at_ms, found)

    async def rows(self, sampled: Mapping[int, Sampled]) -> list[PastRow]:
        """Return all figures of some tokens, in their order; what `figures` gave names them."""
        async with self._engine.connect() as connection:
            found: dict[int, PastRow] = {}
            for tier in ("1m", "1h"):
                keys = {k: s.t for k, s in sampled.items() if s.tier == tier}
                if keys:
                    found |= await _rows(connection, tier, keys)
        return [found[key] for key in sampled if key in found]

    async def chains(self, keys: Iterable[int]) -> dict[int, str]:
        """Return the chain of each token."""
        table = schema.tokens
        async with self._engine.connect() as connection:
            query = select(table.c.key, table.c.chain).where(
                is_among(connection, table.c.key, "keys")
            )
            found = await connection.execute(query, {"keys": among(connection, keys)})
            return {row[0]: row[1] for row in found.all()}


async def _minutes(connection: AsyncConnection, at_ms: int, figure: Figure) -> dict[int, Sampled]:
    table, last = schema.candles["1m"], at_ms // 60_000 * 60
    newest = (
        select(table.c.token_key, func.max(table.c.t).label("t"))
        .where(table.c.t > last - _MINUTES * 60, table.c.t <= last, table.c.last_ms <= at_ms)
        .group_by(table.c.token_key)
        .subquery()
    )
    query = select(table.c.token_key, table.c.t, table.c.last_ms, table.c[figure]).join(
        newest, (table.c.t == newest.c.t) & (table.c.token_key == newest.c.token_key)
    )
    return _by_key(await connection.execute(query), "1m")


async def _hours(connection: AsyncConnection, at_ms: int, figure: Figure) -> dict[int, Sampled]:
    """Read hour by hour back, until few tokens are left to be found."""
    table, last = schema.candles["1h"], at_ms // 3_600_000 * 3_600
    starts = list(range(last, last - LIFE_S - 3_600, -3_600))
    alive = await _count_alive(connection, at_ms)
    found: dict[int, Sampled] = {}
    columns = (table.c.token_key, table.c.t, table.c.last_ms, table.c[figure])
    for number, start in enumerate(starts):
        query = select(*columns).where(table.c.t == start, table.c.last_ms <= at_ms)
        earlier = _by_key(await connection.execute(query), "1h")
        found = earlier | found
        if len(found) >= alive:
            break
        if number and alive - len(found) <= _FEW:
            rest = await _alive(connection, at_ms) - found.keys()
            query = (
                select(*columns)
                .where(is_among(connection, table.c.t, "starts"))
                .where(is_among(connection, table.c.token_key, "keys"))
                .order_by(table.c.t)
            )
            bound = {
                "starts": among(connection, starts[number + 1 :]),
                "keys": among(connection, sorted(rest)),
            }
            return _by_key(await connection.execute(query, bound), "1h") | found
    return found


def _alive_then(at_ms: int) -> ColumnElement[bool]:
    table = schema.tokens
    there = or_(table.c.gone_ms.is_(None), table.c.gone_ms > at_ms)
    return (table.c.first_ms <= at_ms) & there


async def _count_alive(connection: AsyncConnection, at_ms: int) -> int:
    query = select(func.count()).select_from(schema.tokens).where(_alive_then(at_ms))
    return int((await connection.execute(query)).scalar_one())


async def _alive(connection: AsyncConnection, at_ms: int) -> set[int]:
    query = select(schema.tokens.c.key).where(_alive_then(at_ms))
    return set((await connection.execute(query)).scalars().all())


async def _listed(
    connection: AsyncConnection, at_ms: int, found: dict[int, Sampled]
) -> dict[int, Sampled]:
    """Leave out what was removed before, and what nobody had seen for a day."""
    table = schema.tokens
    query = select(table.c.key).where(table.c.gone_ms <= at_ms)
    gone = set((await connection.execute(query)).scalars().all())
    oldest = at_ms - LIFE_S * 1000
    return {k: s for k, s in found.items() if k not in gone and s.last_ms >= oldest}


async def _rows(
    connection: AsyncConnection, tier: Tier, starts: Mapping[int, int]
) -> dict[int, PastRow]:
    table, tokens = schema.candles[tier], schema.tokens
    names = ("liquidity", "market_cap", "volume_5m", "volume_1h", "volume_24h")
    query = (
        select(
            tokens.c.key, tokens.c.id, tokens.c.chain, tokens.c.row, tokens.c.gone_ms,
            table.c.t, table.c.last_ms, table.c.c, table.c.by, *(table.c[name] for name in names),
        )
        .join(tokens, tokens.c.key == table.c.token_key)
        .where(is_among(connection, table.c.t, "starts"))
        .where(is_among(connection, table.c.token_key, "keys"))
    )  # fmt: skip
    bound = {
        "starts": among(connection, sorted(set(starts.values()))),
        "keys": among(connection, starts),
    }
    found = {}
    for row in (await connection.execute(query, bound)).all():
        key, ident, chain, last_row, gone_ms, t, last_ms, price, by, *figures = row
        if starts[key] == t:
            found[key] = PastRow(
                key=key, id=ident, chain=chain, row=last_row, gone_ms=gone_ms, sampled_ms=last_ms,
                price=price, price_source=by, **dict(zip(names, figures, strict=True)),
            )  # fmt: skip
    return found


def _by_key(result: Any, tier: Tier) -> dict[int, Sampled]:  # noqa: ANN401 - a CursorResult
    return {row[0]: Sampled(tier, row[1], row[2], row[3]) for row in result.all()}
