"""Tokens and pools that nobody recorded, of the same shape as the recorded ones."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from services.replay.market.assets import CHAIN_SHARES, DEXES, LAUNCHPADS
from services.replay.market.model import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Dex,
    LaunchPlan,
    MarketToken,
    Pool,
    ReplayedLaunchpad,
)
from services.replay.market.moves import magnitude
from services.replay.market.noise import key_of, mix, uniform

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FIRST_WORDS: Final = (
    "Amber Arctic Brave Bright Calm Cedar Clever Cobalt Copper Coral Crimson Crystal Dusty Early "
    "Ember Fancy Fierce Frosty Gentle Giant Golden Happy Hidden Humble Ivory Jolly Lazy Little "
    "Lucky Lunar Mellow Mighty Misty Noble Olive Plain Proud Quiet Rapid Royal Rusty Sandy Silent "
    "Silver Sleepy Solar Stormy Sunny Swift Tidal Tiny Velvet Violet Wild Windy Wise Young Zesty"
)
_SECOND_WORDS: Final = (
    "Badger Bear Beaver Bison Camel Canary Cat Cobra Condor Crab Crane Crow Deer Dingo Dog Dolphin "
    "Dragon Eagle Falcon Ferret Finch Fox Frog Gecko Goat Goose Hamster Hare Hawk Hedgehog Heron "
    "Horse Ibex Jackal Koala Lemur Lion Llama Lynx Magpie Mole Moose Otter Owl Panda Parrot "
    "Pelican Penguin Puma Rabbit Raccoon Raven Robin Salmon Seal Shark Sloth Squid Stork Swan "
    "Tapir Tiger Toad Trout Turtle Walrus Weasel Whale Wolf Wombat Yak Zebra"
)
_FIRST: Final = tuple(_FIRST_WORDS.split())
_SECOND: Final = tuple(_SECOND_WORDS.split())
# Generated pools are older than this: 14 November 2023.
_OLDEST_MS: Final = 1_700_000_000_000
_LAUNCHED: Final = 0.35  # share of the older tokens of Solana that came from a launchpad
_DRAINED: Final = 0.03  # share of the older tokens whose liquidity is gone
_WASHED: Final = 0.05


def base58_address(key: int) -> str:
    """Return a plausible Solana address: 32 bytes in base58, 43 or 44 characters."""
    digest = blake2b(key.to_bytes(8, "big"), digest_size=32).digest()
    number, letters = int.from_bytes(digest, "big") | 1 << 255, []
    while number:
        number, rest = divmod(number, 3364)  # two digits at once
        letters.append(_BASE58[rest % 58] + _BASE58[rest // 58])
    return "".join(letters)[::-1].lstrip("1")


def mixed_case(address: str) -> str:
    """Return an EVM account address in mixed case, as DexScreener writes them.

    The pattern is not EIP-55's, whose hash the standard library lacks; it only has to be mixed.
    """
    if len(address) != 42:
        return address  # the pool ids of v4, 32 bytes, are written in lower case
    bits = int.from_bytes(blake2b(address.encode(), digest_size=8).digest(), "big")
    body = (c.upper() if bits >> i & 1 else c for i, c in enumerate(address[2:].lower()))
    return "0x" + "".join(body)


def evm_address(key: int, size: int = 20) -> str:
    return "0x" + blake2b(key.to_bytes(8, "big"), digest_size=size).hexdigest()


def address_of(chain: str, key: int, size: int = 20) -> tuple[str, str]:
    """Return an address as DexScreener writes it and in canonical form."""
    if chain == "solana":
        address = base58_address(key)
        return address, address
    address = evm_address(key, size)
    return mixed_case(address), address


def address_from(launchpad: ReplayedLaunchpad, chain: str, key: int) -> tuple[str, str]:
    """Return an address that ends as those of a launchpad do, in both spellings."""
    address, canonical = address_of(chain, key)
    if not launchpad.suffix:
        return address, canonical
    cut = -len(launchpad.suffix)
    return address[:cut] + launchpad.suffix, canonical[:cut] + launchpad.suffix


def chain_of(key: int) -> str:
    left = uniform(key, 1)
    for chain, share in CHAIN_SHARES[:-1]:
        left -= share
        if left < 0:
            return chain
    return CHAIN_SHARES[-1][0]


def name_of(key: int) -> tuple[str, str, str]:
    """Return name, symbol and CoinGecko's id; some names have signs that HTML escapes."""
    bits = mix(key, 2)
    first, second = _FIRST[bits % len(_FIRST)], _SECOND[(bits >> 20) % len(_SECOND)]
    joined = {0: f"{first} & {second}", 1: f"{first}'s {second}"}.get(
        bits >> 50 & 15, f"{first} {second}"
    )
    return joined, (first[:2] + second[:3]).upper(), f"{first}-{second}".lower()


def launchpad_of(chain: str, key: int) -> ReplayedLaunchpad:
    """Return where a token started: mostly at the first of its chain."""
    pads = LAUNCHPADS[chain]
    return pads[0] if uniform(key, 15) < 0.55 else pads[mix(key, 16) % len(pads)]


