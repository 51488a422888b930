"""Upstream bodies and readings of one hostile token, fed the way the services feed them.

A body goes through its source's normalizer, then as JSON through the aggregator's intake, then
into the merge: no shortcut that a real payload would not take.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from services.fetcher.sources.dexscreener import read_pairs
from services.fetcher.sources.geckoterminal import read_page
from services.fetcher.sources.jupiter import read_prices, read_tokens
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, decode_reading, merge_reading
from shared.merge.rules import merge_token
from tests.testkit.recordings import recorded

T0 = 1_790_000_000_000
MINT = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
Json: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, dict[str, SourceReading]]
READERS = {
    "dexscreener": read_pairs,
    "geckoterminal": read_page,
    "jupiter": read_tokens,
    "jupiter prices": read_prices,
}


class Seen(msgspec.Struct, frozen=True):
    """One answer of a source (`body`), or one token that a producer posted (`posted`)."""

    source: str
    body: bytes = b""
    at_ms: int = T0
    posted: Json | None = None


def pair(address: str = "PoolA", **changed: object) -> Json:
    """A healthy pair of DexScreener's: CAT, 2 USD, 50,000 deep; None leaves a field out."""
    whole: Json = {
        "chainId": "solana",
        "dexId": "raydium",
        "pairAddress": address,
        "baseToken": {"address": MINT, "name": "Cat", "symbol": "CAT"},
        "quoteToken": {"address": SOL, "name": "Wrapped SOL", "symbol": "SOL"},
        "priceNative": "0.01",
        "priceUsd": "2",
        "txns": {"h24": {"buys": 20, "sells": 10}},
        "volume": {"h24": 1000},
        "priceChange": {"h1": 5, "h24": 10},
        "liquidity": {"usd": 50000},
        "fdv": 2500000,
        "marketCap": 2000000,
        "pairCreatedAt": T0 - 5000,
    }
    return {name: value for name, value in (whole | changed).items() if value is not None}


def flipped(address: str = "PoolA", **changed: object) -> Json:
    """The same token as the quote side: SOL at 200 USD costs 100 CAT."""
    sides = {
        "baseToken": {"address": SOL, "name": "Wrapped SOL", "symbol": "SOL"},
        "quoteToken": {"address": MINT, "name": "Cat", "symbol": "CAT"},
    }
    return pair(address, **{**sides, "priceUsd": "200", "priceNative": "100", **changed})


def dex(*pairs: Json, at_ms: int = T0) -> Seen:
    return Seen("dexscreener", msgspec.json.encode(pairs), at_ms)


def gecko_pool(address: str = "PoolA", **changed: object) -> Json:
    """A healthy pool of GeckoTerminal's: CAT, 2.2 USD, 40,000 deep."""
    attributes: Json = {
        "address": address,
        "name": "CAT / SOL",
        "pool_created_at": None,
        "base_token_price_usd": "2.2",
        "quote_token_price_usd": "200",
        "fdv_usd": "2600000",
        "market_cap_usd": None,
        "reserve_in_usd": "40000",
        "price_change_percentage": {"h1": "6"},
        "transactions": {"h24": {"buys": 22, "sells": 11}},
        "volume_usd": {"h24": "1100"},
    }
    return {
        "id": f"solana_{address}",
        "type": "pool",
        "attributes": attributes | changed,
        "relationships": {
            "base_token": {"data": {"id": f"solana_{MINT}"}},
            "quote_token": {"data": {"id": f"solana_{SOL}"}},
            "dex": {"data": {"id": "orca"}},
        },
    }


def gecko(*pools: Json, at_ms: int = T0) -> Seen:
    return Seen("geckoterminal", msgspec.json.encode({"data": pools}), at_ms)


def jup(at_ms: int = T0, **changed: object) -> Seen:
    """Jupiter's item on CAT: 2.1 USD."""
    item: Json = {"id": MINT, "name": "Jup Cat", "symbol": "JCAT", "usdPrice": 2.1}
    return Seen("jupiter", msgspec.json.encode([item | changed]), at_ms)


def posted(name: str = "desk", at_ms: int = T0, **fields: object) -> Seen:
    """A token as `/ingest` publishes it."""
    token = {"chain": "solana", "token_address": MINT, "observed_ms": at_ms, **fields}
    return Seen(f"ingest:{name}", at_ms=at_ms, posted=token)


def tape(source: str, name: str, at_ms: int = T0) -> Seen:
    """A recorded answer."""
    return Seen(source, recorded(source.split(maxsplit=1)[0], name), at_ms)


def state_of(*seen: Seen) -> State:
    """Return what is remembered after all these: token id → source → reading."""
    state: State = {}
    for each in seen:
        if each.posted is not None:
            raws = [msgspec.json.encode(each.posted)]
        else:
            page = READERS[each.source](each.body, each.at_ms)
            raws = [msgspec.json.encode(reading) for reading in page.readings]
        source = each.source.split()[0]
        for raw in raws:
            reading = decode_reading(raw, each.at_ms)
            held = state.setdefault(f"{reading.chain}:{reading.token_address}", {})
            held[source] = merge_reading(held.get(source), reading)
    return state


def row_of(
    seen: tuple[Seen, ...], token: str, now_ms: int, rules: MergeRules
) -> tuple[Json, dict[str, SourceReading]]:
    """Return a token's row and readings."""
    chain, _, address = token.partition(":")
    readings = state_of(*seen).get(token, {})
    return merge_token(chain, address, readings, now_ms, rules).values, readings
