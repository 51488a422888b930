"""GeckoTerminal's answers: JSON:API, all figures as strings, network ids of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Final

from services.replay.answers import ErrorAnswer, Json, find_tokens, split_ids
from services.replay.market import signals
from services.replay.market.assets import network_of
from services.replay.market.market import MarketSnapshot
from services.replay.market.model import WINDOW_MS, Flow, MarketToken, Pool, PoolState
from services.replay.market.moves import progress
from services.replay.market.noise import mix, uniform
from services.replay.market.paths import bars
from shared.chains import canonical_chain

MOST_IDS: Final = 30
PAGE: Final = 20
EVERYWHERE: Final = ""  # in place of a network id
MOST_PAGES: Final = 10
LAG_MS: Final = 3000  # it is 2-3 s behind the chain
_TOP_POOLS: Final = 3
_PICTURES: Final = "https://assets.geckoterminal.com"
_NAN_CHANCE: Final = 0.02
_UNVERIFIED: Final = 0.66  # share of tokens whose market cap it does not know


def digits(value: float) -> str:
    """Return all the digits of a number, as long as they come; never an exponent."""
    return format(Decimal(value), "f")


def amount(value: float) -> str:
    return f"{value:.10f}".rstrip("0") + ("0" if value == int(value) else "")


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _token_id(token: MarketToken) -> str:
    return f"{network_of(token.chain)}_{token.canonical}"


def _pool_id(pool: Pool) -> str:
    return f"{network_of(pool.chain)}_{pool.canonical}"


def _market_cap(token: MarketToken, price: float) -> str | None:
    known = token.quote or uniform(token.key ^ 0x91) >= _UNVERIFIED
    return amount(price * token.circulating) if known else None


def _percent(change: float | None) -> str:
    return "0" if change is None else f"{change:.3f}".rstrip("0").rstrip(".")


def _counts(token: MarketToken, flow: Flow) -> Json:
    buyers, sellers = signals.distinct(token, flow.buys), signals.distinct(token, flow.sells)
    return {"buys": flow.buys, "sells": flow.sells, "buyers": buyers, "sellers": sellers}


def _text(name: str) -> str:
    """Return a name as it arrives: escaped for HTML."""
    return escape(name).replace("&#x27;", "&#39;")


def _pool_name(pool: Pool) -> str:
    fee = {"v3": " 0.3%", "v4": " 1%"}.get(pool.labels[0] if pool.labels else "", "")
    return _text(f"{pool.base.symbol} / {pool.quote.symbol}{fee}")


def _flawed(state: PoolState, now_ms: int) -> bool:
    """Return whether the cross prices are "NaN" for these ten minutes, as in a real answer."""
    return uniform(state.pool.key ^ 0x92, now_ms // 600_000) < _NAN_CHANCE


def _prices(snapshot: MarketSnapshot, state: PoolState) -> Json:
    pool = state.pool
    native = snapshot.market.quotes[pool.chain][0] if pool.chain in snapshot.market.quotes else None
    coin = snapshot.price(native, snapshot.now_ms - LAG_MS) if native else state.quote_price
    flawed = _flawed(state, snapshot.now_ms)
    cross = state.price / state.quote_price
    return {
        "base_token_price_usd": digits(state.price),
        "base_token_price_native_currency": "NaN" if flawed else f"{state.price / coin:.18f}",
        "quote_token_price_usd": digits(state.quote_price),
        "quote_token_price_native_currency": "NaN"
        if flawed
        else f"{state.quote_price / coin:.15f}",
        "base_token_price_quote_token": None if flawed else f"{cross:.18f}",
        "quote_token_price_base_token": None if flawed else amount(1 / cross),
        "fdv_usd": None if flawed else amount(state.price * pool.base.supply),
        "market_cap_usd": None if flawed else _market_cap(pool.base, state.price),
    }


def _launchpad_details(snapshot: MarketSnapshot, token: MarketToken) -> Json | None:
    """Return how far a token is on its curve; None without one that is known."""
    launch, at_ms = token.launch, snapshot.now_ms - LAG_MS
    if launch is None:
        return None
    completed = 0 < launch.completes_ms <= at_ms
    graduated = 0 < launch.graduates_ms <= at_ms
    return {
        "graduation_percentage": round(100 * progress(launch, at_ms), 2),
        "completed": completed,
        "completed_at": _iso(launch.completes_ms) if completed else None,
        "migrated_destination_pool_address": snapshot.pools_of(token, LAG_MS)[0].canonical
        if graduated
        else None,
    }


def render_pool(snapshot: MarketSnapshot, pool: Pool, requested: MarketToken | None = None) -> Json:
    """Return one pool; `requested` is the token whose pools were requested."""
    state = snapshot.state(pool, LAG_MS)
    attributes = _prices(snapshot, state) | {
        "address": pool.canonical,
        "name": _pool_name(pool),
        "pool_created_at": _iso(state.created_ms),
        "price_change_percentage": {n: _percent(state.changes[n]) for n in WINDOW_MS},
        "transactions": {n: _counts(pool.token, state.flows[n]) for n in WINDOW_MS},
        "volume_usd": {n: amount(state.flows[n].volume) for n in WINDOW_MS},
        "reserve_in_usd": amount(state.liquidity),
    }
    launch = _launchpad_details(snapshot, pool.token)
    if launch:
        attributes["launchpad_details"] = launch
    if requested is not None:
        price = state.price if requested is pool.base else state.quote_price
        attributes["token_price_usd"] = digits(price)
    return {
        "id": _pool_id(pool),
        "type": "pool",
        "attributes": attributes,
        "relationships": {
            "base_token": {"data": {"id": _token_id(pool.base), "type": "token"}},
            "quote_token": {"data": {"id": _token_id(pool.quote), "type": "token"}},
            "dex": {"data": {"id": pool.gecko_dex, "type": "dex"}},
        },
    }


def _included_token(token: MarketToken) -> Json:
    return {
        "id": _token_id(token),
        "type": "token",
        "attributes": {
            "address": token.canonical,
            "name": _text(token.name),  # as the real one does
            "symbol": _text(token.symbol),
            "decimals": token.decimals,
            "image_url": _image(token),
            "coingecko_coin_id": token.gecko_id,
        },
    }


def _image(token: MarketToken) -> str | None:
    shown = signals.presence(token)
    if token.icon or not shown:
        return token.icon or ("missing.png" if mix(token.key, 0x93) & 1 else None)
    return f"{_PICTURES}/{shown.picture}"


def _include(pools: list[Pool], include: str) -> list[Json]:
    wanted = {part.strip() for part in include.split(",")}
    found: dict[str, Json] = {}
    for pool in pools:
        for kind, token in (("base_token", pool.base), ("quote_token", pool.quote)):
            if kind in wanted:
                found.setdefault(_token_id(token), _included_token(token))
        if "dex" in wanted:
            name = pool.gecko_dex.replace("-", " ").replace("_", " ").title()
            dex = {"id": pool.gecko_dex, "type": "dex", "attributes": {"name": name}}
            found.setdefault(pool.gecko_dex, dex)
        if "network" in wanted:
            network = network_of(pool.chain)
            shown = {"name": pool.chain.title(), "coingecko_asset_platform_id": pool.chain}
            found.setdefault(network, {"id": network, "type": "network", "attributes": shown})
    return list(found.values())


def _listing(
    snapshot: MarketSnapshot, pools: list[Pool], include: str, requested: MarketToken | None = None
) -> Json:
    answer: Json = {"data": [render_pool(snapshot, pool, requested) for pool in pools]}
    if include:
        answer["included"] = _include(pools, include)
        if "network" in include.split(","):
            for item in answer["data"]:
                network = item["id"].rsplit("_", 1)[0]
                item["relationships"]["network"] = {"data": {"id": network, "type": "network"}}
    return answer


def group_of(snapshot: MarketSnapshot, network: str) -> str:
    """Return the chain of a network id, "all" for EVERYWHERE; raises Refused (404) if unknown."""
    if network == EVERYWHERE:
        return "all"
    chain = canonical_chain(network)
    if chain is None or network_of(chain) != network or chain not in snapshot.market.quotes:
        raise ErrorAnswer(404, "Not Found")
    return chain


def page_number(text: str) -> int:
    """Return the page requested; raises Refused (400) beyond the tenth."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_PAGES:
        raise ErrorAnswer(400, f"page must be between 1 and {MOST_PAGES}")
    return int(text)


