"""The tables of the history, as SQLAlchemy Core sees them (docs/HISTORY.md, "Storage").

Times ending in `_ms` are Unix ms; `t`, the start of a candle, is Unix seconds. Candles are keyed by
time first: what is written together lies together, and one token is read by the starts of its
candles, which are known (docs/decisions/0033).
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from shared.history.candle import TIERS, Tier

metadata: Final = MetaData()

tokens: Final = Table(
    "tokens",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Column("first_ms", BigInteger, nullable=False),  # it is recorded since then
    Column("gone_ms", BigInteger),  # its row was removed then
    Column("row", LargeBinary),  # the last committed row, as JSON; NULL: dropped for want of room
    Column("rv", BigInteger, nullable=False),  # position's version with which it was written
    # What the recorder goes on from: the last look.
    Column("price", Double),
    Column("price_source", Text, nullable=False),
    Column("observed_ms", BigInteger, nullable=False),
    Column("sampled_ms", BigInteger, nullable=False),  # 0: never
    Column("fresh_ms", BigInteger, nullable=False),
    Column("cap_high", Double),  # the highest market cap of all looks, and when
    Column("cap_high_ms", BigInteger),
)
Index("tokens_id", tokens.c.id, unique=True)
Index("tokens_gone", tokens.c.gone_ms)


def _candles(tier: Tier) -> Table:
    # Days hold one candle of a token each, for ever: nothing to drop by partition.
    options: dict[str, Any] = {"sqlite_with_rowid": False}
    if tier != "1d":
        options["postgresql_partition_by"] = "RANGE (t)"
    table: Table = Table(
        f"candles_{tier}",
        metadata,
        Column("t", BigInteger, primary_key=True, autoincrement=False),
        Column("token_key", Integer, primary_key=True, autoincrement=False),
        Column("o", Double, nullable=False),
        Column("h", Double, nullable=False),
        Column("l", Double, nullable=False),
        Column("c", Double, nullable=False),
        Column("n", Integer, nullable=False),
        Column("by", Text, nullable=False),
        Column("mixed", Boolean, nullable=False),
        Column("moved", Boolean, nullable=False),  # false: a flat candle
        Column("cover_ms", Integer, nullable=False),
        Column("last_ms", BigInteger, nullable=False),
        Column("liquidity", Double),
        Column("market_cap", Double),
        Column("volume_5m", Double),
        Column("volume_1h", Double),
        Column("volume_24h", Double),
        **options,
    )
    return table


candles: Final[dict[Tier, Table]] = {tier: _candles(tier) for tier in TIERS}

# What others say of times before us. Never merged with our own candles: ours count where both are.
backfill: Final = Table(
    "backfill",
    metadata,
    Column("tier", Text, primary_key=True),
    Column("t", BigInteger, primary_key=True, autoincrement=False),
    Column("token_key", Integer, primary_key=True, autoincrement=False),
    Column("o", Double, nullable=False),
    Column("h", Double, nullable=False),
    Column("l", Double, nullable=False),
    Column("c", Double, nullable=False),
    Column("volume", Double),  # of that origin's interval
    Column("origin", Text, nullable=False),  # geckoterminal:<pool>
    sqlite_with_rowid=False,
)

# Times in which a source, or without one the whole pipeline, was down.
gaps: Final = Table(
    "gaps",
    metadata,
    Column("source", Text, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
)

# When a token had minutes; to_ms is NULL while it has.
hot: Final = Table(
    "hot",
    metadata,
    Column("token_key", Integer, primary_key=True, autoincrement=False),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("to_ms", BigInteger),
)

alerts: Final = Table(
    "alerts",
    metadata,
    Column("token_key", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),  # <epoch>:<version>.<n>
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # as on the stream
)
Index("alerts_at", alerts.c.at_ms)

# One row: up to which commit all of the above is recorded. Written in the same transaction.
position: Final = Table(
    "position",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1
    Column("epoch", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),  # the last message that was seen
)

# One row: the recorder that writes.
lease: Final = Table(
    "lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1
    Column("holder", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),  # by the database's clock
)

# How much of a tier is kept, for /health.
tiers: Final = Table(
    "tiers",
    metadata,
    Column("tier", Text, primary_key=True),
    Column("kept_from_ms", BigInteger, nullable=False),  # nothing before it is kept
    Column("counted_to", BigInteger, nullable=False),  # candles before it are in `rows`; seconds
    Column("rows", BigInteger, nullable=False),
)
