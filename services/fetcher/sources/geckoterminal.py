"""GeckoTerminal: many networks, no key. Pools by list, tokens by address; answers are JSON:API.

Wire facts: docs/DATA.md, "GeckoTerminal". Numbers are decimal strings of up to 70 digits, now and
then "NaN"; ids are `<network>_<address>`, and both parts may hold "_". Names come only when
`include` requests them. Answers are cached for a minute, so no URL is requested more often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct
from pydantic import PositiveInt
from pydantic_settings import SettingsConfigDict

from services.fetcher import signals
from services.fetcher.jsonapi import WireRelation, address_of, network_of_id, read_records
from services.fetcher.markup import unescape_once
from services.fetcher.ohlcv import no_readings, read_candles
from services.fetcher.pools import (
    NativePrices,
    Often,
    SeenPool,
    Sides,
    Trading,
    by_token,
    join_addresses,
    name_pair,
    pool_reading,
    quotes_in,
    reading_id,
    ticker_in,
    with_pools,
)
from services.fetcher.settings import (
    Chains,
    HttpUrl,
    PerMinute,
    Seconds,
    SourceSettings,
    doubtful_chains,
)
from services.fetcher.source import (
    Call,
    Discovery,
    ParsedBody,
    PoolCandles,
    Refresh,
    Source,
    SourceSpec,
)
from services.fetcher.values import (
    FreeText,
    MaybeNumber,
    Number,
    TradeWindows,
    Windows,
    amount,
    decode_each,
    given,
    iso_ms,
    maybe,
    price,
    refuse_error,
    text,
)
from shared.chains import canonical_chain, source_chain
from shared.history.candle import Tier
from shared.model import Reading
from shared.sources import SourceDeclaration
from shared.spellings import canonical_address

# fmt: off
DECLARATION: Final = SourceDeclaration(
    name="geckoterminal",
    title="GeckoTerminal",
    website="https://www.geckoterminal.com",
    reports="pools",
    place=3,
    link="https://www.geckoterminal.com/{chain}/tokens/{address}",
    # Its network list as recorded (services/replay/recorded/geckoterminal/networks_2025-11-07.json)
    # and, for newer networks, its ids as public clients map them to EVM chain ids.
    chain_names={
        "arbitrumnova": "arbitrum_nova", "astar": "astr", "avalanche": "avax",
        "avalanchedfk": "dfk", "bittorrent": "bttc", "conflux": "cfx", "cronos": "cro",
        "elastos": "ela", "energi": "nrg", "ethereum": "eth", "ethereumclassic": "ethereum_classic",
        "ethereumpow": "ethw", "fantom": "ftm", "flowevm": "flow-evm", "gnosischain": "xdai",
        "harmony": "one", "hedera": "hedera-hashgraph", "iotex": "iotx", "kardiachain": "kai",
        "lightlink": "lightlink-phoenix", "manta": "manta-pacific", "meter": "mtr",
        "moonbeam": "glmr", "moonriver": "movr", "neonevm": "neon-evm",
        "oasissapphire": "oasis-sapphire", "plume": "plume-network", "polygon": "polygon_pos",
        "polygonzkevm": "polygon-zkevm", "sei": "sei-network", "seiv2": "sei-evm", "shiden": "sdn",
        "smartbch": "bch", "starknet": "starknet-alpha", "stepnetwork": "step-network",
        "sui": "sui-network", "sxnetwork": "sxn", "telos": "tlos", "wanchain": "wan",
        "worldchain": "world-chain", "xlayer": "x-layer", "zora": "zora-network",
    },
    replayed=True,
)
# fmt: on
BATCH: Final = 30  # addresses that /tokens/multi takes
_INCLUDE: Final = ("include", "base_token,quote_token,dex")


# -- the wire -----------------------------------------------------------------------------------
class WirePoolRelations(Struct, frozen=True):
    """Both tokens of a pool and where it trades."""

    base_token: WireRelation
    quote_token: WireRelation | None = None
    dex: WireRelation | None = None


class WirePoolFigures(Struct, frozen=True):
    """Market cap, fdv and price changes are the base token's.

    Except in answers about one token: there they are the requested token's, on either side,
    and `token_price_usd` repeats its price.
    """

    address: str
    name: str | None = None
    pool_created_at: str | None = None
    base_token_price_usd: Number = None
    quote_token_price_usd: Number = None
    token_price_usd: Number = None
    fdv_usd: Number = None
    market_cap_usd: Number = None
    reserve_in_usd: Number = None
    price_change_percentage: Windows | None = None
    transactions: TradeWindows | None = None
    volume_usd: Windows | None = None
    launchpad_details: signals.Launch | None = None  # of the base token


class WirePool(Struct, frozen=True):
    """A record of type "pool"."""

    id: str
    attributes: WirePoolFigures
    relationships: WirePoolRelations


class WireDay(Struct, frozen=True):
    """A token's volume: of one day only."""

    h24: MaybeNumber = UNSET