def _first_pools(snapshot: MarketSnapshot, tokens: list[MarketToken]) -> list[Pool]:
    pools = (snapshot.pools_of(token, LAG_MS) for token in tokens)
    return [mine[0] for mine in pools if mine]


def _day_volume(snapshot: MarketSnapshot) -> Callable[[Pool], float]:
    return lambda pool: -snapshot.state(pool, LAG_MS).flows["h24"].volume


def trending(snapshot: MarketSnapshot, network: str, page: str, include: str) -> Json:
    """Answer trending_pools: the first page has leaders, further ones sweep the market."""
    group, number = group_of(snapshot, network), page_number(page)
    if number == 1:
        tokens = snapshot.rising(group, PAGE, salt=21)
    else:
        tokens = snapshot.sweep(group, PAGE, number, salt=22)
    return _listing(snapshot, _first_pools(snapshot, tokens), include)


def new_pools(snapshot: MarketSnapshot, network: str, page: str, include: str) -> Json:
    """Answer new_pools: newcomers first, then others, newest first on each page."""
    group, number = group_of(snapshot, network), page_number(page)
    fresh = [token for token in snapshot.newcomers if group in {"all", token.chain}]
    tokens = fresh[(number - 1) * PAGE : number * PAGE]
    if len(tokens) < PAGE:
        tokens += snapshot.sweep(group, PAGE - len(tokens), number, salt=23)
    pools = _first_pools(snapshot, tokens)
    pools.sort(key=snapshot.created_ms, reverse=True)
    return _listing(snapshot, pools, include)


