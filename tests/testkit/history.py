"""What tests of the history share: stored candles, tokens, positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.history import write
from shared.history.candle import SECONDS, TIERS, StoredCandle, Tier

T0 = 1_790_006_400  # a day begins
MS0 = T0 * 1000


def candle(t: int, price: float = 1.0, **fields: Any) -> StoredCandle:  # noqa: ANN401
    """A candle of one look at its last moment but one second, of a minute by default."""
    whole: dict[str, Any] = {
        "t": t, "o": price, "h": price, "l": price, "c": price, "n": 1, "by": "jupiter",
        "mixed": False, "moved": True, "cover_ms": 60_000, "last_ms": (t + 59) * 1000, **fields,
    }  # fmt: skip
    return StoredCandle(**whole)


def token_row(key: int, name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """A row of the table of tokens."""
    row = {"id": f"solana:{name}", "token_ticker": name, "sources": ["jupiter"]}
    return {
        "key": key, "id": f"solana:{name}", "chain": "solana", "first_ms": MS0, "gone_ms": None,
        "row": msgspec.json.encode(row), "rv": 1, "price": 1.0, "price_source": "jupiter",
        "observed_ms": MS0, "sampled_ms": MS0, "fresh_ms": MS0 + 120_000, "cap_high": None,
        "cap_high_ms": None, **fields,
    }  # fmt: skip


async def record(
    engine: AsyncEngine,
    candles: Mapping[Tier, Mapping[tuple[int, int], StoredCandle]] | None = None,
    *,
    tokens: list[dict[str, Any]] | None = None,
    gaps: list[dict[str, Any]] | None = None,
    hot: list[int] | None = None,
    at_ms: int = MS0 + 86_400_000,
) -> None:
    """Write parts of candles and what belongs to them, as the recorder does."""
    async with engine.begin() as connection:
        before = await write.read_position(connection)
        for tier in TIERS:
            parts = (candles or {}).get(tier, {})
            await write.make_partitions(connection, {tier: {t for _, t in parts}})
            await write.put_candles(connection, tier, parts)
        await write.put_tokens(connection, tokens or [])
        await write.put_gaps(connection, gaps or [])
        await write.put_hot(connection, hot or [], [], MS0)
        after = write.Position("e1", before.version + 1, "0" * 16, at_ms)
        await write.advance(connection, before, after)


def minutes(key: int, *numbers: int, **fields: Any) -> dict[tuple[int, int], StoredCandle]:  # noqa: ANN401
    """Candles of these minutes of the day, of one token; the price is the minute's number + 1."""
    step = SECONDS["1m"]
    return {(key, T0 + n * step): candle(T0 + n * step, n + 1.0, **fields) for n in numbers}