class WireTokenFigures(Struct, frozen=True):
    """Token-wide figures; null where nobody knows, missing where only names were requested."""

    address: str
    name: FreeText = None
    symbol: FreeText = None
    price_usd: MaybeNumber = UNSET
    fdv_usd: MaybeNumber = UNSET
    market_cap_usd: MaybeNumber = UNSET
    total_reserve_in_usd: MaybeNumber = UNSET
    volume_usd: WireDay | None = None
    image_url: FreeText = None
    launchpad_details: signals.Launch | None = None


class WireToken(Struct, frozen=True):
    """A record of type "token"."""

    id: str
    attributes: WireTokenFigures


_TIMEFRAME: Final[dict[Tier, str]] = {"1m": "minute", "1h": "hour", "1d": "day"}
_POOL: Final = msgspec.json.Decoder(WirePool)
_TOKEN: Final = msgspec.json.Decoder(WireToken)


# -- from the wire to readings --------------------------------------------------------------------
def read_page(body: bytes, observed_ms: int) -> ParsedBody:
    """Read any answer of pools or tokens; records of another type are refused as "type"."""
    refused: Counter[str] = Counter()
    records = read_records(body, refused)
    requested, included = records.requested, records.included
    refused["type"] += sum(
        len(requested[kind]) for kind in requested if kind not in {"pool", "token"}
    )
    tokens = decode_each(_TOKEN, requested.get("token", []), refused)
    pools = decode_each(_POOL, requested.get("pool", []), refused)
    if not tokens and not pools:
        refuse_error(body)
    # A pool that came along with tokens may speak of the requested one.
    mine = {each.id for each in tokens}
    for pool in decode_each(_POOL, included.get("pool", []), refused):
        base = pool.relationships.base_token.data
        pools.append(pool if base and base.id in mine else _unowned(pool))
    named = {each.id: each for each in decode_each(_TOKEN, included.get("token", []), Counter())}
    named |= {each.id: each for each in tokens}
    natives = NativePrices()
    readings = normalize_page(tokens, pools, named, observed_ms, refused, natives)
    found = tuple(reading_id(each) for each in readings)
    return ParsedBody(tuple(readings), found, +refused, natives.readings(observed_ms))


def normalize_page(  # noqa: PLR0917 - what a body holds, and what is noted of it
    tokens: Iterable[WireToken],
    pools: Iterable[WirePool],
    named: Mapping[str, WireToken],
    observed_ms: int,
    refused: Counter[str],
    natives: NativePrices,
) -> list[Reading]:
    """Return one reading per token: its own figures, and the pools that it is the token of."""
    seen, body = [], list(pools)
    often = quotes_in(each for each in map(_sides, body) if each)
    for pool in body:
        one = _seen_pool(pool, named, often, natives)
        if isinstance(one, str):
            refused[one] += 1
        else:
            seen.append(one)
    readings = {reading_id(each): each for each in by_token(seen, observed_ms)}
    for token in tokens:
        reading = _token_reading(token, observed_ms)
        if isinstance(reading, str):
            refused[reading] += 1
            continue
        name = reading_id(reading)
        pooled = readings.get(name)
        readings[name] = with_pools(reading, pooled) if pooled else reading
    return list(readings.values())


def _unowned(pool: WirePool) -> WirePool:
    """Return the pool without the figures that may be another token's."""
    figures = msgspec.structs.replace(
        pool.attributes, fdv_usd=None, market_cap_usd=None, price_change_percentage=None
    )
    return msgspec.structs.replace(pool, attributes=figures)


def _sides(wire: WirePool) -> Sides | None:
    """Return the network, the pool and its tokens; None without a network."""
    network, relations = network_of_id(wire.id, wire.attributes.address), wire.relationships
    if network is None:
        return None
    base = address_of(relations.base_token, network) or ""
    return Sides(network, wire.attributes.address, base, address_of(relations.quote_token, network))


def _seen_pool(
    wire: WirePool,
    named: Mapping[str, WireToken],
    often: Often,
    natives: NativePrices,
) -> SeenPool | str:
    figures, relations = wire.attributes, wire.relationships
    if figures.token_price_usd not in {None, figures.base_token_price_usd}:
        figures = _unowned(wire).attributes
    sides = _sides(wire)
    if sides is None:
        return "id"
    pair = name_pair(sides, often)
    if isinstance(pair, str):
        return pair
    seen = Trading(
        base_price=price(figures.base_token_price_usd),
        quote_price=price(figures.quote_token_price_usd),
        liquidity=figures.reserve_in_usd,
        market_cap=figures.market_cap_usd,
        fdv=figures.fdv_usd,
        volume=figures.volume_usd,
        change=figures.price_change_percentage,
        trades=figures.transactions,
    )
    natives.note(pair, seen)
    pool = pool_reading(
        pair,
        seen,
        protocol=relations.dex.data.id if relations.dex and relations.dex.data else None,
        created_ms=iso_ms(figures.pool_created_at),
    )
    mine = sides.quote if pair.side == "quote" else sides.base
    token = named.get(f"{sides.chain}_{mine}")
    reported = signals.launch(figures.launchpad_details) if pair.side == "base" else {}
    if token:
        about = token.attributes
        reported = {
            **reported,
            **signals.launch(about.launchpad_details),
            "image": signals.image(about.image_url),
        }
        return SeenPool(pair, _text(about.name), _text(about.symbol), pool, reported)
    # A Balancer pool may hold its own token, whose symbol may have slashes itself.
    whole = sides.pool not in {sides.base, sides.quote}
    return SeenPool(
        pair, None, _text(ticker_in(figures.name, pair.side, whole=whole)), pool, reported
    )


