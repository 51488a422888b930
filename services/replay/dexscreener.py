"""DexScreener's answers, with the quirks of the recordings."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from services.replay.answers import ErrorAnswer, Json, find_tokens, short, split_ids
from services.replay.market.market import MarketSnapshot, slice_of
from services.replay.market.model import MarketToken, PoolState
from services.replay.market.noise import mix, uniform
from services.replay.market.signals import boosts as boosts_of
from services.replay.market.signals import presence

MOST_IDS: Final = 30
MOST_PAIRS: Final = 30
_WINDOWS: Final = ("m5", "h1", "h6", "h24")
_SITE: Final = "https://dexscreener.com"
_IMAGES: Final = "https://cdn.dexscreener.com"
_WRONG_PAIR_CHANCE: Final = 0.1
_RECORDED_SHOWN: Final = 6  # of the thirty profiles or boosts


def price_text(price: float) -> str:
    """Return a price as a plain decimal string with four significant digits or decimals."""
    if price >= 1:
        return f"{price:.4f}" if price < 10 else f"{price:.2f}"
    return format(Decimal(f"{price:.3e}"), "f")


def _percent(value: float) -> float | int:
    return short(value, 0 if abs(value) >= 100 else 2)


def _side(token: MarketToken) -> Json:
    return {"address": token.address, "name": token.name, "symbol": token.symbol}


def render_pair(snapshot: MarketSnapshot, state: PoolState) -> Json:
    """Return one pair. Windows without a trade have no price change, curves no liquidity."""
    pool, recordings = state.pool, snapshot.market.recordings
    pair: Json = {
        "chainId": pool.chain,
        "dexId": pool.dex,
        "url": f"{_SITE}/{pool.chain}/{pool.address.lower()}",
        "pairAddress": pool.address,
    }
    if pool.labels:
        pair["labels"] = list(pool.labels)
    flows = {name: state.flows[name] for name in _WINDOWS}
    pair |= {
        "baseToken": _side(pool.base),
        "quoteToken": _side(pool.quote),
        "priceNative": price_text(state.price / state.quote_price),
        "priceUsd": price_text(state.price),
        "txns": {name: {"buys": flow.buys, "sells": flow.sells} for name, flow in flows.items()},
        "volume": {name: short(flows[name].volume) for name in reversed(_WINDOWS)},
        "priceChange": {
            name: _percent(change)
            for name in _WINDOWS
            if (change := state.changes[name]) is not None
        },
    }
    if not pool.curve:
        half = state.liquidity / 2
        pair["liquidity"] = {
            "usd": short(state.liquidity),
            "base": short(half / state.price, 0 if half / state.price >= 1000 else 4),
            "quote": short(half / state.quote_price, 4),
        }
    pair["fdv"] = short(state.price * pool.base.supply, 0)
    pair["marketCap"] = short(state.price * pool.base.circulating, 0)
    pair["pairCreatedAt"] = state.created_ms
    info = recordings.info.get(pool.base.id) or _info(snapshot, pool.base)
    if info:
        pair["info"] = info
    active = _boosts(snapshot, pool.base)
    if active:
        pair["boosts"] = {"active": active}
    return pair


def _boosts(snapshot: MarketSnapshot, token: MarketToken) -> int:
    """Return a token's boosts: as recorded, else made up; 0: none."""
    return snapshot.market.recordings.boosts_of.get(token.id) or boosts_of(token)


def _pictures(snapshot: MarketSnapshot, token: MarketToken, picture: str) -> Json:
    cut = "width=64&height=64&quality=90"
    stamp = snapshot.now_ms // 300_000 * 300_000
    return {
        "imageUrl": f"{_IMAGES}/cms/images/{picture * 4}?{cut}",
        "header": f"{_IMAGES}/cms/images/{picture}?width=900&height=300",
        "openGraph": f"{_IMAGES}/token-images/og/{token.chain}/{token.address}?timestamp={stamp}",
    }


def _info(snapshot: MarketSnapshot, token: MarketToken) -> Json | None:
    """Return what a pair says of its token; socials come in the older or the newer shape."""
    shown = presence(token)
    if shown is None:
        return None
    socials = [
        (kind, url)
        for kind, url in (
            ("twitter", shown.x),
            ("telegram", shown.telegram),
            ("discord", shown.discord),
        )
        if url
    ]
    return _pictures(snapshot, token, shown.picture) | {
        "websites": [{"label": "Website", "url": shown.website}],
        "socials": [
            {"type": kind, "url": url}
            if token.key & 1
            else {"platform": kind, "handle": url.rsplit("/", 1)[-1]}
            for kind, url in socials
        ],
    }


def _pairs_of(snapshot: MarketSnapshot, token: MarketToken) -> list[Json]:
    return [render_pair(snapshot, state) for state in snapshot.states(token)[:MOST_PAIRS]]


def tokens(snapshot: MarketSnapshot, chain: str, addresses: str) -> list[Json]:
    """Answer /tokens/v1: one pair for each token, now and then not the best one."""
    answer = []
    for token in find_tokens(snapshot, chain, split_ids(addresses, MOST_IDS)):
        pools = snapshot.pools_of(token)
        mine = [pool for pool in pools if pool.base is token] or list(pools)
        if not mine:
            continue
        dead = [pool for pool in mine if pool.curve]
        wrong = dead and uniform(token.key ^ 0x72) < _WRONG_PAIR_CHANCE
        answer.append(render_pair(snapshot, snapshot.state(dead[0] if wrong else mine[0])))
    return answer