def _old_launch(key: int, chain: str) -> LaunchPlan | None:
    if chain != "solana" or uniform(key, 17) >= _LAUNCHED:
        return None
    graduates_ms = _opened_ms(key)
    completes_ms = graduates_ms - MINUTE_MS // 2
    climb_ms = int(magnitude(mix(key, 18), HOUR_MS / 4, 2 * DAY_MS))
    return LaunchPlan(
        launchpad=launchpad_of(chain, key),
        born_ms=completes_ms - climb_ms,
        climb_ms=climb_ms,
        completes_ms=completes_ms,
        graduates_ms=graduates_ms,
    )


def generate_token(key: int) -> MarketToken:
    """Return the token of a key, one that has been there for long."""
    chain = chain_of(key)
    launch = _old_launch(key, chain)
    address, canonical = (
        address_from(launch.launchpad, chain, key) if launch else address_of(chain, key)
    )
    name, symbol, gecko_id = name_of(key)
    bits = mix(key, 2)
    supply = 1e9 if launch else float(10 ** (6 + (bits >> 40) % 5))
    gone = uniform(key, 19) < _DRAINED
    return MarketToken(
        key=key,
        chain=chain,
        address=address,
        canonical=canonical,
        name=name,
        symbol=symbol,
        decimals=(6 if bits & 1 << 45 else 9) if chain == "solana" else 18,
        price=magnitude(mix(key, 3), 20_000, 300e6) / supply,
        supply=supply,
        circulating=supply * (1 if uniform(key, 4) < 0.6 else 0.3 + 0.7 * uniform(key, 5)),
        volatility=0.08 + 0.4 * uniform(key, 6) ** 2,
        drained_ms=_opened_ms(key) + DAY_MS if gone else 0,
        dies_ms=_opened_ms(key) + 2 * DAY_MS if gone else 0,
        washed=uniform(key, 20) < _WASHED,
        launch=launch,
        gecko_id=gecko_id if uniform(key, 7) < 0.3 else None,
    )


def _opened_ms(key: int) -> int:
    """Return when the first exchange's pool of an older token opened."""
    return _OLDEST_MS + int(uniform(key, 14) * 900) * DAY_MS


def _venue(token: MarketToken, key: int, *, first: bool) -> Dex:
    if first and token.launch:
        return token.launch.launchpad.exchange
    open_dexes = [dex for dex in DEXES[token.chain] if not dex.curve]
    return open_dexes[mix(key, 1) % len(open_dexes)]


def _depth_and_turnover(token: MarketToken, valued: float) -> tuple[float, float]:
    """Return the USD in all pools, and how many times a day it is traded: a launch far more."""
    place, bits = uniform(token.key, 12), mix(token.key, 13)
    if token.born_ms:
        return valued * (0.08 + 0.08 * place), magnitude(bits, 60, 300)
    turnover = magnitude(bits, 0.05, 30)
    return valued * (0.02 + 0.08 * place), turnover * 8 if token.washed else turnover


def trade_size(token: MarketToken, key: int, volume: float) -> float:
    """Return the mean USD of a trade; newcomers are traded 12 to 46 times a minute."""
    if not token.born_ms:
        return 20 + 400 * uniform(key, 7)
    return max(1.0, volume / (24 * 60) / (12 + 34 * uniform(key, 7)))


def generate_pools(token: MarketToken, quotes: tuple[MarketToken, ...]) -> tuple[Pool, ...]:
    """Return the one to five pools of a token, its first with most of the depth.

    Now and then a further pool has the token on its quote side, as real ones do. The curve that a
    token has left comes last, without depth or trade.
    """
    valued = token.price * token.circulating
    count = 1 + int(uniform(token.key, 11) ** 2 * 4.99)
    depth, turnover = _depth_and_turnover(token, valued)
    pools = []
    for number in range(count):
        key = key_of(token.key, "pool", number)
        dex = _venue(token, key, first=number == 0)
        address, canonical = address_of(token.chain, key, 32 if "v4" in dex.labels else 20)
        share = 1 / (1 + number) ** 2
        quote = quotes[0] if uniform(key, 4) < 0.75 else quotes[mix(key, 5) % len(quotes)]
        flipped = number > 0 and uniform(key, 6) < 0.12
        later_ms = number * 7 * HOUR_MS
        pools.append(
            Pool(
                key=key,
                chain=token.chain,
                address=address,
                canonical=canonical,
                dex=dex.name,
                gecko_dex=dex.gecko,
                base=quote if flipped else token,
                quote=token if flipped else quote,
                labels=dex.labels,
                liquidity=depth * share,
                volume=depth * turnover * share,
                trade=trade_size(token, key, depth * turnover * share),
                created_ms=token.born_ms or _opened_ms(token.key) + later_ms,
            )
        )
    if token.launch:
        pools.append(curve_pool(token, token.launch, quotes[0], 0, 0))
    return tuple(pools)


def curve_pool(
    token: MarketToken, launch: LaunchPlan, quote: MarketToken, depth: float, volume: float
) -> Pool:
    """Return the curve of a token from a launchpad; `depth` is what it holds at its end."""
    key = key_of(token.key, "curve")
    address, canonical = address_of(token.chain, key)
    dex = launch.launchpad.curve
    return Pool(
        key=key,
        chain=token.chain,
        address=address,
        canonical=canonical,
        dex=dex.name,
        gecko_dex=dex.gecko,
        base=token,
        quote=quote,
        curve=True,
        liquidity=depth,
        volume=volume,
        trade=trade_size(token, key, volume),
        created_ms=launch.born_ms,
        ends_ms=launch.completes_ms,
    )
