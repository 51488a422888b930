"""What the api answers with, as types: `openapi.json` is made of them.

Answers are put together from stored bytes, not from these; a test compares the two.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from dexwire.stream.rows import Flag
from services.api.documents.history_schemas import HistoryHealth, OwnFigures
from services.api.ingest.body import SOURCE_PATTERN, TOKENS_MAX, IngestToken, Rejection
from services.api.ingest.outcomes import Unchanged
from shared.merge.explained import FieldExplanation, Role
from shared.model import Links, PoolReading, Stage

Usd: TypeAlias = Annotated[float, Meta(description="USD")] | UnsetType
Native: TypeAlias = (
    Annotated[float, Meta(description="in the coin of the token's chain; with `quote`")] | UnsetType
)
Percent: TypeAlias = Annotated[float, Meta(description="percent")] | UnsetType
Count: TypeAlias = Annotated[int, Meta(ge=0)] | UnsetType
Net: TypeAlias = Annotated[int, Meta(description="may be below 0")] | UnsetType
Known: TypeAlias = Annotated[bool, Meta(description="absent when unknown")] | UnsetType
Share: TypeAlias = Annotated[float, Meta(ge=0, le=100, description="percent")] | UnsetType
Score: TypeAlias = Annotated[float, Meta(ge=0, le=100)] | UnsetType
Millis: TypeAlias = Annotated[int, Meta(ge=0, description="Unix milliseconds")]
Epoch: TypeAlias = Annotated[str, Meta(description="changes when versions start over")]
Version: TypeAlias = Annotated[int, Meta(ge=0, description="(epoch, version) names one state")]
Age: TypeAlias = Annotated[int, Meta(ge=0, description="milliseconds, at the time of the request")]


class SameTicker(Struct, frozen=True, kw_only=True):
    """Several tokens have this ticker. At most one of them is the oldest, one the most liquid."""

    count: Annotated[int, Meta(ge=2)]
    oldest: bool
    most_liquid: bool


class Row(Struct, frozen=True, kw_only=True):
    """One token, merged from all sources. **Unknown is absent**, never 0 or null."""

    id: Annotated[str, Meta(description="<chain>:<address>", examples=["solana:7xKX"])]
    token_address: str
    chain: str
    token_name: str | UnsetType = UNSET
    token_ticker: str | UnsetType = UNSET
    same_ticker: SameTicker | UnsetType = UNSET
    protocol: Annotated[str, Meta(description="exchange or launchpad")] | UnsetType = UNSET
    pool_address: str | UnsetType = UNSET
    pool_count: Count = UNSET
    created_ms: Millis | UnsetType = UNSET
    price: Usd = UNSET
    price_source: str | UnsetType = UNSET
    price_spread_pct: Percent = UNSET
    market_cap: Usd = UNSET
    fdv: Usd = UNSET
    liquidity: Usd = UNSET
    volume_5m: Usd = UNSET
    volume_1h: Usd = UNSET
    volume_6h: Usd = UNSET
    volume_24h: Usd = UNSET
    price_change_5m: Percent = UNSET
    price_change_1h: Percent = UNSET
    price_change_6h: Percent = UNSET
    price_change_24h: Percent = UNSET
    price_change_7d: Percent = UNSET
    transactions_5m: Count = UNSET
    transactions_1h: Count = UNSET
    transactions_6h: Count = UNSET
    transactions_24h: Count = UNSET
    buys_24h: Count = UNSET
    sells_24h: Count = UNSET
    holders: Count = UNSET
    mint_revoked: Known = UNSET
    freeze_revoked: Known = UNSET
    top_holders_pct: Share = UNSET
    dev_pct: Share = UNSET
    dev_mints: Count = UNSET
    organic_score: Score = UNSET
    verified: Known = UNSET
    traders_5m: Count = UNSET
    traders_1h: Count = UNSET
    traders_6h: Count = UNSET
    traders_24h: Count = UNSET
    net_buyers_5m: Net = UNSET
    net_buyers_1h: Net = UNSET
    net_buyers_6h: Net = UNSET
    net_buyers_24h: Net = UNSET
    buy_volume_5m: Usd = UNSET
    buy_volume_1h: Usd = UNSET
    buy_volume_6h: Usd = UNSET
    buy_volume_24h: Usd = UNSET
    sell_volume_5m: Usd = UNSET
    sell_volume_1h: Usd = UNSET
    sell_volume_6h: Usd = UNSET
    sell_volume_24h: Usd = UNSET
    organic_volume_5m: Usd = UNSET
    organic_volume_1h: Usd = UNSET
    organic_volume_6h: Usd = UNSET
    organic_volume_24h: Usd = UNSET
    boosts: Count = UNSET
    launchpad: str | UnsetType = UNSET
    stage: Stage | UnsetType = UNSET
    graduation_pct: Share = UNSET
    graduated_ms: Millis | UnsetType = UNSET
    links: Links | UnsetType = UNSET
    image: Annotated[str, Meta(description="https")] | UnsetType = UNSET
    flags: Annotated[list[Flag], Meta(description="sorted")] | UnsetType = UNSET
    sources: list[str] | UnsetType = UNSET
    stale: Annotated[bool, Meta(description="no source has seen it lately")] | UnsetType = UNSET
    observed_ms: Millis | UnsetType = UNSET
    rv: Version | UnsetType = UNSET


class QuotedRow(Row, frozen=True, kw_only=True):
    """A row; with `quote` its prices in the coin of its chain too, as far as they are known."""

    price_native: Native = UNSET
    market_cap_native: Native = UNSET


class TrendingParts(Struct, frozen=True, kw_only=True):
    """What a trending score is the sum of; absent: nothing is known of it."""

    traders: int | UnsetType = UNSET
    net_buyers: int | UnsetType = UNSET
    organic: int | UnsetType = UNSET
    turnover: int | UnsetType = UNSET
    pace: int | UnsetType = UNSET
    age: Annotated[int, Meta(le=0)] | UnsetType = UNSET


class Trending(Struct, frozen=True, kw_only=True):
    """Why a row has its place in a list by `trending` (docs/DATA.md)."""

    window: str
    score: Annotated[int, Meta(ge=0, le=10_000)]
    parts: TrendingParts


class ListedRow(QuotedRow, frozen=True, kw_only=True):
    """A row of a list; with `explain` the parts of its trending score, with `spark` a line."""

    trending: Trending | UnsetType = UNSET
    spark: (
        Annotated[
            list[float | None],
            Meta(min_length=24, max_length=24, description="23 closes of hours, then the price"),
        ]
        | UnsetType
    ) = UNSET


class NativePrice(Struct, frozen=True, kw_only=True):
    """The price of a chain's own coin."""

    symbol: str
    price: Annotated[float, Meta(description="USD")]
    observed_ms: Millis