def top_pools(snapshot: MarketSnapshot, network: str, page: str, include: str) -> Json:
    """Answer /networks/{net}/pools: by the volume of a day."""
    group, number = group_of(snapshot, network), page_number(page)
    leaders = _first_pools(snapshot, list(snapshot.market.leaders[group]))
    leaders.sort(key=_day_volume(snapshot))
    chosen = leaders[(number - 1) * PAGE : number * PAGE]
    if not chosen:
        chosen = _first_pools(snapshot, snapshot.sweep(group, PAGE, number, salt=24))
        chosen.sort(key=_day_volume(snapshot))
    return _listing(snapshot, chosen, include)


def token_pools(
    snapshot: MarketSnapshot, network: str, address: str, page: str, include: str
) -> Json:
    """Answer /networks/{net}/tokens/{addr}/pools, those on whose quote side it is too."""
    number = page_number(page)
    token = _one_token(snapshot, network, address)
    pools = sorted(snapshot.pools_of(token, LAG_MS), key=_day_volume(snapshot))
    return _listing(snapshot, pools[(number - 1) * PAGE : number * PAGE], include, token)


def _one_token(snapshot: MarketSnapshot, network: str, address: str) -> MarketToken:
    found = find_tokens(snapshot, group_of(snapshot, network), split_ids(address, 1))
    if not found:
        raise ErrorAnswer(404, "Not Found")
    return found[0]


def render_token(snapshot: MarketSnapshot, token: MarketToken) -> tuple[Json, list[Pool]]:
    """Return one token and its top pools. One still on its curve has neither price nor pools."""
    at_ms = snapshot.now_ms - LAG_MS
    states = snapshot.states(token, LAG_MS)
    climbing = bool(states) and all(state.pool.curve for state in states)
    price = snapshot.price(token, at_ms)
    item = _included_token(token)
    item["attributes"] |= {
        "total_supply": f"{Decimal(token.supply) * 10**token.decimals:.1f}",
        "normalized_total_supply": amount(token.supply),
        "price_usd": None if climbing else digits(price),
        "fdv_usd": None if climbing else amount(price * token.supply),
        "total_reserve_in_usd": amount(sum(state.liquidity for state in states)),
        "volume_usd": {"h24": amount(sum(state.flows["h24"].volume for state in states))},
        "market_cap_usd": None if climbing else _market_cap(token, price),
    }
    launch = _launchpad_details(snapshot, token)
    if climbing and launch is None:  # a recorded one, of which nobody knows how far it got
        launch = {
            "graduation_percentage": round(100 * uniform(token.key ^ 0x94), 2),
            "completed": False,
            "completed_at": None,
            "migrated_destination_pool_address": None,
        }
    if launch:
        item["attributes"]["launchpad_details"] = launch
    top = [state.pool for state in states if not (climbing or state.pool.ends_ms)][:_TOP_POOLS]
    links = [{"id": _pool_id(pool), "type": "pool"} for pool in top]
    item["relationships"] = {"top_pools": {"data": links}}
    return item, top


