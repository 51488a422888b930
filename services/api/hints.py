"""What people probably meant by an address or a name that cannot be taken. Pure."""

from __future__ import annotations

import re
from typing import Final

from shared.chain_table import CHAINS

_EVM: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")
_BASE58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
# Chains whose quote assets all have addresses of one kind have no others.
_EVM_CHAINS: Final = frozenset(
    name
    for name, chain in CHAINS.items()
    if chain.quotes and all(_EVM.fullmatch(quote.address) for quote in chain.quotes)
)
_BASE58_CHAINS: Final = frozenset(
    name
    for name, chain in CHAINS.items()
    if chain.quotes and all(_BASE58.fullmatch(quote.address) for quote in chain.quotes)
)


def misplaced(chain: str, address: str) -> str | None:
    """Return why an address cannot be of a chain, None when it can; both names canonical."""
    if chain in _BASE58_CHAINS and _EVM.fullmatch(address):
        return f'an address of an EVM chain, not of {chain}; give its chain, as in "chain":"base"'
    if chain in _EVM_CHAINS and _BASE58.fullmatch(address):
        return f'no address of {chain}; tokens of Solana have "chain":"solana"'
    return None
