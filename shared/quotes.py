"""Quote assets: the tokens that others are priced in. Never the subject of a pool.

One table (shared/chains.toml, with the origin of each address) decides which side of a pool is
"the token" (docs/DATA.md, "Pools") and what the list leaves out by default.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from shared.chain_table import CHAINS, Chain
from shared.spellings import canonical_address

MANY: Final = 3  # tokens that are quoted in it, for a token to be taken for a quote asset
# How pools write the native coin of an EVM chain; no contract lives at either address.
NATIVE_PLACEHOLDERS: Final = frozenset(
    {
        "0x0000000000000000000000000000000000000000",  # Uniswap v4 and most others
        "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",  # Curve, 1inch, Balancer v3
    }
)


class NativeAsset(NamedTuple):
    """A chain's own coin: its ticker, and the address of the token that wraps it, if any."""

    symbol: str
    wrapped: str | None


def _native(chain: Chain) -> NativeAsset:
    wrapped = next((each.address for each in chain.quotes if each.symbol == chain.wrapped), None)
    return NativeAsset(chain.native or "", wrapped)


NATIVE: Final = {name: _native(chain) for name, chain in CHAINS.items() if chain.native}


def _native_addresses(name: str, chain: Chain) -> tuple[str, ...]:
    own = {chain.wrapped, f"{chain.native}.native"}
    listed = (each.address for each in chain.quotes if each.symbol in own)
    return (*(canonical_address(name, each) or each for each in listed), *NATIVE_PLACEHOLDERS)


# The first one of each stands for the coin.
NATIVE_ADDRESSES: Final = {
    name: _native_addresses(name, chain) for name, chain in CHAINS.items() if chain.native
}


def is_native(chain: str, address: str) -> bool:
    """Return whether this is the chain's own coin, or the token that wraps it."""
    return address in NATIVE_ADDRESSES.get(chain, ())


def _quotes(name: str, chain: Chain) -> frozenset[str]:
    addresses = (*(each.address for each in chain.quotes), *NATIVE_PLACEHOLDERS)
    return frozenset(canonical_address(name, each) or each for each in addresses)


# Tokens with a market of their own, so that trades against them are not made up.
PRICED: Final = {
    name: frozenset(canonical_address(name, each.address) or each.address for each in chain.priced)
    for name, chain in CHAINS.items()
}
QUOTE_ASSETS: Final = {name: _quotes(name, chain) for name, chain in CHAINS.items()}


def is_quote_asset(chain: str, address: str) -> bool:
    """Return whether others are priced in this token; both names canonical."""
    return address in QUOTE_ASSETS.get(chain, NATIVE_PLACEHOLDERS)


def is_charted(chain: str) -> bool:
    """Return whether the table names quote assets of this chain."""
    return chain in CHAINS and bool(CHAINS[chain].quotes)


def often_quoted(sides: Iterable[tuple[str, str, str]]) -> frozenset[tuple[str, str]]:
    """Return (chain, address) of what the pools of one body show to be quote assets.

    `sides` are (chain, base, quote) of each pool, canonical. Only of chains that the table does
    not chart. A quote asset is the quote side of MANY tokens, and of more than it is the base side
    of: in a list of one token's pools that token stands first. Neither order nor repetition of the
    pools makes a difference.
    """
    quoted: dict[tuple[str, str], set[str]] = {}
    listed: dict[tuple[str, str], set[str]] = {}
    for chain, base, quote in sides:
        quoted.setdefault((chain, quote), set()).add(base)
        listed.setdefault((chain, base), set()).add(quote)
    return frozenset(
        token
        for token, bases in quoted.items()
        if len(bases) >= MANY
        and len(bases) > len(listed.get(token, ()))
        and not is_charted(token[0])
    )


def is_unknown_asset(chain: str, other: str | None) -> bool:
    """Return whether a pool's other token is known to be no quote asset.

    False when it has no address or a market of its own, and on a chain of which no quote asset is
    known.
    """
    if other is None or not is_charted(chain):
        return False
    return not is_quote_asset(chain, other) and other not in PRICED[chain]


def subject_side(
    chain: str, base: str, quote: str, often: AbstractSet[tuple[str, str]] = frozenset()
) -> str:
    """Return "base" or "quote": the side of a pool that dexwire lists.

    The base side, unless it is a quote asset, or in `often`, and the other is not. Of two quote
    assets it is the base, so that asking for a quote asset still answers.
    """

    def is_quote(address: str) -> bool:
        return is_quote_asset(chain, address) or (chain, address) in often

    return "quote" if is_quote(base) and not is_quote(quote) else "base"
