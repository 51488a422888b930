"""Chains and addresses: one canonical name for each, whatever a source calls it."""

from __future__ import annotations

import re
from typing import Final

# Canonical ids are DexScreener's where it has one: they are what people type.
CANONICAL: Final[dict[str, str]] = {
    "arbitrum-one": "arbitrum",
    "arbitrum_one": "arbitrum",
    "avax": "avalanche",
    "binance-smart-chain": "bsc",
    "eth": "ethereum",
    "ftm": "fantom",
    "matic": "polygon",
    "polygon-pos": "polygon",
    "polygon_pos": "polygon",
    "pulse": "pulsechain",
    "sui-network": "sui",
    "ton-network": "ton",
}
# Where GeckoTerminal's network id is not the canonical one.
GECKOTERMINAL_NETWORK: Final[dict[str, str]] = {
    "avalanche": "avax",
    "ethereum": "eth",
    "fantom": "ftm",
    "polygon": "polygon_pos",
    "sui": "sui-network",
}

_CHAIN = re.compile(r"\A[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?\Z")
_ADDRESS = re.compile(r"\A[A-Za-z0-9](?:[A-Za-z0-9_.:-]{0,126}[A-Za-z0-9])?\Z")
# 20 bytes is an account, 32 bytes a Uniswap v4 pool id. Other 0x chains (Sui, Aptos) are told by
# their module path, which has colons.
_HEX_ADDRESS = re.compile(r"\A0[xX][0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?\Z")


def canonical_chain(name: str) -> str | None:
    """Return the canonical chain id of a source's name, or None when it cannot be one."""
    lowered = name.lower()
    chain = CANONICAL.get(lowered, lowered)
    return chain if _CHAIN.match(chain) else None


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
