"""What the api answers of the past, as types: `openapi.json` is made of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from shared.state.messages import Alert

Millis: TypeAlias = Annotated[int, Meta(ge=0, description="Unix milliseconds")]
Usd: TypeAlias = Annotated[float, Meta(description="USD")] | UnsetType
Percent: TypeAlias = Annotated[float, Meta(description="percent")] | UnsetType
Price: TypeAlias = Annotated[float, Meta(gt=0, description="USD")]
GapKind: TypeAlias = Literal["unseen", "outage", "not_recorded"]


class Candle(Struct, frozen=True, kw_only=True):
    """What was seen of the committed price in one interval: samples, not trades."""

    t: Annotated[int, Meta(ge=0, description="start of the interval, Unix milliseconds")]
    o: Price
    h: Annotated[float, Meta(gt=0, description="USD; the true high is at least this")]
    l: Annotated[float, Meta(gt=0, description="USD; the true low is at most this")]  # noqa: E741
    c: Price
    n: Annotated[int, Meta(ge=0, description="samples; 0: filled, or back-filled")]
    by: Annotated[str, Meta(description="source of the price")] | UnsetType = UNSET
    mixed: Annotated[bool, Meta(description="the source changed inside")] | UnsetType = UNSET
    cover: (
        Annotated[float, Meta(ge=0, le=1, description="share of the time with a fresh price")]
        | UnsetType
    ) = UNSET
    liquidity: Usd = UNSET
    market_cap: Usd = UNSET
    volume: Annotated[float, Meta(description="USD; see volume_basis")] | UnsetType = UNSET
    closed: Annotated[bool, Meta(description="false: the interval is running")]
    kind: Annotated[
        Literal["seen", "flat", "filled"],
        Meta(description="flat: looked at, unchanged; filled: nothing was seen"),
    ]
    origin: (
        Annotated[str, Meta(description="of a back-filled candle, as <source>:<pool>")] | UnsetType
    ) = UNSET


class Gap(Struct, frozen=True, kw_only=True):
    """Intervals without samples: nobody looked (`unseen`), something was down (`outage`), or no
    candles of this length were kept (`not_recorded`).
    """  # noqa: D205

    from_ms: Millis
    to_ms: Millis
    kind: GapKind
    why: str


class Coverage(Struct, frozen=True, kw_only=True):
    """What is recorded at all of the time that an answer is about."""

    from_ms: Millis
    to_ms: Millis
    tier: Literal["1m", "1h", "1d"]
    share: Annotated[float, Meta(ge=0, le=1, description="of the time, without outages")]


class Candles(Struct, frozen=True, kw_only=True):
    """Candles of one token, oldest first, and what is missing between them."""

    basis: Literal["sampled"]
    token: str
    interval: Literal["1m", "5m", "15m", "1h", "4h", "1d"]
    from_ms: Millis
    to_ms: Millis
    volume_basis: (
        Literal[
            "trailing_5m",
            "sum_of_3_trailing_5m",
            "trailing_1h",
            "sum_of_4_trailing_1h",
            "trailing_24h",
        ]
        | None
    )
    coverage: Coverage | None
    candles: list[Candle]
    gaps: list[Gap]


class PastRow(Struct, frozen=True, kw_only=True):
    """A token as it was; unknown is absent."""

    id: str
    chain: str
    token_address: str
    token_name: str | UnsetType = UNSET
    token_ticker: str | UnsetType = UNSET
    created_ms: Millis | UnsetType = UNSET
    price: Price
    liquidity: Usd = UNSET
    market_cap: Usd = UNSET
    volume_24h: Usd = UNSET
    volume_1h: Usd = UNSET
    volume_5m: Usd = UNSET
    price_change_1h: Percent = UNSET
    price_change_24h: Percent = UNSET
    sampled_ms: Annotated[int, Meta(ge=0, description="when these figures were sampled")]
    gone_ms: (
        Annotated[int, Meta(ge=0, description="when it left the list, since then")] | UnsetType
    ) = UNSET


class PastList(Struct, frozen=True, kw_only=True):
    """The list as it was, tokens that are gone since included."""

    at_ms: Millis
    basis: Literal["sampled"]
    recorded_ms: Annotated[int, Meta(ge=0, description="the newest time that the list is made of")]
    total: Annotated[int, Meta(ge=0, description="tokens of the whole list")]
    sort: str
    tokens: list[PastRow]


class PastAlert(Alert, frozen=True, kw_only=True):
    """An alert as on the stream, and when it was committed."""

    at_ms: Millis


class Recorded(Struct, frozen=True, kw_only=True):
    """From when to when alerts are recorded."""

    from_ms: Millis
    to_ms: Millis


class PastAlerts(Struct, frozen=True, kw_only=True):
    """Alerts of one token, oldest first; nothing is known outside of `coverage`."""

    alerts: list[PastAlert]
    coverage: Recorded | None


class OwnChange(Struct, frozen=True, kw_only=True):
    """A change of the price by own samples; `preferred`, a source's own figure, goes first."""

    value: Annotated[float, Meta(description="percent")]
    coverage: Coverage
    preferred: Percent = UNSET


class OwnHigh(Struct, frozen=True, kw_only=True):
    """The highest market cap that was sampled."""

    value: Annotated[float, Meta(description="USD")]
    at_ms: Annotated[int, Meta(ge=0, description="when it was sampled")]
    coverage: Coverage


class OwnFigures(Struct, frozen=True, kw_only=True):
    """Figures of our own history; absent: not recorded for so long."""

    price_change_7d: OwnChange | UnsetType = UNSET
    price_change_30d: OwnChange | UnsetType = UNSET
    highest_market_cap: OwnHigh | UnsetType = UNSET


class HistoryPosition(Struct, frozen=True, kw_only=True):
    """The last state that is recorded."""

    epoch: str
    version: int
    at_ms: Millis


class HistoryHealth(Struct, frozen=True, kw_only=True):
    """How the recorded history does."""

    state: Literal["ok", "off", "behind", "down"]
    why: str | UnsetType = UNSET
    bytes: Annotated[int, Meta(ge=0, description="on its disk")] | UnsetType = UNSET
    rows: Annotated[dict[str, int], Meta(description="candles, by tier")] | UnsetType = UNSET
    position: HistoryPosition | UnsetType = UNSET
