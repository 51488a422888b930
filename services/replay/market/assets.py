"""Tables: what tokens are priced in on each chain, and where they trade.

Quote assets have plain, steady anchors: the recordings span years and disagree about them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from services.replay.market.model import Dex, MarketToken, ReplayedLaunchpad
from services.replay.market.noise import key_of
from shared.chains import source_chain
from shared.spellings import canonical_address


class Quote(NamedTuple):
    """A quote asset: address as DexScreener writes it, USD price, supply, long-run volatility."""

    address: str
    symbol: str
    name: str
    decimals: int
    price: float
    supply: float
    volatility: float


_SOL = "So11111111111111111111111111111111111111112"
_ETH_SUPPLY: Final = 120_700_000
# The first of each chain is its native coin, in which GeckoTerminal gives "native" prices.
QUOTES: Final[dict[str, tuple[Quote, ...]]] = {
    "solana": (
        Quote(_SOL, "SOL", "Wrapped SOL", 9, 152.0, 560e6, 0.05),
        Quote("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "USDC", "USD Coin", 6, 1, 8e9, 3e-4),
        Quote("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB", "USDT", "USDT", 6, 1, 2e9, 3e-4),
        Quote(
            "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB",
            *("USD1", "World Liberty Financial USD", 6, 1, 175_483_788, 5e-4),
        ),
    ),
    "ethereum": (
        Quote(
            "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
            *("WETH", "Wrapped Ether", 18, 3310.0, _ETH_SUPPLY, 0.05),
        ),
        Quote("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USDC", "USD Coin", 6, 1, 4e10, 3e-4),
        Quote("0xdAC17F958D2ee523a2206206994597C13D831ec7", "USDT", "Tether USD", 6, 1, 8e10, 3e-4),
    ),
    "base": (
        Quote(
            "0x4200000000000000000000000000000000000006",
            *("WETH", "Wrapped Ether", 18, 3310.0, _ETH_SUPPLY, 0.05),
        ),
        Quote("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USDC", "USD Coin", 6, 1, 4e9, 3e-4),
    ),
    "bsc": (
        Quote(
            "0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c",
            *("WBNB", "Wrapped BNB", 18, 950.0, 138e6, 0.04),
        ),
        Quote("0x55d398326f99059fF775485246999027B3197955", "USDT", "Tether USD", 18, 1, 9e9, 3e-4),
        Quote(
            "0x8d0D000Ee44948FC98c9B98A4FA4921476f08B0d",
            *("USD1", "World Liberty Financial USD", 18, 1, 2e9, 5e-4),
        ),
    ),
    "polygon": (
        Quote(
            "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270",
            *("WPOL", "Wrapped POL", 18, 0.17, 10e9, 0.05),
        ),
        Quote("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USDC", "USD Coin", 6, 1, 1e9, 3e-4),
    ),
}
# Shares of the generated tokens.
CHAIN_SHARES: Final = (
    ("solana", 0.55),
    ("base", 0.16),
    ("bsc", 0.15),
    ("ethereum", 0.11),
    ("polygon", 0.03),
)
DEXES: Final[dict[str, tuple[Dex, ...]]] = {
    "solana": (
        Dex("pumpswap", "pumpswap"),
        Dex("raydium", "raydium", ("CPMM",)),
        Dex("meteora", "meteora", ("DLMM",)),
        Dex("orca", "orca", ("wp",)),
        Dex("raydium", "raydium-clmm", ("CLMM",)),
        Dex("meteora", "meteora-damm-v2", ("DYN2",)),
        Dex("meteoradbc", "meteora-dbc", curve=True),
        Dex("launchlab", "raydium-launchlab", curve=True),
        Dex("moonshot", "moonshot", curve=True),
        Dex("pumpfun", "pump-fun", curve=True),
    ),
    "ethereum": (
        Dex("uniswap", "uniswap_v2", ("v2",)),
        Dex("uniswap", "uniswap_v3", ("v3",)),
        Dex("uniswap", "uniswap-v4-ethereum", ("v4",)),
        Dex("sushiswap", "sushiswap"),
    ),
    "base": (
        Dex("uniswap", "uniswap-v2-base", ("v2",)),
        Dex("aerodrome", "aerodrome-base"),
        Dex("uniswap", "uniswap-v4-base", ("v4",)),
    ),
    "bsc": (
        Dex("pancakeswap", "pancakeswap_v2", ("v2",)),
        Dex("pancakeswap", "pancakeswap-v3-bsc", ("v3",)),
        Dex("fourmeme", "four-meme", curve=True),
    ),
    "polygon": (Dex("quickswap", "quickswap"), Dex("uniswap", "uniswap_v3_polygon_pos", ("v3",))),
}
# Chains of recorded tokens that the tables do not know trade like this.
CURVES: Final = frozenset({"meteoradbc", "launchlab", "moonshot", "pumpfun", "fourmeme", "heaven"})


def network_of(chain: str) -> str:
    """Return GeckoTerminal's name of a chain."""
    return source_chain("geckoterminal", chain)


