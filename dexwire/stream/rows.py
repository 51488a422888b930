"""The token row as Python sees it. USD and percent; `_ms` is Unix milliseconds (docs/DATA.md).

**Unknown is absent**: ask with `row.get("price")`.
"""

from __future__ import annotations

from typing import Final, Literal, Required, TypeAlias, TypedDict

# Of a launch: on its bonding curve, sold out there and not yet moved on, trading on an exchange.
Stage: TypeAlias = Literal["curve", "completed", "graduated"]
Flag: TypeAlias = Literal[
    "boosted", "copycat", "drained", "freezable", "mintable", "suspicious", "thin"
]


class SameTicker(TypedDict):
    """How many rows have a ticker that looks like this one's, and which of them this is."""

    count: int
    oldest: bool
    most_liquid: bool


class Links(TypedDict, total=False):
    """Addresses that the token's maker names, by kind; http or https."""

    website: str
    x: str
    telegram: str
    discord: str
    instagram: str
    tiktok: str
    other: str


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
    mint_revoked: bool
    freeze_revoked: bool
    top_holders_pct: float
    dev_pct: float
    dev_mints: int
    organic_score: float
    verified: bool
    traders_5m: int
    traders_1h: int
    traders_6h: int
    traders_24h: int
    net_buyers_5m: int
    net_buyers_1h: int
    net_buyers_6h: int
    net_buyers_24h: int
    buy_volume_5m: float
    buy_volume_1h: float
    buy_volume_6h: float
    buy_volume_24h: float
    sell_volume_5m: float
    sell_volume_1h: float
    sell_volume_6h: float
    sell_volume_24h: float
    organic_volume_5m: float
    organic_volume_1h: float
    organic_volume_6h: float
    organic_volume_24h: float
    boosts: int
    launchpad: str
    stage: Stage
    graduation_pct: float
    graduated_ms: int
    links: Links
    image: str
    flags: list[Flag]
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
    mint_revoked: bool | None
    freeze_revoked: bool | None
    top_holders_pct: float | None
    dev_pct: float | None
    dev_mints: int | None
    organic_score: float | None
    verified: bool | None
    traders_5m: int | None
    traders_1h: int | None
    traders_6h: int | None
    traders_24h: int | None
    net_buyers_5m: int | None
    net_buyers_1h: int | None
    net_buyers_6h: int | None
    net_buyers_24h: int | None
    buy_volume_5m: float | None
    buy_volume_1h: float | None
    buy_volume_6h: float | None
    buy_volume_24h: float | None
    sell_volume_5m: float | None
    sell_volume_1h: float | None
    sell_volume_6h: float | None
    sell_volume_24h: float | None
    organic_volume_5m: float | None
    organic_volume_1h: float | None
    organic_volume_6h: float | None
    organic_volume_24h: float | None
    boosts: int | None
    launchpad: str | None
    stage: Stage | None
    graduation_pct: float | None
    graduated_ms: int | None
    links: Links | None
    image: str | None
    flags: list[Flag] | None
    sources: list[str] | None
    stale: bool | None
    observed_ms: int | None
    rv: int | None


FIELDS: Final = tuple(Row.__annotations__)
