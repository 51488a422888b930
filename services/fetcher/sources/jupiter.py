"""Jupiter: Solana only; token-wide figures over all pools. Optional, its attribution is shown.

Wire facts: docs/DATA.md, "Jupiter". Every figure may be null or missing; a statistic is missing
when it is zero or unknown. Null says "no longer known", missing says nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from pydantic import PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from services.fetcher import signals
from services.fetcher.pools import reading_id
from services.fetcher.settings import HttpUrl, PerMinute, Seconds, SourceSettings
from services.fetcher.source import Call, Discovery, ParsedBody, Refresh, Source, SourceSpec
from services.fetcher.values import (
    FreeText,
    MaybeNumber,
    amount,
    both,
    count,
    decode_body,
    decode_each,
    given,
    iso_ms,
    maybe,
    percent,
    price,
    refuse_error,
    text,
)
from shared.model import Detail, Reading
from shared.sources import SourceDeclaration

DECLARATION: Final = SourceDeclaration(
    name="jupiter",
    title="Jupiter",
    website="https://jup.ag",
    reports="tokens",
    place=2,
    link="https://jup.ag/tokens/{address}",
    credit="Powered by Jupiter",
    replayed=True,
)
CHAIN: Final = "solana"
SEARCH_BATCH: Final = 100  # mints that /tokens/v2/search takes
PRICE_BATCH: Final = 50  # mints that /price/v3 takes
# 32 bytes in base58: the keys of the retired price versions ("data", "timeTaken") are none.
_ADDRESS: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")


# -- the wire -----------------------------------------------------------------------------------
class WireStats(Struct, frozen=True, rename="camel"):
    """What happened in one window, over all pools."""

    price_change: MaybeNumber = UNSET
    buy_volume: MaybeNumber = UNSET
    sell_volume: MaybeNumber = UNSET
    buy_organic_volume: MaybeNumber = UNSET
    sell_organic_volume: MaybeNumber = UNSET
    num_buys: MaybeNumber = UNSET
    num_sells: MaybeNumber = UNSET
    holder_change: MaybeNumber = UNSET
    num_traders: MaybeNumber = UNSET
    num_organic_buyers: MaybeNumber = UNSET
    num_net_buyers: MaybeNumber = UNSET


class WireFirstPool(Struct, frozen=True, rename="camel"):
    """The first pool of a token; its time has nanoseconds or whole seconds."""

    created_at: str | None = None


class WireAudit(Struct, frozen=True, rename="camel"):
    """What was found out about a token; `isSus` counts by being there, whatever it says."""

    is_sus: Raw = Raw()
    mint_authority_disabled: bool | None = None
    freeze_authority_disabled: bool | None = None
    top_holders_percentage: MaybeNumber = UNSET
    dev_balance_percentage: MaybeNumber = UNSET
    dev_mints: MaybeNumber = UNSET


class WireToken(Struct, frozen=True, rename="camel"):
    """An item of the token lists and of search; the keys it has come and go."""

    id: str
    name: FreeText = None
    symbol: FreeText = None
    usd_price: MaybeNumber = UNSET
    mcap: MaybeNumber = UNSET
    fdv: MaybeNumber = UNSET
    liquidity: MaybeNumber = UNSET
    holder_count: MaybeNumber = UNSET
    launchpad: FreeText = None
    graduated_at: str | None = None
    graduated_pool: Raw = Raw()  # an address; of some an object
    audit: WireAudit | None = None
    mint_authority: FreeText = None  # the address of who may mint, while there is one
    freeze_authority: FreeText = None
    organic_score: MaybeNumber = UNSET
    is_verified: bool | None = None
    tags: list[str] | None = None
    icon: FreeText = None
    website: FreeText = None
    twitter: FreeText = None
    telegram: FreeText = None
    discord: FreeText = None
    instagram: FreeText = None
    tiktok: FreeText = None
    other_url: FreeText = None
    first_pool: WireFirstPool | None = None
    stats_5m: WireStats | None = msgspec.field(name="stats5m", default=None)
    stats_1h: WireStats | None = msgspec.field(name="stats1h", default=None)
    stats_6h: WireStats | None = msgspec.field(name="stats6h", default=None)
    stats_24h: WireStats | None = msgspec.field(name="stats24h", default=None)
    stats_7d: WireStats | None = msgspec.field(name="stats7d", default=None)


class WirePrice(Struct, frozen=True, rename="camel"):
    """An entry of /price/v3. `createdAt` is not used: it is when Jupiter listed the token."""

    usd_price: MaybeNumber = UNSET
    price_change_24h: MaybeNumber = msgspec.field(name="priceChange24h", default=UNSET)
    liquidity: MaybeNumber = UNSET


_RECORDS: Final = msgspec.json.Decoder(list[Raw])
_PRICES: Final = msgspec.json.Decoder(dict[str, Raw])
_TOKEN: Final = msgspec.json.Decoder(WireToken)
_PRICE: Final = msgspec.json.Decoder(WirePrice | None)
_NO_STATS: Final = WireStats()
_LINKS: Final = (
    "website", "twitter", "telegram", "discord", "instagram", "tiktok", "other_url",
)  # fmt: skip


# -- from the wire to readings --------------------------------------------------------------------
def read_tokens(body: bytes, observed_ms: int) -> ParsedBody:
    """Read a token list or the answer of a search."""
    refused: Counter[str] = Counter()
    records = decode_body(_RECORDS, body, refused)
    tokens = decode_each(_TOKEN, records, refused)
    return _page(normalize_tokens(tokens, observed_ms, refused), refused)


def read_prices(body: bytes, observed_ms: int) -> ParsedBody:
    """Read /price/v3: entries by mint. A mint without a reliable price is left out, or null."""
    refused: Counter[str] = Counter()
    prices = {}
    for mint, record in decode_body(_PRICES, body, refused).items():
        if not _ADDRESS.fullmatch(mint):
            refused["address"] += 1
            continue
        for entry in decode_each(_PRICE, [record], refused):
            prices[mint] = entry
    if not prices:
        refuse_error(body)
    return _page(normalize_prices(prices, observed_ms), refused)


def normalize_tokens(
    tokens: Iterable[WireToken], observed_ms: int, refused: Counter[str]
) -> list[Reading]:
    """Return one reading per token; one without a mint address is refused."""
    readings = {}
    for token in tokens:
        if _ADDRESS.fullmatch(token.id):
            readings[token.id] = _token_reading(token, observed_ms)
        else:
            refused["address"] += 1
    return list(readings.values())


def normalize_prices(prices: Mapping[str, WirePrice | None], observed_ms: int) -> list[Reading]:
    """Return one reading per mint; an entry of null says that the price is no longer known."""
    readings = []
    for mint, entry in prices.items():
        wire = entry or WirePrice(usd_price=None)
        readings.append(
            Reading(
                chain=CHAIN,
                token_address=mint,
                observed_ms=observed_ms,
                price=maybe(wire.usd_price, price),
                price_change_24h=maybe(wire.price_change_24h, percent),
                liquidity=maybe(wire.liquidity, amount),
            )
        )
    return readings


def _page(readings: list[Reading], refused: Counter[str]) -> ParsedBody:
    return ParsedBody(tuple(readings), tuple(reading_id(each) for each in readings), +refused)


def _token_reading(token: WireToken, observed_ms: int) -> Reading:
    m5, h1 = token.stats_5m or _NO_STATS, token.stats_1h or _NO_STATS
    h6, h24 = token.stats_6h or _NO_STATS, token.stats_24h or _NO_STATS
    pool = token.first_pool or WireFirstPool()
    launchpad = signals.launchpad(token.launchpad)
    windows = {"5m": token.stats_5m, "1h": token.stats_1h}
    windows |= {"6h": token.stats_6h, "24h": token.stats_24h}
    return Reading(
        chain=CHAIN,
        token_address=token.id,
        observed_ms=observed_ms,
        token_name=given(text(token.name)),
        token_ticker=given(text(token.symbol)),
        protocol=given(text(token.launchpad)),
        created_ms=given(iso_ms(pool.created_at)),
        price=maybe(token.usd_price, price),
        market_cap=maybe(token.mcap, amount),
        fdv=maybe(token.fdv, amount),
        liquidity=maybe(token.liquidity, amount),
        volume_5m=both(m5.buy_volume, m5.sell_volume, amount),
        volume_1h=both(h1.buy_volume, h1.sell_volume, amount),
        volume_6h=both(h6.buy_volume, h6.sell_volume, amount),
        volume_24h=both(h24.buy_volume, h24.sell_volume, amount),
        price_change_5m=maybe(m5.price_change, percent),
        price_change_1h=maybe(h1.price_change, percent),
        price_change_6h=maybe(h6.price_change, percent),
        price_change_24h=maybe(h24.price_change, percent),
        price_change_7d=maybe((token.stats_7d or _NO_STATS).price_change, percent),
        transactions_5m=both(m5.num_buys, m5.num_sells, count),
        transactions_1h=both(h1.num_buys, h1.num_sells, count),
        transactions_6h=both(h6.num_buys, h6.num_sells, count),
        transactions_24h=both(h24.num_buys, h24.num_sells, count),
        buys_24h=maybe(h24.num_buys, count),
        sells_24h=maybe(h24.num_sells, count),
        holders=maybe(token.holder_count, count),
        launchpad=launchpad,
        stage="graduated" if _has_graduated(token) else UNSET,
        graduated_ms=given(iso_ms(token.graduated_at)),
        links=signals.by_kind({name: getattr(token, name) for name in _LINKS}),
        image=signals.image(token.icon),
        detail=_detail(token, windows),
        **_safety(token),
        **_people(windows),
    )


def _has_graduated(token: WireToken) -> bool:
    return iso_ms(token.graduated_at) is not None or signals.is_present(token.graduated_pool)


def _detail(token: WireToken, windows: Mapping[str, WireStats | None]) -> Detail:
    """Return what only the detail of a token shows."""
    pool = _ADDRESS.search(bytes(token.graduated_pool).decode("utf-8", "replace"))
    people: dict[str, Any] = {}
    for window, stats in windows.items():
        if stats is not None:
            change, buyers = stats.holder_change, stats.num_organic_buyers
            people[f"holders_change_{window}"] = given(percent(signals.or_none(change)))
            people[f"organic_buyers_{window}"] = given(count(signals.or_none(buyers)))
    return Detail(
        tags=given(text(", ".join(token.tags or ()))),
        graduated_pool=pool[0] if pool else UNSET,
        **people,
    )


def _safety(token: WireToken) -> dict[str, Any]:
    """Return what the audit found. A token that is not verified (any more) has no `isVerified`."""
    audit = token.audit or WireAudit()
    verified = True if "verified" in (token.tags or ()) else token.is_verified
    return {
        "mint_revoked": signals.revoked(audit.mint_authority_disabled, token.mint_authority),
        "freeze_revoked": signals.revoked(audit.freeze_authority_disabled, token.freeze_authority),
        "top_holders_pct": maybe(audit.top_holders_percentage, signals.share),
        "dev_pct": maybe(audit.dev_balance_percentage, signals.share),
        "dev_mints": maybe(audit.dev_mints, count),
        "organic_score": maybe(token.organic_score, signals.share),
        "verified": verified,
        "suspicious": UNSET if token.audit is None else signals.is_present(audit.is_sus) or None,
    }


def _people(windows: Mapping[str, WireStats | None]) -> dict[str, Any]:
    """Return who traded, by window. A statistic that is missing in a window is not known there."""
    found: dict[str, Any] = {}
    for window, stats in windows.items():
        if stats is None:
            continue
        organic = both(stats.buy_organic_volume, stats.sell_organic_volume, amount)
        found |= {
            f"traders_{window}": count(signals.or_none(stats.num_traders)),
            f"net_buyers_{window}": signals.net(signals.or_none(stats.num_net_buyers)),
            f"buy_volume_{window}": amount(signals.or_none(stats.buy_volume)),
            f"sell_volume_{window}": amount(signals.or_none(stats.sell_volume)),
            f"organic_volume_{window}": None if isinstance(organic, UnsetType) else organic,
        }
    return found


# -- what is requested, how often -----------------------------------------------------------------
class JupiterSettings(SourceSettings):
    """`JUPITER_…`; the rate is 80 % of what is allowed without a key (30 a minute, all calls).

    With a key of the free plan (60 a minute) set JUPITER_CALLS_PER_MINUTE=48.
    """

    model_config = SettingsConfigDict(env_prefix="JUPITER_")

    url: HttpUrl = "https://api.jup.ag"
    """Where this source's API is."""
    api_key: SecretStr = SecretStr("")
    """A key of this source. Empty: without one, at the lower rate."""
    calls_per_minute: PerMinute = 24
    """All calls; 80 % of what is allowed without a key. With a key of the free plan: 48."""
    lists_window: Literal["5m", "1h", "6h", "24h"] = "1h"
    """The window of the trending and most traded lists."""
    trending_interval_s: Seconds = 15
    """How often the trending list is read."""
    traded_interval_s: Seconds = 15
    """How often the most traded list is read."""
    recent_interval_s: Seconds = 15
    """How often the list of new tokens is read."""
    refresh_interval_s: Seconds = 12
    """How often known tokens that are due are requested."""
    refresh_again_s: Seconds = 30
    """A token is not requested again within so long."""
    hot_top: PositiveInt = 50
    """Top-ranked tokens that are requested more often, beside the watched ones."""
    hot_interval_s: Seconds = 12
    """How often hot tokens that are due are requested."""
    hot_again_s: Seconds = 10
    """A hot token is not requested again within so long."""


