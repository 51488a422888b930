"""Jupiter's answers: Solana only, token-wide figures, JSON numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from services.replay.answers import ErrorAnswer, Json, find_tokens, split_ids
from services.replay.market import signals
from services.replay.market.assets import LAUNCHPADS
from services.replay.market.generated import base58_address
from services.replay.market.market import MarketSnapshot
from services.replay.market.model import WINDOW_MS, MarketToken, PoolState
from services.replay.market.moves import change_pct
from services.replay.market.noise import mix, smooth, uniform

MOST_PRICES: Final = 50
MOST_MINTS: Final = 100
RECENT: Final = 30
SEARCHED: Final = 20
CATEGORIES: Final = ("toporganicscore", "toptraded", "toptrending")
WINDOWS: Final = {"5m": "m5", "1h": "h1", "6h": "h6", "24h": "h24"}
_PROGRAM: Final = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
_PICTURES: Final = "https://ipfs.io/ipfs"
_FIRST_BLOCK: Final = 250_000_000
_MOVING: Final = frozenset(
    {"fdv", "mcap", "usdPrice", "priceBlockId", "liquidity", "updatedAt"}
    | {"stats5m", "stats1h", "stats6h", "stats24h", "organicScore", "organicScoreLabel"}
    | {"holderCount"}
)


def _iso(at_ms: int, digits: int = 3) -> str:
    """Return an ISO time in UTC; updatedAt has nine digits of a second."""
    whole = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{at_ms % 1000:03d}".ljust(digits, "7")[:digits]
    return f"{whole}.{fraction}Z" if digits else f"{whole}Z"


def _block(now_ms: int) -> int:
    return _FIRST_BLOCK + (now_ms - 1_700_000_000_000) // 400


def usd_price(snapshot: MarketSnapshot, token: MarketToken) -> float:
    """Return the last swap's price: near the pools' prices, never quite the same."""
    wobble = 1 + 0.0008 * smooth(token.key ^ 0x81, snapshot.now_ms / 7_000)
    return snapshot.price(token, snapshot.now_ms) * wobble


def unpriced(token: MarketToken) -> bool:
    """Return whether Jupiter gives no price: flagged, or not traded for days."""
    return not (token.quote or token.recorded or token.born_ms) and uniform(token.key ^ 0x82) < 0.02


def _stats(
    snapshot: MarketSnapshot, token: MarketToken, states: list[PoolState], window: str
) -> Json:
    """Return the figures of a window over all pools; what is zero or unknown is left out."""
    buys = sells = 0
    volume = bought = 0.0
    for state in states:
        flow = state.flows[window]
        swapped = state.pool.base is not token
        here = flow.sells if swapped else flow.buys
        buys, sells = buys + here, sells + flow.trades - here
        volume += flow.volume
        bought += flow.volume * (here / flow.trades if flow.trades else 0.0)
    if not buys + sells:
        return {}
    now_ms = snapshot.now_ms
    organic = signals.organic_share(token, now_ms)
    buyers, sellers = signals.distinct(token, buys), signals.distinct(token, sells)
    stats = {
        "priceChange": _change(snapshot, token, states, window),
        "holderChange": _holder_change(snapshot, token, window),
        "liquidityChange": 0.8 * smooth(token.key ^ 0x84, now_ms / 600_000),
        "volumeChange": 40 * smooth(token.key ^ 0x85, now_ms / 900_000),
        "buyVolume": bought,
        "sellVolume": volume - bought,
        "buyOrganicVolume": bought * organic if buys > 20 else 0.0,
        "sellOrganicVolume": (volume - bought) * organic if buys > 20 else 0.0,
        "numBuys": buys,
        "numSells": sells,
        "numTraders": signals.distinct(token, buys + sells),
        "numOrganicBuyers": int(buyers * organic),
        "numNetBuyers": buyers - sellers,
    }
    return {name: value for name, value in stats.items() if value}


def _holders(snapshot: MarketSnapshot, token: MarketToken, at_ms: int) -> int:
    """Return how many hold a token; a recorded number is where it stands, and moves a little."""
    recorded = snapshot.market.recordings.details.get(token.id, {}).get("holderCount")
    if not recorded:
        return signals.holders(token, at_ms)
    return int(recorded * (1 + 0.002 * smooth(token.key ^ 0x87, at_ms / 3_600_000)))


def _holder_change(snapshot: MarketSnapshot, token: MarketToken, window: str) -> float:
    now_ms = snapshot.now_ms
    before = _holders(snapshot, token, max(token.born_ms, now_ms - WINDOW_MS[window]))
    return change_pct(_holders(snapshot, token, now_ms), before)


def _change(
    snapshot: MarketSnapshot, token: MarketToken, states: list[PoolState], window: str
) -> float:
    now_ms = snapshot.now_ms
    oldest = min(state.created_ms for state in states)
    before = snapshot.price(token, max(oldest, now_ms - WINDOW_MS[window]))
    return change_pct(snapshot.price(token, now_ms), before)


def _fixed(snapshot: MarketSnapshot, token: MarketToken, created_ms: int) -> Json:
    """Return what does not move: as recorded, else made up in the same shape."""
    details = snapshot.market.recordings.details.get(token.id)
    if details:
        return {name: value for name, value in details.items() if name not in _MOVING}
    bits = mix(token.key, 0x86)
    first = snapshot.pools_of(token)
    item: Json = {
        "id": token.address,
        "name": token.name,
        "symbol": token.symbol,
        "icon": token.icon,
        "decimals": token.decimals,
        "dev": base58_address(bits),
        "circSupply": token.circulating,
        "totalSupply": token.supply,
        "tokenProgram": _PROGRAM,
        "firstPool": {
            "id": first[-1].address if first else base58_address(bits + 1),
            "createdAt": _iso(created_ms, 0),
        },
        "audit": {},
        "tags": ["verified"] if signals.verified(token) else [],
        "createdAt": _iso(created_ms),
    }
    if signals.verified(token):
        item["isVerified"] = True
    shown = signals.presence(token)
    if shown:
        links = {"website": shown.website, "twitter": shown.x, "telegram": shown.telegram}
        item["icon"] = token.icon or f"{_PICTURES}/{shown.picture}"
        item |= {name: url for name, url in links.items() if url}
    return item


def _audit(token: MarketToken, now_ms: int) -> Json:
    """Return what was looked into; `isSus` is there only when it is so."""
    kept, shares = signals.authorities(token, now_ms), signals.shares(token, now_ms)
    audit: Json = {
        "mintAuthorityDisabled": kept.mint is None,
        "freezeAuthorityDisabled": kept.freeze is None,
        "topHoldersPercentage": shares.top,
        "devBalancePercentage": shares.dev,
        "devMints": signals.dev_mints(token),
    }
    if token.key & 1:  # what is not disabled may be missing instead of false
        audit = {name: value for name, value in audit.items() if value is not False}
    return audit | ({"isSus": True} if signals.suspicious(token) else {})


def _authorities(token: MarketToken, now_ms: int) -> Json:
    kept = signals.authorities(token, now_ms)
    both = {"mintAuthority": kept.mint, "freezeAuthority": kept.freeze}
    return {name: base58_address(key) for name, key in both.items() if key}


def _launch(snapshot: MarketSnapshot, token: MarketToken) -> Json:
    """Return where a token started, and since when it is traded on an exchange."""
    launch = token.launch
    if launch is None:
        dex = next((p.dex for p in snapshot.pools_of(token) if p.curve), None)
        name = next((pad.name for pad in LAUNCHPADS["solana"] if pad.curve.name == dex), dex)
        return {"launchpad": name} if name else {}
    item: Json = {"launchpad": launch.launchpad.name}
    if 0 < launch.graduates_ms <= snapshot.now_ms:
        item["graduatedPool"] = snapshot.pools_of(token)[0].address
        item["graduatedAt"] = _iso(launch.graduates_ms, 0)
    return item


def render_token(snapshot: MarketSnapshot, token: MarketToken) -> Json:
    """Return one token. Jupiter sums over all pools itself."""
    states = snapshot.states(token)
    now_ms = snapshot.now_ms
    item = _fixed(snapshot, token, min((s.created_ms for s in states), default=now_ms))
    score = signals.organic_score(token, now_ms)
    item["organicScore"], item["organicScoreLabel"] = score, signals.score_label(score)
    item["holderCount"] = _holders(snapshot, token, now_ms)
    if token.id not in snapshot.market.recordings.details:
        item["audit"] = _audit(token, now_ms)
        item |= _authorities(token, now_ms) | _launch(snapshot, token)
    if not unpriced(token):
        price = usd_price(snapshot, token)
        item |= {
            "fdv": price * token.supply,
            "mcap": price * token.circulating,
            "usdPrice": price,
            "priceBlockId": _block(now_ms),
            "liquidity": sum(state.liquidity for state in states),
        }
    for name, window in WINDOWS.items():
        stats = _stats(snapshot, token, states, window)
        if stats:
            item[f"stats{name}"] = stats
    item["updatedAt"] = _iso(now_ms, 9)
    return item


def _rank(category: str, window: str) -> Callable[[Json], float]:
    def traded(item: Json) -> float:
        stats = item.get(f"stats{window}", {})
        return float(stats.get("buyVolume", 0.0) + stats.get("sellVolume", 0.0))

    def trending(item: Json) -> float:
        return float(item.get(f"stats{window}", {}).get("priceChange", 0.0))

    def organic(item: Json) -> float:
        return float(item["organicScore"])

    return {"toptraded": traded, "toptrending": trending, "toporganicscore": organic}[category]


def category(snapshot: MarketSnapshot, name: str, window: str, limit: str) -> list[Json]:
    """Answer /tokens/v2/{category}/{window}: quote assets are already left out."""
    if name not in CATEGORIES or window not in WINDOWS:
        raise ErrorAnswer(404, "Not Found")
    if not limit.isdecimal() or not 1 <= int(limit) <= 100:
        raise ErrorAnswer(400, "limit must be between 1 and 100")
    salt = 100 + 4 * CATEGORIES.index(name) + list(WINDOWS).index(window)
    chosen = snapshot.rising("solana", int(limit), salt)
    items = [render_token(snapshot, token) for token in chosen]
    return sorted(items, key=_rank(name, window), reverse=True)


def recent(snapshot: MarketSnapshot) -> list[Json]:
    """Answer /tokens/v2/recent: 30 tokens by the creation of their first pool, newest first."""
    fresh = [token for token in snapshot.newcomers if token.chain == "solana"][:RECENT]
    older = snapshot.sweep("solana", RECENT - len(fresh), 1, salt=5) if len(fresh) < RECENT else []
    items = [render_token(snapshot, token) for token in (*fresh, *older)]
    return sorted(items, key=lambda item: str(item["firstPool"]["createdAt"]), reverse=True)


def search(snapshot: MarketSnapshot, query: str) -> list[Json]:
    """Answer /tokens/v2/search: a text, or up to 100 mints."""
    if not query.strip():
        raise ErrorAnswer(400, "query is missing")
    if "," in query or snapshot.market.find("solana", query.strip()):
        found = find_tokens(snapshot, "solana", split_ids(query, MOST_MINTS))
    else:
        found = snapshot.market.named(query.strip(), {"solana"})[:SEARCHED]
    return [render_token(snapshot, token) for token in found]


def prices(snapshot: MarketSnapshot, ids: str) -> Json:
    """Answer /price/v3: mints without a price are left out."""
    answer: Json = {}
    for token in find_tokens(snapshot, "solana", split_ids(ids, MOST_PRICES)):
        states = snapshot.states(token)
        if unpriced(token) or not (states or token.quote):
            continue
        oldest = min((state.created_ms for state in states), default=1_700_000_000_000)
        answer[token.address] = {
            "createdAt": _iso(oldest),
            "liquidity": sum(state.liquidity for state in states),
            "usdPrice": usd_price(snapshot, token),
            "blockId": _block(snapshot.now_ms),
            "decimals": token.decimals,
        }
        change = _change(snapshot, token, states, "h24") if states else 0.0
        answer[token.address]["priceChange24h"] = change
    return answer


def rate_headers(now_ms: int) -> dict[str, str]:
    """Return the headers of Jupiter's rate limit; the stand-in never runs out."""
    return {
        "x-ratelimit-remaining": "29",
        "x-ratelimit-current": "1",
        "x-ratelimit-reset": str(now_ms // 1000 + 2),
        "x-api-gateway-request-id": f"replay-{now_ms:x}",
    }
