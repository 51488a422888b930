"""The data model: readings as sources publish them, and the names of the token row.

USD and percent throughout; `_ms` is Unix milliseconds. **Unknown is absent**, never 0; an explicit
null in a reading says "no longer known" (docs/DATA.md).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from dexwire.stream import topics
from shared.links import IMAGE_LONGEST, IMAGE_PATTERN, LINK_LONGEST, LINK_PATTERN

SCHEMA: Final = 1

WINDOWS: Final[tuple[str, ...]] = topics.WINDOWS
WINDOWED: Final = topics.WINDOWED

# What a field of the row is: how it is merged, from when on a change counts, how it is shown.
Kind: TypeAlias = Literal[
    "text",
    "time",
    "price",
    "size",  # what the whole token is worth by its price
    "sum",  # USD, added up over pools
    "change",  # percent
    "trades",  # count, added up over pools
    "side",  # of the trades: count, goes with them
    "holders",  # count
    "assurance",  # true or false; where sources differ, false
    "share",  # percent of the supply, 0 to 100; where sources differ, the larger
    "mints",  # count; where sources differ, the larger
    "score",  # 0 to 100
    "traders",  # count of people, who are not added up over pools
    "net",  # count, below 0 too
    "split",  # USD: parts of a volume, of one source
    "boosts",  # count
    "stage",  # of a launch
    "progress",  # percent of a launch, 0 to 100
    "image",  # address
    "links",  # addresses by kind
    "row",  # what the row says of itself
]
# The one definition of the row's fields, in the order in which they are shown: first what a person
# reads first. The lists of fields elsewhere are made of it, or a test holds them to it.
ROW: Final[dict[str, Kind]] = {
    "id": "row",
    "token_address": "row",
    "chain": "row",
    "token_name": "text",
    "token_ticker": "text",
    "same_ticker": "row",
    "protocol": "text",
    "pool_address": "row",
    "pool_count": "row",
    "created_ms": "time",
    "price": "price",
    "price_source": "row",
    "price_spread_pct": "row",
    "market_cap": "size",
    "fdv": "size",
    "liquidity": "sum",
    **{f"volume_{window}": "sum" for window in WINDOWS},
    **{f"price_change_{window}": "change" for window in (*WINDOWS, "7d")},
    **{f"transactions_{window}": "trades" for window in WINDOWS},
    "buys_24h": "side",
    "sells_24h": "side",
    "holders": "holders",
    "mint_revoked": "assurance",
    "freeze_revoked": "assurance",
    "top_holders_pct": "share",
    "dev_pct": "share",
    "dev_mints": "mints",
    "organic_score": "score",
    "verified": "assurance",
    **{f"traders_{window}": "traders" for window in WINDOWS},
    **{f"net_buyers_{window}": "net" for window in WINDOWS},
    **{f"buy_volume_{window}": "split" for window in WINDOWS},
    **{f"sell_volume_{window}": "split" for window in WINDOWS},
    **{f"organic_volume_{window}": "split" for window in WINDOWS},
    "boosts": "boosts",
    "launchpad": "text",
    "stage": "stage",
    "graduation_pct": "progress",
    "graduated_ms": "time",
    "links": "links",
    "image": "image",
    "flags": "row",
    "sources": "row",
    "stale": "row",
    "observed_ms": "row",
    "rv": "row",
}
ROW_FIELDS: Final = tuple(ROW)


def fields_of(*kinds: Kind) -> tuple[str, ...]:
    """Return the row's fields of these kinds, in the order of the row."""
    return tuple(name for name, kind in ROW.items() if kind in kinds)


# What is reported of a token beside names and figures: safety, people, launch and links.
# `suspicious` is one of the row's flags; the others follow from its fields.
SIGNAL_FIELDS: Final = (
    *fields_of(
        "assurance", "share", "mints", "score", "traders", "net", "split", "boosts", "stage",
        "progress", "links", "image",
    ),
    "graduated_ms",
    "suspicious",
)  # fmt: skip

# Index name → the row field that gives its score. Names are those of the Redis keys `index:<name>`.
_INDEXED: Final = ("volume", "price_change", "transactions")  # of each window
METRICS: Final[dict[str, str]] = {
    **{f"{kind}_{window}": f"{kind}_{window}" for kind in _INDEXED for window in WINDOWS},
    "liquidity": "liquidity",
    "market_cap": "market_cap",
    "created": "created_ms",
}
# What lists are ordered by, and the row field that gives its score. The store has no index of what
# is here alone: such lists are read from a copy of the rows (docs/decisions/0030).
RANKED: Final[dict[str, str]] = {
    **METRICS,
    **{f"traders_{window}": f"traders_{window}" for window in WINDOWS},
    "holders": "holders",
    "organic_score": "organic_score",
    "graduation_pct": "graduation_pct",
    "graduated": "graduated_ms",
}
# The name of each window's trending order, which is computed from several fields → the window.
TRENDING: Final[dict[str, str]] = {f"trending_{window}": window for window in WINDOWS}
SORTS: Final[tuple[str, ...]] = topics.SORTS

