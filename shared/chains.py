"""Chains and tokens: one canonical name for each, whatever a source calls it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from shared.chain_table import CHAINS
from shared.sources import POLLED

# Every other name, of whatever source, to the canonical id.
_CANONICAL: Final[dict[str, str]] = {
    **{name: chain for each in POLLED.values() for chain, name in each.chain_names.items()},
    **{name: chain for chain, facts in CHAINS.items() for name in facts.names},
}

_CHAIN = re.compile(r"\A[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?\Z")


def canonical_chain(name: str) -> str | None:
    """Return the canonical chain id of a source's name, or None when it cannot be one.

    A name that no table knows is its own canonical id: new chains need no release.
    """
    lowered = name.lower()
    chain = _CANONICAL.get(lowered, lowered)
    return chain if _CHAIN.match(chain) else None


def source_chain(source: str, chain: str) -> str:
    """Return what a source calls a canonical chain: the name for requests and links."""
    declared = POLLED.get(source)
    return declared.chain_names.get(chain, chain) if declared else chain


def is_known_chain(chain: str) -> bool:
    """Return whether the table has this canonical chain id."""
    return chain in CHAINS


def similar_chain(chain: str) -> str | None:
    """Return the known canonical chain whose id or other name is spelled most like this one."""
    found = get_close_matches(chain, [*CHAINS, *_CANONICAL], n=1, cutoff=0.75)
    return canonical_chain(found[0]) if found else None


def token_id(chain: str, address: str) -> str:
    """Join a canonical chain and address to `<chain>:<address>`."""
    return f"{chain}:{address}"


def split_token_id(token_id: str) -> tuple[str, str]:
    """Split `<chain>:<address>`; the address may hold colons, the chain never does."""
    chain, _, address = token_id.partition(":")
    return chain, address
