"""Tokens and pools that nobody recorded, of the same shape as the recorded ones."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from services.replay.market.assets import CHAIN_SHARES, DEXES, Dex
from services.replay.market.model import DAY_MS, HOUR_MS, MINUTE_MS, MarketToken, Pool
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
_NEWCOMER_LIFE_MS: Final = 45 * MINUTE_MS


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


def _chain_of(key: int) -> str:
    left = uniform(key, 1)
    for chain, share in CHAIN_SHARES[:-1]:
        left -= share
        if left < 0:
            return chain
    return CHAIN_SHARES[-1][0]


def generate_token(key: int, *, born_ms: int = 0) -> MarketToken:
    """Return the token of a key; one with a time of birth is a newcomer and soon dies."""
    chain = _chain_of(key)
    address, canonical = address_of(chain, key)
    bits = mix(key, 2)
    first, second = _FIRST[bits % len(_FIRST)], _SECOND[(bits >> 20) % len(_SECOND)]
    supply = float(10 ** (6 + (bits >> 40) % 5))
    valued = magnitude(mix(key, 3), 20_000, 300e6 if not born_ms else 200_000)
    return MarketToken(
        key=key,
        chain=chain,
        address=address,
        canonical=canonical,
        name=f"{first} {second}",
        symbol=(first[:2] + second[:3]).upper(),
        decimals=(6 if bits & 1 << 45 else 9) if chain == "solana" else 18,
        price=valued / supply,
        supply=supply,
        circulating=supply * (1 if uniform(key, 4) < 0.6 else 0.3 + 0.7 * uniform(key, 5)),
        volatility=0.08 + 0.4 * uniform(key, 6) ** 2 + (0.4 if born_ms else 0),
        born_ms=born_ms,
        dies_ms=born_ms + _NEWCOMER_LIFE_MS if born_ms else 0,
        gecko_id=f"{first}-{second}".lower() if uniform(key, 7) < 0.3 else None,
    )


def _venue(token: MarketToken, key: int, *, first: bool) -> Dex:
    dexes = DEXES[token.chain]
    if token.born_ms and first and token.chain == "solana":
        return dexes[-1 - mix(key, 1) % 2]  # newcomers start on a bonding curve
    open_dexes = [dex for dex in dexes if not dex.curve]
    if not first and token.chain == "solana" and uniform(key, 2) < 0.08:
        return dexes[-2]  # the curve that it left behind
    return open_dexes[mix(key, 1) % len(open_dexes)]


def _depth_and_turnover(token: MarketToken, valued: float) -> tuple[float, float]:
    """Return the USD in all pools, and how many times a day it is traded: a launch far more."""
    place, bits = uniform(token.key, 12), mix(token.key, 13)
    if token.born_ms:
        return valued * (0.08 + 0.08 * place), magnitude(bits, 60, 300)
    return valued * (0.02 + 0.08 * place), magnitude(bits, 0.05, 30)


def _trade_size(token: MarketToken, key: int, volume: float) -> float:
    """Return the mean USD of a trade; newcomers are traded 6 to 40 times a minute."""
    if not token.born_ms:
        return 20 + 400 * uniform(key, 7)
    return max(1.0, volume / (24 * 60) / (6 + 34 * uniform(key, 7)))


def generate_pools(token: MarketToken, quotes: tuple[MarketToken, ...]) -> tuple[Pool, ...]:
    """Return the one to five pools of a token, its first with most of the depth.

    Now and then a further pool has the token on its quote side, as real ones do.
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
        left_behind = dex.curve and number > 0
        born_ms = token.born_ms or _OLDEST_MS + int(uniform(token.key, 14) * 900) * DAY_MS
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
                curve=dex.curve,
                liquidity=depth * share,
                volume=0.0 if left_behind else depth * turnover * share,
                trade=_trade_size(token, key, depth * turnover * share),
                created_ms=born_ms if token.born_ms else born_ms + number * 7 * HOUR_MS,
            )
        )
    return tuple(pools)