def token_pairs(snapshot: MarketSnapshot, chain: str, address: str) -> list[Json]:
    """Answer /token-pairs/v1: the pools of one token, those on whose quote side it is too."""
    found = find_tokens(snapshot, chain, split_ids(address, 1))
    return _pairs_of(snapshot, found[0]) if found else []


def _wrap(pairs: list[Json]) -> Json:
    return {"schemaVersion": "1.0.0", "pairs": pairs[:MOST_PAIRS] or None}


def latest_tokens(snapshot: MarketSnapshot, addresses: str) -> Json:
    """Answer /latest/dex/tokens: all chains that know an address, 30 pairs in the whole answer."""
    pairs: list[Json] = []
    for address in split_ids(addresses, MOST_IDS):
        for token in snapshot.market.find_everywhere(address):
            if len(pairs) < MOST_PAIRS:
                pairs += _pairs_of(snapshot, token)
    return _wrap(pairs)


def search(snapshot: MarketSnapshot, query: str) -> Json:
    """Answer /latest/dex/search: 30 pairs with a side of that name, symbol or address."""
    if not query.strip():
        raise ErrorAnswer(400, "q is missing")
    market = snapshot.market
    found = market.named(query.strip(), market.quotes.keys())
    quotes = [token for token in found if token.quote]
    others = [token for token in found if not token.quote]
    shown = slice_of(others, MOST_PAIRS // 3 if quotes else MOST_PAIRS, snapshot.turn(12))
    pairs = {
        state.pool.key: render_pair(snapshot, state)
        for token in shown
        for state in snapshot.states(token)[:2]
    }
    # A quote asset is a side of half the market: show what moves there.
    for quote in quotes:
        if quote.chain in market.quotes and len(pairs) < MOST_PAIRS:
            moving = snapshot.rising(quote.chain, 2 * MOST_PAIRS, salt=11)
            pools = [pool for token in moving for pool in snapshot.pools_of(token)]
            known = market.pools_of(quote)[: MOST_PAIRS // 3]
            for pool in (*known, *(p for p in pools if quote in p.sides)):
                pairs[pool.key] = render_pair(snapshot, snapshot.state(pool))
    return _wrap(list(pairs.values()))


def _promoted(
    snapshot: MarketSnapshot, recorded: list[Json], tokens: list[MarketToken], salt: int
) -> list[Json]:
    """Return a few recorded entries, other ones each minute, and those of these tokens."""
    entries = {item["tokenAddress"]: item for item in recorded}
    start = (snapshot.now_ms // 60_000 + salt) % max(1, len(recorded))
    shown = (recorded[start:] + recorded[:start])[:_RECORDED_SHOWN]
    chosen = {item["tokenAddress"]: item for item in shown}
    for token in tokens:
        chosen.setdefault(token.address, entries.get(token.address) or _profile(snapshot, token))
    return list(chosen.values())[:MOST_PAIRS]


def _profile(snapshot: MarketSnapshot, token: MarketToken) -> Json:
    bits, shown = mix(token.key, 0x73), presence(token)
    picture = f"{bits:016x}"
    item: Json = {
        "url": f"{_SITE}/{token.chain}/{token.address.lower()}",
        "chainId": token.chain,
        "tokenAddress": token.address,
    }
    pictures = _pictures(snapshot, token, picture)
    if bits % 8:  # some entries have no picture, some no text
        item["icon"] = picture * 4
        item["header"] = pictures["header"]
    item["openGraph"] = pictures["openGraph"]
    if bits >> 3 & 7:
        item["description"] = f"{token.name} ({token.symbol})"
    if shown:
        links: tuple[Json, ...] = (
            {"label": "Website", "url": shown.website},
            {"type": "twitter", "url": shown.x},
            {"url": f"{shown.website}/news"},
        )
        item["links"] = [link for index, link in enumerate(links) if bits >> (6 + index) & 1]
    else:
        item["links"] = []
    return item | {"cto": bits % 40 == 0}


def profiles(snapshot: MarketSnapshot) -> list[Json]:
    """Answer /token-profiles/latest/v1: the tokens of the moment."""
    fresh = snapshot.rising("all", MOST_PAIRS - _RECORDED_SHOWN, salt=1)
    rest = snapshot.sweep("all", MOST_PAIRS, 1, salt=1)  # fills up
    items = _promoted(snapshot, snapshot.market.recordings.profiles, [*fresh, *rest], salt=1)
    return [{"cto": False} | item for item in items]


def boosts(snapshot: MarketSnapshot, *, top: bool) -> list[Json]:
    """Answer /token-boosts/latest/v1, and /top/v1, which has no `amount`: what is paid for."""
    salt = 3 if top else 2
    paid = {t.address: t for t in (*snapshot.newcomers, *snapshot.market.boosted) if boosts_of(t)}
    tokens = slice_of(list(paid.values()), MOST_PAIRS, snapshot.turn(salt))
    totals = {token.address: boosts_of(token) for token in tokens}
    answer = []
    for item in _promoted(snapshot, snapshot.market.recordings.boosts, tokens, salt):
        boost = {k: v for k, v in item.items() if k not in {"amount", "cto"}}
        boost["totalAmount"] = item.get("totalAmount") or totals[item["tokenAddress"]]
        if not top:
            boost["amount"] = item.get("amount") or 10
        answer.append(boost)
    return sorted(answer, key=lambda boost: -boost["totalAmount"]) if top else answer
