"""The token row as Python sees it. USD and percent; `_ms` is Unix milliseconds (docs/DATA.md).

**Unknown is absent**: ask with `row.get("price")`.
"""

from __future__ import annotations

from typing import Final, Required, TypedDict


class SameTicker(TypedDict):
    """How many rows have a ticker that looks like this one's, and which of them this is."""

    count: int
    oldest: bool
    most_liquid: bool


class Row(TypedDict, total=False):
    """One token, merged from all sources."""

    id: Required[str]
    token_address: str
    chain: str
    token_name: str
    token_ticker: str
    same_ticker: SameTicker
    protocol: str
    pool_address: str
    pool_count: int
    created_ms: int
    price: float
    price_source: str
    price_spread_pct: float
    market_cap: float
    fdv: float
    liquidity: float
    volume_5m: float
    volume_1h: float
    volume_6h: float
    volume_24h: float
    price_change_5m: float
    price_change_1h: float
    price_change_6h: float
    price_change_24h: float
    price_change_7d: float
    transactions_5m: int
    transactions_1h: int
    transactions_6h: int
    transactions_24h: int
    buys_24h: int
    sells_24h: int
    holders: int
    sources: list[str]
    stale: bool
    observed_ms: int
    rv: int


class Patch(TypedDict, total=False):
    """The changed fields of one token; None: the field became unknown."""

    id: Required[str]
    token_address: str | None
    chain: str | None
    token_name: str | None
    token_ticker: str | None
    same_ticker: SameTicker | None
    protocol: str | None
    pool_address: str | None
    pool_count: int | None
    created_ms: int | None
    price: float | None
    price_source: str | None
    price_spread_pct: float | None
    market_cap: float | None
    fdv: float | None
    liquidity: float | None
    volume_5m: float | None
    volume_1h: float | None
    volume_6h: float | None
    volume_24h: float | None
    price_change_5m: float | None
    price_change_1h: float | None
    price_change_6h: float | None
    price_change_24h: float | None
    price_change_7d: float | None
    transactions_5m: int | None
    transactions_1h: int | None
    transactions_6h: int | None
    transactions_24h: int | None
    buys_24h: int | None
    sells_24h: int | None
    holders: int | None
    sources: list[str] | None
    stale: bool | None
    observed_ms: int | None
    rv: int | None


FIELDS: Final = tuple(Row.__annotations__)