NativePrices: TypeAlias = (
    Annotated[dict[str, NativePrice], Meta(description="by chain; with `quote`")] | UnsetType
)


class Page(Struct, frozen=True, kw_only=True):
    """A page of the list, all of one state."""

    epoch: Epoch
    version: Version
    order_version: (
        Annotated[int, Meta(description="of the order that a walk goes through")] | UnsetType
    ) = UNSET
    as_of_ms: Millis
    tokens: list[ListedRow]
    nextCursor: str | None  # noqa: N815 - the name on the wire
    total: Annotated[int, Meta(ge=0, description="tokens of the whole list, filters applied")]
    native_prices: NativePrices = UNSET


class Hit(QuotedRow, frozen=True, kw_only=True):
    """A row, and how it was found."""

    match: Literal["address", "ticker", "ticker_prefix", "words"]


class SearchPage(Struct, frozen=True, kw_only=True):
    """The best matches, all of one state."""

    epoch: Epoch
    version: Version
    as_of_ms: Millis
    tokens: list[Hit]
    total: Annotated[int, Meta(ge=0, description="matches, shown or not")]
    native_prices: NativePrices = UNSET


class ExplainedValue(Struct, frozen=True, kw_only=True):
    """What a source reported of one field; null: no longer known."""

    value: Any
    observed_ms: Millis
    age_ms: Age


class SourceReading(Struct, frozen=True, kw_only=True):
    """Everything that one source reported of a token as a whole."""

    observed_ms: Millis
    age_ms: Age
    fields: dict[str, ExplainedValue]