# A float64 holds integers exactly below 2^53; 1e15 leaves room and no honest figure is above it.
LIMIT: Final = 1e15
Amount = Annotated[float, Meta(ge=0, lt=LIMIT)]
Percent = Annotated[float, Meta(gt=-LIMIT, lt=LIMIT)]
Count = Annotated[int, Meta(ge=0, lt=10**15)]
Millis = Annotated[int, Meta(ge=0, lt=10**15)]
Text = Annotated[str, Meta(min_length=1, max_length=128)]
Address = Annotated[str, Meta(min_length=1, max_length=256)]  # shared.spellings.LONGEST
Share = Annotated[float, Meta(ge=0, le=100)]  # percent of a whole
NetCount = Annotated[int, Meta(gt=-(10**15), lt=10**15)]
ImageUrl = Annotated[str, Meta(max_length=IMAGE_LONGEST, pattern=IMAGE_PATTERN)]
LinkUrl = Annotated[str, Meta(max_length=LINK_LONGEST, pattern=LINK_PATTERN)]
Stage: TypeAlias = Literal["curve", "completed", "graduated"]


class Links(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Addresses that a token's maker names, by kind; http or https."""

    website: LinkUrl | None = None
    x: LinkUrl | None = None
    telegram: LinkUrl | None = None
    discord: LinkUrl | None = None
    instagram: LinkUrl | None = None
    tiktok: LinkUrl | None = None
    other: LinkUrl | None = None


LINK_KINDS: Final = Links.__struct_fields__

MaybeAmount: TypeAlias = Amount | UnsetType | None
MaybePercent: TypeAlias = Percent | UnsetType | None
MaybeCount: TypeAlias = Count | UnsetType | None
MaybeMillis: TypeAlias = Millis | UnsetType | None
MaybeText: TypeAlias = Text | UnsetType | None
MaybeBool: TypeAlias = bool | UnsetType | None
MaybeShare: TypeAlias = Share | UnsetType | None
MaybeNet: TypeAlias = NetCount | UnsetType | None
MaybeStage: TypeAlias = Stage | UnsetType | None
MaybeImage: TypeAlias = ImageUrl | UnsetType | None
MaybeLinks: TypeAlias = Links | UnsetType | None


def is_posted(source: str) -> bool:
    """Return whether a reading's source is a producer's own, not one that is polled."""
    return source.startswith("ingest:")


def metric_of(sort: str, window: str) -> str:
    """Return the name of an order (of RANKED or TRENDING); sort and window are validated."""
    if sort == "newest":
        return "created"
    return f"{sort}_{window}" if sort in WINDOWED else sort


class PoolReading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pool as one source saw it, **from the token's point of view**.

    Where the token is the pool's quote side (`side="quote"`), the normalizer has already taken the
    quote's price and swapped buys and sells, and left out what describes the base token (market
    cap, fdv, price changes). A pool is always taken whole, so None is simply "not known".

    `against_unknown`: the pool's other token is no known quote asset (shared/quotes.py), so its
    figures in USD are only as good as that token's own price. None also when nobody knows.
    `other_liquidity`: USD of that other token in the pool, a part of `liquidity`.
    `traders_…`: at least so many different people traded in it.
    """

    pool_address: Address
    side: Literal["base", "quote"] = "base"
    against_unknown: bool | None = None
    protocol: Text | None = None
    created_ms: Millis | None = None
    price: Amount | None = None
    liquidity: Amount | None = None
    other_liquidity: Amount | None = None
    market_cap: Amount | None = None
    fdv: Amount | None = None
    volume_5m: Amount | None = None
    volume_1h: Amount | None = None
    volume_6h: Amount | None = None
    volume_24h: Amount | None = None
    price_change_5m: Percent | None = None
    price_change_1h: Percent | None = None
    price_change_6h: Percent | None = None
    price_change_24h: Percent | None = None
    transactions_5m: Count | None = None
    transactions_1h: Count | None = None
    transactions_6h: Count | None = None
    transactions_24h: Count | None = None
    buys_24h: Count | None = None
    sells_24h: Count | None = None
    traders_5m: Count | None = None
    traders_1h: Count | None = None
    traders_6h: Count | None = None
    traders_24h: Count | None = None
    # What the detail of a token shows beside these, of the sources that have it.
    volume_15m: Amount | None = None
    volume_30m: Amount | None = None
    price_change_15m: Percent | None = None
    price_change_30m: Percent | None = None
    transactions_15m: Count | None = None
    transactions_30m: Count | None = None
    traders_15m: Count | None = None
    traders_30m: Count | None = None
    labels: tuple[Text, ...] = ()


class Seen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which token was seen, and when."""

    chain: Annotated[str, Meta(min_length=1, max_length=32)]
    token_address: Address
    observed_ms: Millis