def _text(value: FreeText) -> str | None:
    """Return free text; this source escapes it for HTML, once."""
    return text(unescape_once(value) if isinstance(value, str) else value)


def _token_reading(wire: WireToken, observed_ms: int) -> Reading | str:
    figures = wire.attributes
    network = network_of_id(wire.id, figures.address)
    if network is None:
        return "id"
    chain = canonical_chain(network)
    address = canonical_address(chain, figures.address) if chain else None
    if chain is None or address is None:
        return "chain" if chain is None else "address"
    return Reading(
        chain=chain,
        token_address=address,
        observed_ms=observed_ms,
        token_name=given(_text(figures.name)),
        token_ticker=given(_text(figures.symbol)),
        price=maybe(figures.price_usd, price),
        fdv=maybe(figures.fdv_usd, amount),
        market_cap=maybe(figures.market_cap_usd, amount),
        liquidity=maybe(figures.total_reserve_in_usd, amount),
        volume_24h=maybe(figures.volume_usd.h24, amount) if figures.volume_usd else UNSET,
        image=signals.image(figures.image_url),
        **signals.launch(figures.launchpad_details),
    )


# -- what is requested, how often -----------------------------------------------------------------
class GeckoTerminalSettings(SourceSettings):
    """`GECKOTERMINAL_…`; the rate is 80 % of the published 30 calls a minute.

    Each network costs two calls per interval; the rest goes to tokens that lack a price.
    """

    model_config = SettingsConfigDict(env_prefix="GECKOTERMINAL_")

    url: HttpUrl = "https://api.geckoterminal.com/api/v2"
    """Where this source's API is."""
    calls_per_minute: PerMinute = 24
    """All calls; 80 % of what is allowed."""
    networks: Chains = ("solana", "ethereum", "base", "bsc")
    """Chains that are requested, by our names or the source's own. Each costs two calls per
    interval.
    """
    trending_interval_s: Seconds = 60
    """How often trending pools are read."""
    new_interval_s: Seconds = 60
    """How often new pools are read."""
    refresh_interval_s: Seconds = 10
    """How often tokens without a price are requested."""
    refresh_calls: PositiveInt = 2
    """Batches of tokens in one such round."""
    refresh_again_s: Seconds = 60
    """A token is not requested again within so long."""
    candles_interval_s: Seconds = 10
    """With HISTORY_BACKFILL: how often candles of a pool are requested at most."""


def network_of(chain: str) -> str:
    """Return GeckoTerminal's name of a canonical chain."""
    return source_chain(DECLARATION.name, chain)


def tokens_call(chain: str, addresses: Sequence[str]) -> Call:
    """Up to 30 tokens of one chain with their deepest pools."""
    path = f"/networks/{network_of(chain)}/tokens/multi/{join_addresses(addresses)}"
    return Call(path, read_page, query=(("include", "top_pools"),))


def candles_call(chain: str, pool: str, token: str, tier: Tier) -> Call:
    """The newest 1,000 candles of a pool, in USD for one of its tokens."""
    address = pool.lower() if pool.startswith("0x") else pool
    where = f"/networks/{network_of(chain)}/pools/{quote(address, safe='')}"
    query = (("aggregate", "1"), ("limit", "1000"), ("currency", "usd"), ("token", token))
    return Call(f"{where}/ohlcv/{_TIMEFRAME[tier]}", no_readings, query=query)


def build(settings: GeckoTerminalSettings) -> Source:
    """Return the source as these settings want it."""
    networks = [network_of(chain) for chain in settings.networks]

    def lists(kind: str) -> tuple[Call, ...]:
        return tuple(
            Call(f"/networks/{quote(network, safe='')}/{kind}", read_page, query=(_INCLUDE,))
            for network in networks
        )

    return Source(
        name=DECLARATION.name,
        url=settings.url,
        rates={"default": settings.calls_per_minute},
        headers={"accept": "application/json;version=20230302"},
        candles=PoolCandles(settings.candles_interval_s, candles_call, read_candles),
        warnings=doubtful_chains("GECKOTERMINAL_NETWORKS", settings.networks),
        jobs=(
            Discovery("trending", settings.trending_interval_s, lists("trending_pools")),
            Discovery("new", settings.new_interval_s, lists("new_pools")),
            Refresh(
                "refresh",
                settings.refresh_interval_s,
                tokens_call,
                batch=BATCH,
                calls_per_cycle=settings.refresh_calls,
                again_s=settings.refresh_again_s,
                pick="priceless",
                chains=frozenset(settings.networks),
            ),
        ),
    )


SOURCE: Final = SourceSpec(DECLARATION, GeckoTerminalSettings, build)