class TokenPool(PoolReading, frozen=True, kw_only=True, omit_defaults=True):
    """A pool as one source saw it, from the token's side, and what it does for the row."""

    source: str
    role: Role
    adds: Annotated[bool, Meta(description="to volume, liquidity and transactions")]
    why: str
    observed_ms: Millis
    age_ms: Age


class TokenDetail(Struct, frozen=True, kw_only=True):
    """One token: its row, why it is so, and what each source says of it (docs/DATA.md)."""

    epoch: Epoch
    version: Version
    as_of_ms: Millis
    token: QuotedRow
    raw_name: str | None
    raw_ticker: str | None
    explanation: dict[str, FieldExplanation]
    readings: dict[str, SourceReading]
    pools: list[TokenPool]
    history: OwnFigures | UnsetType = UNSET
    native_prices: NativePrices = UNSET


class Post(Struct, frozen=True, kw_only=True):
    """A batch of readings. Each token is judged alone; times default to that of receipt."""

    source: Annotated[str, Meta(pattern=f"^{SOURCE_PATTERN}$", examples=["mybot"])]
    tokens: Annotated[list[IngestToken], Meta(min_length=1, max_length=TOKENS_MAX)]


class Accepted(Struct, frozen=True, kw_only=True):
    """The verdict on a batch; `unchanged`, `epoch` and `version` with `ack=commit`."""

    batch_id: str
    accepted: Annotated[int, Meta(ge=1)]
    rejected: list[Rejection]
    unchanged: list[Unchanged] | UnsetType = UNSET
    epoch: Epoch | UnsetType = UNSET
    version: Version | UnsetType = UNSET


class SourceHealth(Struct, frozen=True, kw_only=True):
    """How a source does; more members say when it was called and what it answered."""

    state: str
    circuit: Annotated[str, Meta(description="closed, open (not called), trial")] | UnsetType = (
        UNSET
    )
    age_ms: Age | UnsetType = UNSET
    delivery_error: (
        Annotated[str, Meta(description="why its readings cannot be posted to the api")] | UnsetType
    ) = UNSET


class StoreHealth(Struct, frozen=True, kw_only=True):
    """How the store does."""

    ok: bool
    error: str | UnsetType = UNSET
    latency_ms: float | UnsetType = UNSET
    version: str | UnsetType | None = UNSET
    used_memory: int | UnsetType | None = UNSET
    maxmemory: int | UnsetType | None = UNSET


class HealthReport(Struct, frozen=True, kw_only=True):
    """What is known about the whole pipeline."""

    status: Literal["ok", "degraded", "down"]
    reason: Literal["no_source", "delivery", "warming", "stale", "source"] | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    uptime: Annotated[float, Meta(ge=0, description="seconds")]
    demo: bool
    token_count: Count = UNSET
    chains: dict[str, Count] | UnsetType = UNSET
    epoch: str | UnsetType | None = UNSET
    version: int | UnsetType | None = UNSET
    data_age_ms: int | UnsetType | None = UNSET
    warming: bool | UnsetType = UNSET
    sources: dict[str, SourceHealth] | UnsetType = UNSET
    history: HistoryHealth | UnsetType = UNSET
    redis: StoreHealth


class Alive(Struct, frozen=True, kw_only=True):
    """The process turns."""

    status: Literal["alive"]


class Ready(Struct, frozen=True, kw_only=True):
    """Requests are welcome here."""

    status: Literal["ready"]


class ProblemBody(Struct, frozen=True, kw_only=True):
    """An error (RFC 9457). `code` is what programs test, `detail` what people read."""

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    code: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    reason: (
        Annotated[str, Meta(description="why, more exactly: no_source, delivery")] | UnsetType
    ) = UNSET
    param: Annotated[str, Meta(description="the parameter or path that is wrong")] | UnsetType = (
        UNSET
    )
    batch_id: str | UnsetType = UNSET
    accepted: int | UnsetType = UNSET
    rejected: list[Rejection] | UnsetType = UNSET
    gone_ms: Annotated[int, Meta(description="when the token was removed")] | UnsetType = UNSET
    token: Annotated[Row, Meta(description="its last row")] | UnsetType = UNSET
