"""What sources say of a token beside its trades: who trades it, who holds it, who vouches for it.

All of it is a function of the token and the time, and agrees with the trades: of so many of them so
many are by different people, and the organic share of a volume is that of the score.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.replay.market.model import MINUTE_MS, MarketToken
from services.replay.market.noise import mix, smooth, uniform

# Distinct traders of n trades, as recorded: 28 of 72, 334 of 1,516, 7,070 of 64,752.
_CROWD: Final = 0.8
_BOOSTED: Final = 0.08  # share of the tokens somebody has paid for; newcomers: _BOOSTED_NEW
_BOOSTED_NEW: Final = 0.2
_SHOWN: Final = 0.6  # share of the tokens with a picture and links
_HOUR6_MS: Final = 360 * MINUTE_MS


def distinct(token: MarketToken, trades: int) -> int:
    """Return how many people made these trades. Those who trade with themselves stay few."""
    people = int(trades**_CROWD)
    return min(people, 3 + token.key % 9) if token.washed else people


def verified(token: MarketToken) -> bool:
    """Return whether somebody vouches for it: a third of the older ones, and all quote assets."""
    if token.quote:
        return True
    plain = not (token.born_ms or token.washed or token.drained_ms)
    return plain and mix(token.key, 0x86) % 3 == 2


def suspicious(token: MarketToken) -> bool:
    return (
        not token.quote
        and not verified(token)
        and (token.washed or uniform(token.key ^ 0x61) < 0.05)
    )


def organic_score(token: MarketToken, at_ms: int) -> float:
    """Return 0 to 100; it drifts by a few points within ten minutes."""
    place = uniform(token.key ^ 0x62)
    drift = smooth(token.key ^ 0x63, at_ms / (10 * MINUTE_MS))
    if token.washed:
        return max(0.0, min(9.0, 8 * place + drift))
    base = 55 + 42 * place if verified(token) else 4 + 70 * place
    return max(0.0, min(100.0, base + 3 * drift))


def score_label(score: float) -> str:
    return "high" if score >= 60 else "medium" if score >= 25 else "low"


def organic_share(token: MarketToken, at_ms: int) -> float:
    """Return which share of the volume is by people who trade in an ordinary way."""
    return 0.002 + 0.22 * organic_score(token, at_ms) / 100


class Authorities(Struct, frozen=True):
    """Who may still mint or freeze; an address, or None when nobody may."""

    mint: int | None = None  # key of the address
    freeze: int | None = None


def authorities(token: MarketToken, at_ms: int) -> Authorities:
    """Return what is kept at a time. Launchpads give all up; some newcomers do later."""
    if token.launch:
        return Authorities()
    mint, freeze = uniform(token.key ^ 0x64), uniform(token.key ^ 0x65)
    if not token.born_ms:
        return Authorities(
            mix(token.key, 0x66) if mint < 0.15 else None,
            mix(token.key, 0x67) if freeze < 0.06 else None,
        )
    given_up_ms = token.born_ms + int((1 + 8 * uniform(token.key ^ 0x68)) * MINUTE_MS)
    kept = at_ms < given_up_ms
    return Authorities(
        mix(token.key, 0x66) if mint < 0.3 or (mint < 0.75 and kept) else None,
        mix(token.key, 0x67) if freeze < 0.1 or (freeze < 0.3 and kept) else None,
    )


def holders(token: MarketToken, at_ms: int) -> int:
    """Return how many addresses hold the token: of a newcomer ever more while it is traded."""
    key = token.key
    if not token.born_ms:
        anchor = 120 * (token.price * token.supply / 20_000) ** 0.7 * (0.5 + uniform(key, 0x69))
        slow, fast = smooth(key ^ 0x6A, at_ms / _HOUR6_MS), smooth(key ^ 0x6B, at_ms / MINUTE_MS)
        return 1 + int((9 if token.washed else anchor) * (1 + 0.02 * slow + 0.0005 * fast))
    ends_ms = min(at_ms, token.dies_ms, token.drained_ms or at_ms)
    minutes = max(0, ends_ms - token.born_ms) / MINUTE_MS
    return 1 + int(distinct(token, int((4 + 8 * uniform(key, 0x69)) * minutes)) * 0.8)


class HolderShares(Struct, frozen=True):
    """Percent of all there is, 0 to 100."""

    top: float  # of the largest holders
    dev: float


def shares(token: MarketToken, at_ms: int) -> HolderShares:
    """Return who holds how much: at birth nearly all is with a few, and most of them sell."""
    place, other = uniform(token.key ^ 0x6C), uniform(token.key ^ 0x6D)
    if suspicious(token):
        top, dev = 60 + 35 * place, 15 + 40 * other
    else:
        top, dev = 8 + 32 * place, 4 * other**4
    if token.born_ms:
        age = max(0, at_ms - token.born_ms) / (6 * MINUTE_MS)
        early = 1 / (1 + age)
        top, dev = top + (96 - top) * early * 0.6, dev + 9 * other * early
    return HolderShares(top, min(dev, top))


def dev_mints(token: MarketToken) -> int:
    bits = mix(token.key, 0x6E)
    return 1 + (bits % 900 if suspicious(token) else bits % 12)


def boosts(token: MarketToken) -> int:
    """Return how many boosts are paid for; 0: none."""
    share = _BOOSTED_NEW if token.born_ms else _BOOSTED
    if token.quote or uniform(token.key ^ 0x71) >= share:
        return 0
    return 10 * (1 + mix(token.key, 0x71) % 50)


class Presence(Struct, frozen=True):
    """Pictures and links of a token; None where there are none."""

    picture: str  # 16 hexadecimal digits
    website: str
    x: str
    telegram: str | None
    discord: str | None


def presence(token: MarketToken) -> Presence | None:
    """Return what the makers of a token show of themselves; many do not."""
    bits = mix(token.key, 0x73)
    if token.quote or uniform(token.key ^ 0x74) >= _SHOWN:
        return None
    handle = "".join(c for c in token.name.lower() if c.isascii() and c.isalnum()) or "token"
    return Presence(
        picture=f"{bits:016x}",
        website=f"https://{handle}.example",
        x=f"https://x.com/{handle}",
        telegram=f"https://t.me/{handle}" if bits & 1 else None,
        discord=f"https://discord.gg/{handle}" if bits & 2 else None,
    )
