"""Quote assets: the tokens that others are priced in. Never the subject of a pool.

One table (shared/chains.toml, with the origin of each address) decides which side of a pool is
"the token" (docs/DATA.md, "Pools") and what the list leaves out by default.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from shared.chain_table import CHAINS, Chain
from shared.spellings import canonical_address

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


def _quotes(name: str, chain: Chain) -> frozenset[str]:
    addresses = (*(each.address for each in chain.quotes), *NATIVE_PLACEHOLDERS)
    return frozenset(canonical_address(name, each) or each for each in addresses)


QUOTE_ASSETS: Final = {name: _quotes(name, chain) for name, chain in CHAINS.items()}


def is_quote_asset(chain: str, address: str) -> bool:
    """Return whether others are priced in this token; both names canonical."""
    return address in QUOTE_ASSETS.get(chain, NATIVE_PLACEHOLDERS)


def subject_side(chain: str, base: str, quote: str) -> str:
    """Return "base" or "quote": the side of a pool that dexwire lists.

    The base side, unless it is a quote asset and the other is not. Of two quote assets it is the
    base, so that asking for a quote asset still answers.
    """
    swapped = is_quote_asset(chain, base) and not is_quote_asset(chain, quote)
    return "quote" if swapped else "base"
