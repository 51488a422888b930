"""Quote assets: the tokens that others are priced in. Never the subject of a pool.

One table decides which side of a pool is "the token" (docs/DATA.md, "Pools") and what the list
leaves out by default. Addresses are canonical (shared/chains.py). Sources: the vendors' own token
lists and the recordings in services/replay/recorded/ (see PROVENANCE.md there).
"""

from __future__ import annotations

from typing import Final

QUOTE_ASSETS: Final[dict[str, frozenset[str]]] = {
    "solana": frozenset(
        {
            "So11111111111111111111111111111111111111111",  # native SOL, as some sources write it
            "So11111111111111111111111111111111111111112",  # wrapped SOL
            "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",  # USDC
            "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB",  # USDT
            "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB",  # USD1
            "2u1tszSeqZ3qBWF3uNGPFc8TzMk2tdiwknnRMWGWjGWH",  # USDG
            "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo",  # PYUSD
            "mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So",  # mSOL
            "J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn",  # JitoSOL
        }
    ),
    "ethereum": frozenset(
        {
            "0x0000000000000000000000000000000000000000",  # native ETH in v4 pools
            "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",  # WETH
            "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",  # USDC
            "0xdac17f958d2ee523a2206206994597c13d831ec7",  # USDT
            "0x6b175474e89094c44da98b954eedeac495271d0f",  # DAI
            "0x8d0d000ee44948fc98c9b98a4fa4921476f08b0d",  # USD1
            "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599",  # WBTC
        }
    ),
    "base": frozenset(
        {
            "0x0000000000000000000000000000000000000000",  # native ETH in v4 pools
            "0x4200000000000000000000000000000000000006",  # WETH
            "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",  # USDC
            "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca",  # USDbC
            "0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf",  # cbBTC
        }
    ),
    "bsc": frozenset(
        {
            "0x0000000000000000000000000000000000000000",  # native BNB in v4 pools
            "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c",  # WBNB
            "0x55d398326f99059ff775485246999027b3197955",  # USDT
            "0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d",  # USDC
            "0xe9e7cea3dedca5984780bafc599bd69add087d56",  # BUSD
            "0x8d0d000ee44948fc98c9b98a4fa4921476f08b0d",  # USD1
        }
    ),
    "polygon": frozenset(
        {
            "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270",  # WMATIC / WPOL
            "0x7ceb23fd6bc0add59e62ac25578270cff1b9f619",  # WETH
            "0x2791bca1f2de4661ed88a30c99a7a9449aa84174",  # USDC.e
            "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359",  # USDC
            "0xc2132d05d31c914a87c6611c10748aeb04b58e8f",  # USDT
        }
    ),
    "arbitrum": frozenset(
        {
            "0x82af49447d8a07e3bd95bd0d56f35241523fbab1",  # WETH
            "0xaf88d065e77c8cc2239327c5edb3a432268e5831",  # USDC
            "0xff970a61a04b1ca14834a43f5de4533ebddb5cc8",  # USDC.e
            "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9",  # USDT
        }
    ),
    "avalanche": frozenset(
        {
            "0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7",  # WAVAX
            "0xb97ef9ef8734c71904d8002f8b6bc66dd9c48a6e",  # USDC
            "0x9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7",  # USDT
        }
    ),
}


def is_quote_asset(chain: str, address: str) -> bool:
    """Tell whether others are priced in this token; both names canonical."""
    return address in QUOTE_ASSETS.get(chain, frozenset())


def subject_side(chain: str, base: str, quote: str) -> str:
    """Return "base" or "quote": the side of a pool that dexwire lists.

    The base side, unless it is a quote asset and the other is not. Of two quote assets it is the
    base, so that asking for a quote asset still answers.
    """
    swapped = is_quote_asset(chain, base) and not is_quote_asset(chain, quote)
    return "quote" if swapped else "base"