def tokens(snapshot: MarketSnapshot, network: str, addresses: str, include: str) -> Json:
    """Answer /networks/{net}/tokens/multi; pools only when included."""
    group = group_of(snapshot, network)
    rendered = [
        render_token(snapshot, token)
        for token in find_tokens(snapshot, group, split_ids(addresses, MOST_IDS))
    ]
    answer: Json = {"data": [item for item, _ in rendered]}
    if "top_pools" in include.split(","):
        pools = {pool.key: pool for _, top in rendered for pool in top}
        answer["included"] = [render_pool(snapshot, pool) for pool in pools.values()]
    return answer


def token(snapshot: MarketSnapshot, network: str, address: str, include: str) -> Json:
    """Answer /networks/{net}/tokens/{addr}."""
    requested = _one_token(snapshot, network, address)
    item, top = render_token(snapshot, requested)
    answer: Json = {"data": item}
    if "top_pools" in include.split(","):
        answer["included"] = [render_pool(snapshot, pool, requested) for pool in top]
    return answer


_TIMEFRAMES: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
_AGGREGATES: Final = {"minute": (1, 5, 15), "hour": (1, 4, 12), "day": (1,)}
MOST_BARS: Final = 1_000


def ohlcv(snapshot: MarketSnapshot, network: str, pool: str, query: Mapping[str, str]) -> Json:
    """Answer /networks/{net}/pools/{pool}/ohlcv/{timeframe}: newest first, open interval too.

    `query` has `timeframe`, and perhaps `aggregate`, `limit`, `before_timestamp` and `token`, whose
    token's prices are shown: `base`, `quote` or its address.
    """
    group, timeframe = group_of(snapshot, network), query["timeframe"]
    step = _TIMEFRAMES.get(timeframe, 0) * _number(query, "aggregate", 1, 15)
    if not step or step // _TIMEFRAMES[timeframe] not in _AGGREGATES[timeframe]:
        raise ErrorAnswer(400, "timeframe or aggregate is not supported")
    limit = _number(query, "limit", 100, MOST_BARS)
    known = snapshot.market.pool(group, pool)
    if known is None:
        raise ErrorAnswer(404, "Not Found")
    token = _shown_side(known, query.get("token", "base"))
    now_s = (snapshot.now_ms - LAG_MS) // 1000
    until = min(now_s, _number(query, "before_timestamp", now_s, 1 << 40))
    last = until // step * step
    whole = bars(token, (known,), last - (limit - 1) * step, last + step, step)
    rows = [[bar.t, bar.o, bar.h, bar.l, bar.c, bar.volume] for bar in reversed(whole)]
    sides = {"base": known.base, "quote": known.quote}
    return {
        "data": {
            "id": f"{mix(known.key, step):016x}",
            "type": "ohlcv_request_response",
            "attributes": {"ohlcv_list": [row for row in rows if row[5]]},
        },
        "meta": {
            name: {
                "address": side.canonical,
                "name": _text(side.name),
                "symbol": _text(side.symbol),
            }
            for name, side in sides.items()
        },
    }


def _shown_side(pool: Pool, wanted: str) -> MarketToken:
    by_name = {"base": pool.base, "quote": pool.quote}
    by_name |= {side.canonical: side for side in pool.sides}
    found = by_name.get(wanted) or by_name.get(wanted.lower())
    if found is None:
        raise ErrorAnswer(400, "token is not in this pool")
    return found


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or len(text) > 13 or not 1 <= int(text) <= most:
        raise ErrorAnswer(400, f"{name} must be between 1 and {most}")
    return int(text)
