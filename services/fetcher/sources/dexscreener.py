"""DexScreener: every chain, no key. Lists name tokens; pairs give the figures of their pools.

Wire facts: docs/DATA.md, "DexScreener". Both prices are decimal strings; a price change is missing
when there was no trade to compare with; liquidity is missing on bonding curves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict

from services.fetcher import signals
from services.fetcher.pools import (
    NativePrices,
    Often,
    SeenPool,
    Sides,
    Trading,
    by_token,
    join_addresses,
    name_pair,
    other_liquidity,
    pool_reading,
    quote_price,
    quotes_in,
    reading_id,
)
from services.fetcher.settings import HttpUrl, PerMinute, Seconds, SourceSettings
from services.fetcher.source import Call, Discovery, ParsedBody, Refresh, Source, SourceSpec
from services.fetcher.values import (
    FreeText,
    Held,
    MaybeNumber,
    Number,
    TradeWindows,
    Windows,
    count,
    decimal,
    decode_body,
    decode_each,
    given,
    maybe,
    millis,
    price,
    refuse_error,
    text,
)
from shared.chains import canonical_chain, token_id
from shared.model import Detail, Reading
from shared.process.settings import Words
from shared.sources import SourceDeclaration
from shared.spellings import canonical_address

DECLARATION: Final = SourceDeclaration(
    name="dexscreener",
    title="DexScreener",
    website="https://dexscreener.com",
    reports="pools",
    place=1,
    link="https://dexscreener.com/{chain}/{pool}",
    replayed=True,
)
BATCH: Final = 30  # addresses that /tokens/v1 takes
# Published limits: 60 a minute for lists, 300 for everything else.
LISTS: Final = "lists"
PAIRS: Final = "pairs"


# -- the wire -----------------------------------------------------------------------------------
class WireToken(Struct, frozen=True):
    """One side of a pair; a quote side may have no address."""

    address: str | None = None
    name: FreeText = None
    symbol: FreeText = None


class WireLink(Struct, frozen=True):
    """A page of a token: its kind is a `label`, a `type` or a `platform`; of some a `handle`."""

    label: FreeText = None
    type: FreeText = None
    platform: FreeText = None
    url: FreeText = None
    handle: FreeText = None


class WireInfo(Struct, frozen=True, rename="camel"):
    """What the maker of the base token had DexScreener show."""

    image_url: FreeText = None
    websites: list[WireLink] | None = None
    socials: list[WireLink] | None = None


class WireBoosts(Struct, frozen=True):
    """Promotion of the base token that is paid for and runs now."""

    active: MaybeNumber = UNSET


class WirePair(Struct, frozen=True, rename="camel"):
    """A pool; the price, fdv, marketCap and priceChange are those of the base token."""

    chain_id: str
    pair_address: str
    base_token: WireToken
    quote_token: WireToken | None = None
    dex_id: FreeText = None
    price_native: Number = None
    price_usd: Number = None
    txns: TradeWindows | None = None
    volume: Windows | None = None
    price_change: Windows | None = None
    liquidity: Held | None = None
    fdv: Number = None
    market_cap: Number = None
    pair_created_at: Number = None
    labels: list[str] | None = None
    info: WireInfo | None = None
    boosts: WireBoosts | None = None


class WireListed(Struct, frozen=True, rename="camel"):
    """A boosted or profiled token: an address and no figures. Boosts are paid for, not earned.

    Its icon and links are left alone: the pairs have them too, and always in the same shape.
    """

    chain_id: str
    token_address: str
    total_amount: MaybeNumber = UNSET
    cto: bool | None = None


class WireAnswer(Struct, frozen=True):
    """The older endpoints put their pairs into an object; null when there are none.

    An object without pairs is an error in words.
    """

    pairs: list[Raw] | None


_ANSWER: Final = msgspec.json.Decoder(list[Raw] | WireAnswer)
_PAIR: Final = msgspec.json.Decoder(WirePair)
_LISTED: Final = msgspec.json.Decoder(WireListed)


# -- from the wire to readings --------------------------------------------------------------------
def read_pairs(body: bytes, observed_ms: int) -> ParsedBody:
    """Read any endpoint that answers with pairs."""
    refused: Counter[str] = Counter()
    pairs = decode_each(_PAIR, _records(body, refused), refused)
    natives = NativePrices()
    readings = normalize_pairs(pairs, observed_ms, refused, natives)
    found = tuple(reading_id(each) for each in readings)
    return ParsedBody(tuple(readings), found, +refused, natives.readings(observed_ms))


def read_listed(body: bytes, observed_ms: int) -> ParsedBody:
    """Read boosts and profiles: the token ids that they name, each once, and their promotion.

    A token may be named several times; what only one of its records says stands.
    """
    refused: Counter[str] = Counter()
    promotions: dict[tuple[str, str], dict[str, Any]] = {}  # by chain and address
    for listed in decode_each(_LISTED, _records(body, refused), refused):
        chain = canonical_chain(listed.chain_id)
        address = canonical_address(chain, listed.token_address) if chain else None
        if chain is None or address is None:
            refused["chain" if chain is None else "address"] += 1
        else:
            promotions.setdefault((chain, address), {}).update(_promotion(listed))
    readings = [
        Reading(chain=chain, token_address=address, observed_ms=observed_ms, **promotion)
        for (chain, address), promotion in promotions.items()
        if promotion
    ]
    return ParsedBody(tuple(readings), tuple(starmap(token_id, promotions)), +refused)


def _promotion(listed: WireListed) -> dict[str, Any]:
    reported: dict[str, Any] = {}
    boosts = maybe(listed.total_amount, count)
    if isinstance(boosts, int):
        reported["boosts"] = boosts
    if listed.cto:
        reported["detail"] = Detail(takeover=True)
    return reported


def normalize_pairs(
    pairs: Iterable[WirePair],
    observed_ms: int,
    refused: Counter[str],
    natives: NativePrices,
) -> list[Reading]:
    """Return one reading per token with its pools; a pair without usable names is refused."""
    seen, body = [], list(pairs)
    often = quotes_in(map(_sides, body))
    for pair in body:
        one = _seen_pool(pair, often, natives)
        if isinstance(one, str):
            refused[one] += 1
        else:
            seen.append(one)
    return by_token(seen, observed_ms)


def _records(body: bytes, refused: Counter[str]) -> list[Raw]:
    answer = decode_body(_ANSWER, body, refused)
    records = answer if isinstance(answer, list) else answer.pairs or []
    if not records:
        refuse_error(body)
    return records


def _sides(wire: WirePair) -> Sides:
    other = wire.quote_token.address if wire.quote_token else None
    return Sides(wire.chain_id, wire.pair_address, wire.base_token.address or "", other)


def _seen_pool(wire: WirePair, often: Often, natives: NativePrices) -> SeenPool | str:
    pair = name_pair(_sides(wire), often)
    if isinstance(pair, str):
        return pair
    token = wire.quote_token if pair.side == "quote" and wire.quote_token else wire.base_token
    base_price = price(wire.price_usd)
    in_quote = quote_price(base_price, decimal(wire.price_native))
    held = wire.liquidity or Held()
    seen = Trading(
        base_price=base_price,
        quote_price=in_quote,
        liquidity=held.usd,
        market_cap=wire.market_cap,
        fdv=wire.fdv,
        volume=wire.volume,
        change=wire.price_change,
        trades=wire.txns,
        other_liquidity=other_liquidity(held, pair.side, base_price, in_quote),
    )
    natives.note(pair, seen)
    pool = pool_reading(
        pair,
        seen,
        protocol=wire.dex_id,
        created_ms=millis(wire.pair_created_at),
        labels=tuple(filter(None, map(text, (wire.labels or ())[:8]))),
    )
    reported = _reported(wire) if pair.side == "base" else {}  # all of it is of the base token
    return SeenPool(pair, text(token.name), text(token.symbol), pool, reported)


def _reported(wire: WirePair) -> dict[str, Any]:
    """Return what a pair says of its base token beside the pool."""
    info, boosts = wire.info or WireInfo(), wire.boosts or WireBoosts()
    named: list[signals.Named] = [("website", each.url) for each in info.websites or ()]
    named += [
        (each.type or each.platform or each.label, each.url or each.handle)
        for each in info.socials or ()
    ]
    return {
        "image": signals.image(info.image_url),
        "links": signals.links(named),
        "boosts": given(count(signals.or_none(boosts.active))),
    }


# -- what is requested, how often -----------------------------------------------------------------
class DexScreenerSettings(SourceSettings):
    """`DEXSCREENER_…`; the rates are 80 % of the published ones."""

    model_config = SettingsConfigDict(env_prefix="DEXSCREENER_")

    url: HttpUrl = "https://api.dexscreener.com"
    """Where this source's API is."""
    lists_per_minute: PerMinute = 48
    """Calls of the lists and the search; 80 % of what is allowed."""
    pairs_per_minute: PerMinute = 240
    """Calls of pairs and pools; 80 % of what is allowed."""
    lists_interval_s: Seconds = 10
    """How often boosts and profiles are read."""
    search_interval_s: Seconds = 30
    """How often the search words are requested."""
    refresh_interval_s: Seconds = 2
    """How often known tokens that are due are requested."""
    refresh_calls: PositiveInt = 5
    """Batches of tokens in one such round."""
    refresh_again_s: Seconds = 30
    """A token is not requested again within so long."""
    hot_top: PositiveInt = 100
    """Top-ranked tokens that are requested more often, beside the watched ones."""
    hot_interval_s: Seconds = 2.5
    """How often hot tokens that are due are requested."""
    hot_again_s: Seconds = 5
    """A hot token is not requested again within so long."""
    pools_top: PositiveInt = 300
    """Top-ranked tokens of which all pools are read."""
    pools_interval_s: Seconds = 4
    """How often pools that are due are requested."""
    pools_calls: PositiveInt = 5
    """Tokens in one such round."""
    pools_again_s: float = Field(default=240, gt=0, le=480)
    """A token's pools are not read again within so long. A pool goes stale after 10 minutes."""
    queries: Words = Field(default=("sol", "pepe"), validation_alias="DISCOVER_QUERIES")
    """Words that are searched for, beside the lists."""