class Figures(Seen, frozen=True, kw_only=True, omit_defaults=True):
    """What may be reported of a token as a whole, by a source or a producer.

    A field that is UNSET says nothing; one that is None says "no longer known".
    """

    token_name: MaybeText = UNSET
    token_ticker: MaybeText = UNSET
    protocol: MaybeText = UNSET
    created_ms: MaybeMillis = UNSET
    price: MaybeAmount = UNSET
    market_cap: MaybeAmount = UNSET
    fdv: MaybeAmount = UNSET
    liquidity: MaybeAmount = UNSET
    volume_5m: MaybeAmount = UNSET
    volume_1h: MaybeAmount = UNSET
    volume_6h: MaybeAmount = UNSET
    volume_24h: MaybeAmount = UNSET
    price_change_5m: MaybePercent = UNSET
    price_change_1h: MaybePercent = UNSET
    price_change_6h: MaybePercent = UNSET
    price_change_24h: MaybePercent = UNSET
    price_change_7d: MaybePercent = UNSET
    transactions_5m: MaybeCount = UNSET
    transactions_1h: MaybeCount = UNSET
    transactions_6h: MaybeCount = UNSET
    transactions_24h: MaybeCount = UNSET
    buys_24h: MaybeCount = UNSET
    sells_24h: MaybeCount = UNSET
    holders: MaybeCount = UNSET
    mint_revoked: MaybeBool = UNSET
    freeze_revoked: MaybeBool = UNSET
    top_holders_pct: MaybeShare = UNSET
    dev_pct: MaybeShare = UNSET
    dev_mints: MaybeCount = UNSET
    organic_score: MaybeShare = UNSET
    verified: MaybeBool = UNSET
    traders_5m: MaybeCount = UNSET
    traders_1h: MaybeCount = UNSET
    traders_6h: MaybeCount = UNSET
    traders_24h: MaybeCount = UNSET
    net_buyers_5m: MaybeNet = UNSET
    net_buyers_1h: MaybeNet = UNSET
    net_buyers_6h: MaybeNet = UNSET
    net_buyers_24h: MaybeNet = UNSET
    buy_volume_5m: MaybeAmount = UNSET
    buy_volume_1h: MaybeAmount = UNSET
    buy_volume_6h: MaybeAmount = UNSET
    buy_volume_24h: MaybeAmount = UNSET
    sell_volume_5m: MaybeAmount = UNSET
    sell_volume_1h: MaybeAmount = UNSET
    sell_volume_6h: MaybeAmount = UNSET
    sell_volume_24h: MaybeAmount = UNSET
    organic_volume_5m: MaybeAmount = UNSET
    organic_volume_1h: MaybeAmount = UNSET
    organic_volume_6h: MaybeAmount = UNSET
    organic_volume_24h: MaybeAmount = UNSET
    boosts: MaybeCount = UNSET
    launchpad: MaybeText = UNSET
    stage: MaybeStage = UNSET
    graduation_pct: MaybeShare = UNSET
    graduated_ms: MaybeMillis = UNSET
    links: MaybeLinks = UNSET
    image: MaybeImage = UNSET
    suspicious: MaybeBool = UNSET


class Detail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What only the detail of a token shows, of the source that says it."""

    tags: Text | UnsetType = UNSET  # joined
    takeover: bool | UnsetType = UNSET  # its community took it over from its developer
    graduated_pool: Address | UnsetType = UNSET
    holders_change_5m: Percent | UnsetType = UNSET
    holders_change_1h: Percent | UnsetType = UNSET
    holders_change_6h: Percent | UnsetType = UNSET
    holders_change_24h: Percent | UnsetType = UNSET
    organic_buyers_5m: Count | UnsetType = UNSET
    organic_buyers_1h: Count | UnsetType = UNSET
    organic_buyers_6h: Count | UnsetType = UNSET
    organic_buyers_24h: Count | UnsetType = UNSET


DETAIL_FIELDS: Final = Detail.__struct_fields__


class Reading(Figures, frozen=True, kw_only=True, omit_defaults=True):
    """What one source saw of one token at one time; what belongs to one pool is in `pools`."""

    detail: Detail | UnsetType = UNSET
    pools: tuple[PoolReading, ...] = ()
    # Exchanges that launches move on to, in which the token is seen to trade.
    moved_to: tuple[Text, ...] = ()


# Every token-wide field a reading may carry, in row order.
READING_FIELDS: Final = Figures.__struct_fields__[len(Seen.__struct_fields__) :]


class ReadingBatch(Struct, frozen=True, kw_only=True):
    """A message on `raw_tokens`, as a publisher encodes it."""

    source: str
    batch_id: str
    sent_ms: Millis
    tokens: tuple[Reading, ...]
    ack: bool = False
    producer: str = ""  # whose key posted it; empty: it was polled
    schema: int = SCHEMA


class RawBatch(Struct, frozen=True, kw_only=True):
    """A message on `raw_tokens`, as the aggregator decodes it.

    Its tokens stay undecoded so that one bad token never spoils its batch.
    """

    schema: int
    source: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_-]{0,31}(?::[a-z][a-z0-9_-]{0,31})?\Z")]
    batch_id: Annotated[str, Meta(min_length=1, max_length=128)]
    sent_ms: Millis
    tokens: list[Raw]
    ack: bool = False
    producer: Annotated[str, Meta(max_length=64)] = ""
