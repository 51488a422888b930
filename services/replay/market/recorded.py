"""The recorded tokens and pools: anchors taken from the payloads in `recorded/`.

Three vocabularies meet here, so everything is keyed by canonical (chain, address). The figures of
a pool come from DexScreener where both have it, a token's price from its deepest pool.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from html import unescape
from math import isfinite
from typing import Any, Final, TypeAlias

from msgspec import Struct, field

from services.replay.market.assets import CURVES, dex_of_gecko, gecko_of_dex
from services.replay.market.generated import mixed_case
from services.replay.market.model import MarketToken, Pool
from services.replay.market.moves import magnitude
from services.replay.market.noise import key_of, mix, uniform
from shared.chains import canonical_chain
from shared.quotes import is_quote_asset
from shared.spellings import canonical_address

Json: TypeAlias = dict[str, Any]
Id: TypeAlias = tuple[str, str]  # canonical chain and address

# Recorded with a price only.
_UNNAMED: Final = {
    "3NZ9JMVBmGAqocybic2c7LQCJScmgsAZ6vQqTDzcqmJh": ("Wrapped BTC (Wormhole)", "WBTC"),
    "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs": ("Ether (Wormhole)", "ETH"),
}


class _TokenFacts(Struct):
    address: str = ""
    name: str = ""
    symbol: str = ""
    decimals: int | None = None
    price: float = 0.0
    depth: float = -1.0  # of the pool that gave the price
    supply: float = 0.0
    circulating: float = 0.0
    icon: str | None = None
    gecko_id: str | None = None


class _PoolFacts(Struct):
    address: str
    base: Id
    quote: Id
    dex: str
    gecko_dex: str
    labels: tuple[str, ...]
    curve: bool
    liquidity: float
    volume: float
    trades: int
    created_ms: int


class Recordings(Struct):
    """What the payloads say, decoded once.

    `profiles`, `boosts`, `info` and `details` are pieces of the payloads that do not move; they
    are served as they were recorded. `boosts_of` are the boosts that tokens have in them.
    """

    tokens: dict[Id, _TokenFacts] = field(default_factory=dict)
    pools: dict[Id, _PoolFacts] = field(default_factory=dict)
    profiles: list[Json] = field(default_factory=list)
    boosts: list[Json] = field(default_factory=list)
    info: dict[Id, Json] = field(default_factory=dict)
    details: dict[Id, Json] = field(default_factory=dict)
    boosts_of: dict[Id, int] = field(default_factory=dict)


def number(value: str | float | None) -> float:
    """Return a recorded number, which may be a string; absent, null and "NaN" are 0."""
    parsed = float(value or 0)
    return parsed if isfinite(parsed) else 0.0


def read_recordings(payloads: Mapping[str, Any]) -> Recordings:
    """Gather what the payloads (relative path → decoded body) say; what is newer goes first."""
    found = Recordings()
    paths = sorted(payloads, key=lambda path: path.rsplit("_", 1)[-1], reverse=True)
    for path in (p for p in paths if p.startswith("dexscreener/")):
        _read_dexscreener(found, payloads[path])
    for path in (p for p in paths if p.startswith("geckoterminal/")):
        _read_geckoterminal(found, payloads[path])
    for path in (p for p in paths if p.startswith("jupiter/")):
        _read_jupiter(found, payloads[path])
    return found


def _facts(found: Recordings, token: Id, address: str) -> _TokenFacts:
    # DexScreener, which writes addresses in mixed case, is read first.
    return found.tokens.setdefault(token, _TokenFacts(address=address))


def _name(facts: _TokenFacts, name: str | None, symbol: str | None) -> None:
    facts.name = facts.name or name or ""
    facts.symbol = facts.symbol or symbol or ""


def _price(facts: _TokenFacts, price: float, depth: float, fdv: float, cap: float) -> None:
    if price > 0 and depth > facts.depth:
        facts.price, facts.depth = price, depth
        facts.supply = fdv / price or facts.supply
        facts.circulating = cap / price or facts.circulating


def _id(chain: str, address: str) -> Id:
    canonical = canonical_chain(chain) or chain
    return canonical, canonical_address(canonical, address) or address


def _read_dexscreener(found: Recordings, body: Json | list[Json]) -> None:
    items = body.get("pairs") or [] if isinstance(body, dict) else body
    for item in items:
        if "pairAddress" in item:
            _read_pair(found, item)
            continue
        (found.boosts if "totalAmount" in item else found.profiles).append(item)
        address = item["tokenAddress"]
        token = _id(item["chainId"], address)
        _facts(found, token, address)
        if "totalAmount" in item:
            found.boosts_of.setdefault(token, item["totalAmount"])


def _read_pair(found: Recordings, pair: Json) -> None:
    chain, labels = pair["chainId"], tuple(pair.get("labels", ()))
    usd, native = number(pair["priceUsd"]), number(pair["priceNative"])
    liquidity = number(pair.get("liquidity", {}).get("usd"))
    sides = []
    for side in ("baseToken", "quoteToken"):
        token = _id(chain, pair[side]["address"])
        facts = _facts(found, token, pair[side]["address"])
        _name(facts, pair[side]["name"], pair[side]["symbol"])
        sides.append(token)
    base, quote = (found.tokens[side] for side in sides)
    _price(base, usd, liquidity, number(pair.get("fdv")), number(pair.get("marketCap")))
    _price(quote, usd / native if native else 0.0, -0.5, 0.0, 0.0)
    if "boosts" in pair:
        found.boosts_of.setdefault(sides[0], pair["boosts"]["active"])
    if "info" in pair:
        found.info.setdefault(sides[0], pair["info"])
    day = pair["txns"]["h24"]
    found.pools.setdefault(
        _id(chain, pair["pairAddress"]),
        _PoolFacts(
            address=pair["pairAddress"],
            base=sides[0],
            quote=sides[1],
            dex=pair["dexId"],
            gecko_dex=gecko_of_dex(sides[0][0], pair["dexId"], labels),
            labels=labels,
            curve="liquidity" not in pair,
            liquidity=liquidity,
            volume=number(pair["volume"].get("h24")),
            trades=day["buys"] + day["sells"],
            created_ms=pair.get("pairCreatedAt", 0),
        ),
    )


def _read_geckoterminal(found: Recordings, body: Json) -> None:
    data = body.get("data")
    items = [*(data if isinstance(data, list) else [data]), *body.get("included", ())]
    for item in items:  # names first: pools have them only in part
        if item.get("type") == "token" and "address" in item["attributes"]:
            _read_gecko_token(found, item["id"], item["attributes"])
    for item in items:
        if item.get("type") == "pool":
            _read_gecko_pool(found, item)


def _read_gecko_token(found: Recordings, token: str, attributes: Json) -> None:
    network, address = token.rsplit("_", 1)
    facts = _facts(found, _id(network, address), attributes["address"])
    _name(facts, unescape(attributes["name"]), unescape(attributes["symbol"]))
    facts.decimals = facts.decimals or attributes.get("decimals")
    facts.icon = facts.icon or attributes.get("image_url")
    facts.gecko_id = facts.gecko_id or attributes.get("coingecko_coin_id")
    price, depth = (
        number(attributes.get("price_usd")),
        number(attributes.get("total_reserve_in_usd")),
    )
    cap = number(attributes.get("market_cap_usd"))
    _price(facts, price, depth, number(attributes.get("fdv_usd")), cap)
    facts.supply = facts.supply or number(attributes.get("normalized_total_supply"))


def _created_ms(iso: str | None) -> int:
    return int(datetime.fromisoformat(iso).timestamp() * 1000) if iso else 0


def _read_gecko_pool(found: Recordings, item: Json) -> None:
    attributes, links = item["attributes"], item["relationships"]
    sides = []
    names = re.sub(r" [0-9.]+%$", "", unescape(attributes["name"])).split(" / ")
    for side, name in zip(("base", "quote"), names, strict=False):  # a third may follow
        network, address = links[f"{side}_token"]["data"]["id"].rsplit("_", 1)
        token = _id(network, address)
        _name(_facts(found, token, address), name, name)
        sides.append(token)
    liquidity = number(attributes.get("reserve_in_usd"))
    fdv, cap = number(attributes.get("fdv_usd")), number(attributes.get("market_cap_usd"))
    base, quote = (found.tokens[side] for side in sides)
    _price(base, number(attributes["base_token_price_usd"]), liquidity, fdv, cap)
    _price(quote, number(attributes["quote_token_price_usd"]), -0.5, 0.0, 0.0)
    chain = sides[0][0]
    dex = dex_of_gecko(chain, links["dex"]["data"]["id"])
    day = attributes["transactions"]["h24"]
    found.pools.setdefault(
        _id(chain, attributes["address"]),
        _PoolFacts(
            address=mixed_case(attributes["address"])
            if attributes["address"].startswith("0x")
            else attributes["address"],
            base=sides[0],
            quote=sides[1],
            dex=dex.name,
            gecko_dex=dex.gecko,
            labels=dex.labels,
            curve=dex.curve or dex.name in CURVES,
            liquidity=liquidity,
            volume=number(attributes["volume_usd"].get("h24")),
            trades=day["buys"] + day["sells"],
            created_ms=_created_ms(attributes.get("pool_created_at")),
        ),
    )


def _read_jupiter(found: Recordings, body: Json | list[Json]) -> None:
    if isinstance(body, list):
        for item in body:
            token = _id("solana", item["id"])
            facts = _facts(found, token, item["id"])
            _name(facts, item["name"], item["symbol"])
            facts.decimals, facts.icon = item["decimals"], item["icon"]
            _price(facts, item["usdPrice"], item["liquidity"], item["fdv"], item["mcap"])
            found.details.setdefault(token, item)
    elif "data" not in body:  # v2 and v6 are retired
        for mint, item in body.items():
            facts = _facts(found, _id("solana", mint), mint)
            _name(facts, *_UNNAMED.get(mint, ("", "")))
            facts.decimals = item["decimals"]
            _price(facts, item["usdPrice"], item.get("liquidity", 0.0), 0.0, 0.0)


def icons_of(found: Recordings) -> dict[Id, str | None]:
    return {token: facts.icon for token, facts in found.tokens.items()}


def recorded_tokens(
    found: Recordings, seed: int, quotes: Mapping[Id, MarketToken]
) -> dict[Id, MarketToken]:
    """Return all recorded tokens; quote assets of the tables keep the anchors they have there."""
    tokens = dict(quotes)
    for (chain, canonical), facts in found.tokens.items():
        if (chain, canonical) in tokens:
            continue
        key = key_of(seed, chain, canonical)
        valued = magnitude(mix(key, 3), 50_000, 50e6)
        supply = facts.supply or (valued / facts.price if facts.price else 1e9)
        quote = is_quote_asset(chain, canonical)
        address = facts.address
        tokens[chain, canonical] = MarketToken(
            key=key,
            chain=chain,
            address=mixed_case(address)
            if address.startswith("0x") and address.islower()
            else address,
            canonical=canonical,
            name=facts.name or f"Token {canonical[-4:]}",
            symbol=facts.symbol or canonical[-4:].upper(),
            decimals=facts.decimals or (6 if chain == "solana" else 18),
            price=facts.price or valued / supply,
            supply=supply,
            circulating=facts.circulating or supply,
            volatility=3e-4
            if quote and 0.9 < facts.price < 1.1
            else 0.05 + 0.4 * uniform(key, 6) ** 2,
            recorded=True,
            quote=quote,
            icon=facts.icon,
            gecko_id=facts.gecko_id,
        )
    return tokens


def recorded_pools(found: Recordings, seed: int, tokens: Mapping[Id, MarketToken]) -> list[Pool]:
    """Return all recorded pools, on the tokens given."""
    return [
        Pool(
            key=key_of(seed, "pool", chain, canonical),
            chain=chain,
            address=facts.address,
            canonical=canonical,
            dex=facts.dex,
            gecko_dex=facts.gecko_dex,
            base=tokens[facts.base],
            quote=tokens[facts.quote],
            labels=facts.labels,
            curve=facts.curve,
            liquidity=facts.liquidity,
            volume=facts.volume,
            trade=max(1.0, facts.volume / facts.trades if facts.trades else 100.0),
            created_ms=facts.created_ms or 1_700_000_000_000,
        )
        for (chain, canonical), facts in found.pools.items()
    ]
