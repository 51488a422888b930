"""What the history answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from shared.history.candle import Candle, Gap, Interval, Tier

BEHIND_MS: Final = 30_000  # a recorder writes every few seconds: later it is behind


class Coverage(Struct, frozen=True, kw_only=True):
    """What is recorded at all within a window; `share` of it, outages not counted."""

    from_ms: int
    to_ms: int
    tier: Tier
    share: float


class CandlePage(Struct, frozen=True, kw_only=True):
    """The candles of a token in a window of whole intervals, sorted by time, and its gaps."""

    interval: Interval
    from_ms: int
    to_ms: int
    volume_basis: str | None
    coverage: Coverage | None
    candles: list[Candle]
    gaps: list[Gap]
    before: float | None = None  # the last close before the window, for who wants gaps filled


class TokenRecord(Struct, frozen=True, kw_only=True):
    """What is recorded of a token as a whole. `row`: its last committed row, as JSON."""

    key: int
    id: str
    chain: str
    first_ms: int
    gone_ms: int | None
    row: bytes | None
    sampled_ms: int
    cap_high: float | None
    cap_high_ms: int | None


class Sampled(Struct, frozen=True, gc=False):
    """A figure of a token as it was last sampled before a time."""

    tier: Tier
    t: int  # start of its candle, seconds
    last_ms: int  # when it was sampled
    value: float | None


class PastRow(Struct, frozen=True, kw_only=True):
    """A token's figures as they were last sampled before a time."""

    key: int
    id: str
    chain: str
    row: bytes | None
    gone_ms: int | None
    sampled_ms: int
    price: float
    price_source: str
    liquidity: float | None
    market_cap: float | None
    volume_5m: float | None
    volume_1h: float | None
    volume_24h: float | None


class StoredAlert(Struct, frozen=True, gc=False):
    """An alert, `body` as it was on the stream."""

    at_ms: int
    id: str
    kind: str
    body: bytes


class TierStatus(Struct, frozen=True, kw_only=True):
    """How much of a tier is kept."""

    kept_from_ms: int
    rows: int


class HistoryStatus(Struct, frozen=True, kw_only=True):
    """How far and how much is recorded. `bytes` is what the database takes on its disk."""

    epoch: str
    version: int
    at_ms: int
    bytes: int
    tiers: Mapping[Tier, TierStatus]
