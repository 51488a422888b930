"""The first tables of the history."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Make all tables."""
    _tokens()
    for tier in ("1m", "1h", "1d"):
        _candles(tier)
    _backfill()
    _spans()
    _alerts()
    _single_rows()


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _tokens() -> None:
    op.create_table(
        "tokens",
        _key("key"),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("gone_ms", sa.BigInteger),
        sa.Column("row", sa.LargeBinary),
        sa.Column("rv", sa.BigInteger, nullable=False),
        _number("price", nullable=True),
        sa.Column("price_source", sa.Text, nullable=False),
        sa.Column("observed_ms", sa.BigInteger, nullable=False),
        sa.Column("sampled_ms", sa.BigInteger, nullable=False),
        sa.Column("fresh_ms", sa.BigInteger, nullable=False),
        _number("cap_high", nullable=True),
        sa.Column("cap_high_ms", sa.BigInteger),
    )
    op.create_index("tokens_id", "tokens", ["id"], unique=True)
    op.create_index("tokens_gone", "tokens", ["gone_ms"])


def _candles(tier: str) -> None:
    options: dict[str, Any] = {"sqlite_with_rowid": False}
    if tier != "1d":
        options["postgresql_partition_by"] = "RANGE (t)"
    op.create_table(
        f"candles_{tier}",
        _time("t"),
        _key("token_key"),
        *(_number(name) for name in "ohlc"),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("mixed", sa.Boolean, nullable=False),
        sa.Column("moved", sa.Boolean, nullable=False),
        sa.Column("cover_ms", sa.Integer, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        *(_number(name, nullable=True) for name in ("liquidity", "market_cap")),
        *(_number(f"volume_{window}", nullable=True) for window in ("5m", "1h", "24h")),
        **options,
    )


def _backfill() -> None:
    op.create_table(
        "backfill",
        sa.Column("tier", sa.Text, primary_key=True),
        _time("t"),
        _key("token_key"),
        *(_number(name) for name in "ohlc"),
        _number("volume", nullable=True),
        sa.Column("origin", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _spans() -> None:
    op.create_table(
        "gaps",
        sa.Column("source", sa.Text, primary_key=True),
        _time("from_ms"),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table("hot", _key("token_key"), _time("from_ms"), sa.Column("to_ms", sa.BigInteger))


def _alerts() -> None:
    op.create_table(
        "alerts",
        _key("token_key"),
        _time("at_ms"),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("alerts_at", "alerts", ["at_ms"])


def _single_rows() -> None:
    op.create_table(
        "position",
        _key("id"),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "lease",
        _key("id"),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tiers",
        sa.Column("tier", sa.Text, primary_key=True),
        sa.Column("kept_from_ms", sa.BigInteger, nullable=False),
        sa.Column("counted_to", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
    )
