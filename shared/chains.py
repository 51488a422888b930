"""Chains and addresses: one canonical name for each, whatever a source calls it."""

from __future__ import annotations

import re
from typing import Final

from shared.chain_table import CHAINS

# Every other name, of whatever source, to the canonical id.
_CANONICAL: Final[dict[str, str]] = {
    name: chain
    for chain, facts in CHAINS.items()
    for name in (*facts.called.values(), *facts.names)
}

_CHAIN = re.compile(r"\A[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?\Z")
_ADDRESS = re.compile(r"\A[A-Za-z0-9](?:[A-Za-z0-9_.:-]{0,126}[A-Za-z0-9])?\Z")
# 20 bytes is an account, 32 bytes a Uniswap v4 pool id. Other 0x chains (Sui, Aptos) are told by
# their module path, which has colons.
_HEX_ADDRESS = re.compile(r"\A0[xX][0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?\Z")


def canonical_chain(name: str) -> str | None:
    """Return the canonical chain id of a source's name, or None when it cannot be one.

    A name that no table knows is its own canonical id: new chains need no release.
    """
    lowered = name.lower()
    chain = _CANONICAL.get(lowered, lowered)
    return chain if _CHAIN.match(chain) else None


def source_chain(source: str, chain: str) -> str:
    """Return what a source calls a canonical chain: the name for requests and links."""
    facts = CHAINS.get(chain)
    return facts.called.get(source, chain) if facts else chain


def is_known_chain(chain: str) -> bool:
    """Return whether the table has this canonical chain id."""
    return chain in CHAINS


def canonical_address(address: str) -> str | None:
    """Return the address as dexwire keys it, or None when it cannot be one.

    EVM addresses arrive in mixed case from one source and lower-case from the next, so they are
    lower-cased. All others are case-sensitive and stay as they are, byte for byte.
    """
    if _HEX_ADDRESS.match(address):
        return address.lower()
    return address if _ADDRESS.match(address) else None


def token_id(chain: str, address: str) -> str:
    """Join a canonical chain and address to `<chain>:<address>`."""
    return f"{chain}:{address}"


def split_token_id(token_id: str) -> tuple[str, str]:
    """Split `<chain>:<address>`; the address may hold colons, the chain never does."""
    chain, _, address = token_id.partition(":")
    return chain, address
