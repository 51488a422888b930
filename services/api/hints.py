"""What people probably meant by an address or a name that cannot be taken. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from shared.chain_table import CHAINS

_EVM: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")
_BASE58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_ALIKE: Final = 0.8  # one letter of five is wrong, one of four is missing
_NOT_A_LETTER: Final = re.compile(r"[^a-z]")
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


def did_you_mean(chain: str, meant: str) -> str:
    """Return the detail of a misspelt chain; both names canonical."""
    return f"there is no chain {chain!r} here; did you mean {meant}?"


def misspelt(chain: str) -> str | None:
    """Return the known chain that a canonical name is a misspelling of, None when it is none.

    Any other name may be a chain that is too new for our table: a digit or a sign makes another
    name (`base2`), and what resembles a name of three letters can be anything.
    """
    if chain in CHAINS or len(chain) < 3:
        return None
    signs = _NOT_A_LETTER.findall(chain)
    longer = [name for name in CHAINS if len(name) > 3 and _NOT_A_LETTER.findall(name) == signs]
    return next(iter(get_close_matches(chain, longer, n=1, cutoff=_ALIKE)), None)
