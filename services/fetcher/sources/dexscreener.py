"""DexScreener: every chain, no key. Lists name tokens; pairs give the figures of their pools.

Wire facts: docs/DATA.md, "DexScreener". Both prices are decimal strings; a price change is missing
when there was no trade to compare with; liquidity is missing on bonding curves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict

from services.fetcher.pools import (
    NativePrices,
    Often,
    SeenPool,
    Side,
    Sides,
    Trading,
    by_token,
    join_addresses,
    name_pair,
    pool_reading,
    quotes_in,
    reading_id,
)
from services.fetcher.settings import HttpUrl, PerMinute, Seconds, SourceSettings
from services.fetcher.source import Call, Discovery, ParsedBody, Refresh, Source, SourceSpec
from services.fetcher.values import (
    FreeText,
    Number,
    TradeWindows,
    Windows,
    amount,
    decimal,
    decode_body,
    decode_each,
    millis,
    price,
    refuse_error,
    text,
)
from shared.chains import canonical_chain, token_id
from shared.model import Reading
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
_SIDES_AGREE: Final = 0.1  # how far both sides' USD may be from the reported sum


# -- the wire -----------------------------------------------------------------------------------
class WireToken(Struct, frozen=True):
    """One side of a pair; a quote side may have no address."""

    address: str | None = None
    name: FreeText = None
    symbol: FreeText = None


class WireLiquidity(Struct, frozen=True):
    """What the pool holds: in USD together, and of each side in tokens."""

    usd: Number = None
    base: Number = None
    quote: Number = None


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
    liquidity: WireLiquidity | None = None
    fdv: Number = None
    market_cap: Number = None
    pair_created_at: Number = None


class WireListed(Struct, frozen=True, rename="camel"):
    """A boosted or profiled token: an address and no figures. Boosts are paid for, not earned."""

    chain_id: str
    token_address: str


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


def read_listed(body: bytes, observed_ms: int) -> ParsedBody:  # noqa: ARG001 - lists carry no figures
    """Read boosts and profiles: the token ids that they name, each once."""
    refused: Counter[str] = Counter()
    found: dict[str, None] = {}
    for listed in decode_each(_LISTED, _records(body, refused), refused):
        chain = canonical_chain(listed.chain_id)
        address = canonical_address(chain, listed.token_address) if chain else None
        if chain is None or address is None:
            refused["chain" if chain is None else "address"] += 1
        else:
            found[token_id(chain, address)] = None
    return ParsedBody((), tuple(found), +refused)


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
    quote_price = _quote_price(base_price, decimal(wire.price_native))
    seen = Trading(
        base_price=base_price,
        quote_price=quote_price,
        liquidity=wire.liquidity.usd if wire.liquidity else None,
        market_cap=wire.market_cap,
        fdv=wire.fdv,
        volume=wire.volume,
        change=wire.price_change,
        trades=wire.txns,
        other_liquidity=_other_liquidity(wire.liquidity, pair.side, base_price, quote_price),
    )
    natives.note(pair, seen)
    pool = pool_reading(pair, seen, protocol=wire.dex_id, created_ms=millis(wire.pair_created_at))
    return SeenPool(pair, text(token.name), text(token.symbol), pool)


def _quote_price(base_usd: float | None, base_in_quote: float | None) -> float | None:
    """Return the quote's USD price: how much a base token is worth in USD over in quote tokens."""
    if base_usd is None or base_in_quote is None or base_in_quote <= 0:
        return None
    return price(amount(base_usd / base_in_quote))


def _other_liquidity(
    held: WireLiquidity | None, side: Side, base_price: float | None, quote_price: float | None
) -> float | None:
    """Return the USD of the pool's other token that it holds, None when the figures do not agree.

    The USD of both sides are within 10 % of `usd` in every recorded pair; where they are not, they
    are not of one moment, and say nothing.
    """
    if held is None or base_price is None or quote_price is None:
        return None
    whole, base, quote = amount(held.usd), amount(held.base), amount(held.quote)
    if whole is None or base is None or quote is None:
        return None
    base_usd, quote_usd = base * base_price, quote * quote_price
    if abs(base_usd + quote_usd - whole) > whole * _SIDES_AGREE:
        return None
    return amount(quote_usd if side == "base" else base_usd)


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