def dex_of_gecko(chain: str, gecko: str) -> Dex:
    """Return the venue under GeckoTerminal's name; unknown ones keep it."""
    for dex in DEXES.get(chain, ()):
        if dex.gecko == gecko:
            return dex
    return Dex(re.split(r"_|-v", gecko, maxsplit=1)[0], gecko)


def gecko_of_dex(chain: str, name: str, labels: tuple[str, ...]) -> str:
    """Return GeckoTerminal's name of DexScreener's venue; unknown ones keep it."""
    known = [dex for dex in DEXES.get(chain, ()) if dex.name == name]
    for dex in known:
        if dex.labels == labels:
            return dex.gecko
    return known[0].gecko if known else name


def _pad(chain: str, name: str, curve: str, exchange: str, suffix: str) -> ReplayedLaunchpad:
    """Return a launchpad by GeckoTerminal's names of its curve and of where tokens go from it."""
    return ReplayedLaunchpad(
        name, dex_of_gecko(chain, curve), dex_of_gecko(chain, exchange), suffix
    )


# Where tokens start on a curve. Zora's and Clanker's of Base are traded on an exchange from their
# first minute, as are those of all other chains: they have no stage.
LAUNCHPADS: Final[dict[str, tuple[ReplayedLaunchpad, ...]]] = {
    "solana": (
        _pad("solana", "pump.fun", "pump-fun", "pumpswap", "pump"),
        _pad("solana", "letsbonk.fun", "raydium-launchlab", "raydium", "bonk"),
        _pad("solana", "met-dbc", "meteora-dbc", "meteora-damm-v2", ""),
        _pad("solana", "moonshot", "moonshot", "meteora", "moon"),
    ),
    "bsc": (_pad("bsc", "four.meme", "four-meme", "pancakeswap_v2", "4444"),),
}


def quote_tokens(
    seed: int, icons: Mapping[tuple[str, str], str | None]
) -> dict[str, tuple[MarketToken, ...]]:
    """Return the quote assets of each chain as tokens, native coin first.

    `icons` are the recorded ones by canonical (chain, address).
    """
    return {
        chain: tuple(
            MarketToken(
                key=key_of(seed, "quote", quote.symbol),  # one price for WETH on every chain
                chain=chain,
                address=quote.address,
                canonical=canonical_address(chain, quote.address) or quote.address,
                name=quote.name,
                symbol=quote.symbol,
                decimals=quote.decimals,
                price=quote.price,
                supply=quote.supply,
                circulating=quote.supply,
                volatility=quote.volatility,
                quote=True,
                recorded=True,
                icon=icons.get((chain, canonical_address(chain, quote.address) or quote.address)),
                gecko_id=quote.symbol.lower(),
            )
            for quote in quotes
        )
        for chain, quotes in QUOTES.items()
    }