def tokens_call(chain: str, addresses: Sequence[str]) -> Call:
    """One pair of each of up to 30 tokens of one chain."""
    return Call(f"/tokens/v1/{chain}/{join_addresses(addresses)}", read_pairs, PAIRS)


def pools_call(chain: str, addresses: Sequence[str]) -> Call:
    """Up to 30 pools of one token."""
    return Call(f"/token-pairs/v1/{chain}/{join_addresses(addresses[:1])}", read_pairs, PAIRS)


def search_call(words: str) -> Call:
    """Up to 30 pairs whose tokens match the words."""
    return Call("/latest/dex/search", read_pairs, PAIRS, (("q", words),))


def build(settings: DexScreenerSettings) -> Source:
    """Return the source as these settings want it."""
    lists = (
        "/token-boosts/latest/v1",
        "/token-boosts/top/v1",
        "/token-profiles/latest/v1",
    )
    return Source(
        name=DECLARATION.name,
        url=settings.url,
        rates={LISTS: settings.lists_per_minute, PAIRS: settings.pairs_per_minute},
        jobs=(
            Discovery(
                "lists",
                settings.lists_interval_s,
                tuple(Call(path, read_listed, LISTS) for path in lists),
            ),
            Discovery(
                "search",
                settings.search_interval_s,
                tuple(search_call(words) for words in settings.queries),
            ),
            Refresh(
                "refresh",
                settings.refresh_interval_s,
                tokens_call,
                batch=BATCH,
                calls_per_cycle=settings.refresh_calls,
                again_s=settings.refresh_again_s,
            ),
            Refresh(
                "hot",
                settings.hot_interval_s,
                tokens_call,
                batch=BATCH,
                calls_per_cycle=settings.hot_top // BATCH + 4,
                again_s=settings.hot_again_s,
                pick="hot",
                top=settings.hot_top,
            ),
            Refresh(
                "pools",
                settings.pools_interval_s,
                pools_call,
                batch=1,
                calls_per_cycle=settings.pools_calls,
                again_s=settings.pools_again_s,
                pick="hot",
                top=settings.pools_top,
                queue="pools",
            ),
        ),
    )


SOURCE: Final = SourceSpec(DECLARATION, DexScreenerSettings, build)