def tokens_call(chain: str, mints: Sequence[str]) -> Call:  # noqa: ARG001 - always solana
    """Everything on up to 100 tokens."""
    return Call("/tokens/v2/search", read_tokens, query=(("query", ",".join(mints)),))


def prices_call(chain: str, mints: Sequence[str]) -> Call:  # noqa: ARG001 - always solana
    """Prices of up to 50 tokens."""
    return Call("/price/v3", read_prices, query=(("ids", ",".join(mints)),))


def build(settings: JupiterSettings) -> Source:
    """Return the source as these settings want it."""
    window = settings.lists_window
    most = (("limit", "100"),)
    key = settings.api_key.get_secret_value()
    return Source(
        name=DECLARATION.name,
        url=settings.url,
        rates={"default": settings.calls_per_minute},
        headers={"x-api-key": key} if key else {},
        jobs=(
            Discovery(
                "trending",
                settings.trending_interval_s,
                (Call(f"/tokens/v2/toptrending/{window}", read_tokens, query=most),),
            ),
            Discovery(
                "traded",
                settings.traded_interval_s,
                (Call(f"/tokens/v2/toptraded/{window}", read_tokens, query=most),),
            ),
            Discovery(
                "recent",
                settings.recent_interval_s,
                (Call("/tokens/v2/recent", read_tokens),),
            ),
            Refresh(
                "refresh",
                settings.refresh_interval_s,
                tokens_call,
                batch=SEARCH_BATCH,
                calls_per_cycle=1,
                again_s=settings.refresh_again_s,
                chains=frozenset({CHAIN}),
            ),
            Refresh(
                "hot",
                settings.hot_interval_s,
                prices_call,
                batch=PRICE_BATCH,
                calls_per_cycle=1,
                again_s=settings.hot_again_s,
                pick="hot",
                top=settings.hot_top,
                chains=frozenset({CHAIN}),
            ),
        ),
    )


SOURCE: Final = SourceSpec(DECLARATION, JupiterSettings, build)
