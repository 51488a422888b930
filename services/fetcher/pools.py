"""From pools as a source shows them to readings of the tokens that trade in them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from services.fetcher.values import (
    NO_TRADE_WINDOWS,
    NO_TRADES,
    NO_WINDOWS,
    FreeText,
    Number,
    Trades,
    TradeWindows,
    Windows,
    amount,
    count,
    given,
    percent,
    text,
    total,
)
from shared.chains import canonical_chain, token_id
from shared.model import PoolReading, Reading
from shared.quotes import (
    NATIVE_ADDRESSES,
    is_charted,
    is_native,
    is_unknown_asset,
    often_quoted,
    subject_side,
)
from shared.spellings import canonical_address

Side = Literal["base", "quote"]
_ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of a pool under canonical names, and which of them is the token."""

    chain: str
    pool_address: str
    token_address: str
    side: Side
    against_unknown: bool = False  # the other side is no known quote asset
    other_address: str | None = None  # of the other side, where it is known


@dataclass(frozen=True, slots=True)
class Trading:
    """What a source says of a pool's trading, from the base token's point of view."""

    base_price: float | None
    quote_price: float | None
    liquidity: Number = None
    market_cap: Number = None
    fdv: Number = None
    volume: Windows | None = None
    change: Windows | None = None
    trades: TradeWindows | None = None
    other_liquidity: float | None = None  # USD of the other token that the pool holds


@dataclass(frozen=True, slots=True)
class SeenPool:
    """One pool and the token it is a pool of."""

    pair: Pair
    token_name: str | None
    token_ticker: str | None
    pool: PoolReading


def join_addresses(addresses: Iterable[str]) -> str:
    """Return addresses as one part of a path: `/` and the `,` of a generic type are encoded."""
    return ",".join(quote(each, safe=":") for each in addresses)


@dataclass(frozen=True, slots=True)
class Sides:
    """A pool and both of its tokens as a source names them."""

    chain: str
    pool: str
    base: str
    quote: str | None


Often = AbstractSet[tuple[str, str]]  # see shared.quotes.often_quoted


def quotes_in(body: Iterable[Sides]) -> Often:
    """Return what the pools of one body show to be quote assets, of chains that no table charts."""
    named = []
    for each in body:
        chain = canonical_chain(each.chain)
        if chain is None or is_charted(chain) or not each.quote:
            continue
        base, quoted = canonical_address(chain, each.base), canonical_address(chain, each.quote)
        if base and quoted:
            named.append((chain, base, quoted))
    return often_quoted(named)


def name_pair(sides: Sides, often: Often = frozenset()) -> Pair | str:
    """Return the pair under canonical names, or the reason for which it is refused."""
    chain = canonical_chain(sides.chain)
    if chain is None:
        return "chain"
    pool, base = canonical_address(chain, sides.pool), canonical_address(chain, sides.base)
    if pool is None or base is None:
        return "address"
    # Without a known quote side the base is the token.
    other = canonical_address(chain, sides.quote) if sides.quote else None
    if other and subject_side(chain, base, other, often) == "quote":
        return Pair(chain, pool, other, "quote", other_address=base)
    return Pair(chain, pool, base, "base", is_unknown_asset(chain, other), other)


def pool_reading(
    pair: Pair, seen: Trading, *, protocol: FreeText, created_ms: int | None
) -> PoolReading:
    """Return the pool from its token's point of view (shared.model.PoolReading).

    On the quote side the price is the quote's, buys and sells swap, and what describes the base
    token (market cap, fdv, price changes) is left out.
    """
    quoted = pair.side == "quote"
    volume = seen.volume or NO_WINDOWS
    change = NO_WINDOWS if quoted else seen.change or NO_WINDOWS
    trades = seen.trades or NO_TRADE_WINDOWS
    day = trades.h24 or NO_TRADES
    return PoolReading(
        pool_address=pair.pool_address,
        side=pair.side,
        against_unknown=pair.against_unknown or None,
        protocol=text(protocol),
        created_ms=created_ms,
        price=seen.quote_price if quoted else seen.base_price,
        liquidity=amount(seen.liquidity),
        other_liquidity=seen.other_liquidity,
        market_cap=None if quoted else amount(seen.market_cap),
        fdv=None if quoted else amount(seen.fdv),
        volume_5m=amount(volume.m5),
        volume_1h=amount(volume.h1),
        volume_6h=amount(volume.h6),
        volume_24h=amount(volume.h24),
        price_change_5m=percent(change.m5),
        price_change_1h=percent(change.h1),
        price_change_6h=percent(change.h6),
        price_change_24h=percent(change.h24),
        transactions_5m=_transactions(trades.m5),
        transactions_1h=_transactions(trades.h1),
        transactions_6h=_transactions(trades.h6),
        transactions_24h=_transactions(trades.h24),
        buys_24h=count(day.sells if quoted else day.buys),
        sells_24h=count(day.buys if quoted else day.sells),
    )


def _transactions(trades: Trades | None) -> int | None:
    return total(count(trades.buys), count(trades.sells)) if trades else None


class NativePrices:
    """The USD prices of the chains' own coins that the pools of one body imply."""

    def __init__(self) -> None:
        self._prices: dict[str, list[float]] = {}

    def note(self, pair: Pair, seen: Trading) -> None:
        """Take in a pool; it speaks of the chain's own coin where that is one of its sides."""
        prices = [seen.base_price, seen.quote_price]
        if pair.side == "quote":
            prices.reverse()
        for address, price in zip((pair.token_address, pair.other_address), prices, strict=True):
            if price and address and is_native(pair.chain, address):
                self._prices.setdefault(pair.chain, []).append(price)

    def readings(self, observed_ms: int) -> tuple[Reading, ...]:
        """Return one reading per chain: the median, since each pool rounds to a few digits."""
        return tuple(
            Reading(
                chain=chain,
                token_address=NATIVE_ADDRESSES[chain][0],
                observed_ms=observed_ms,
                price=float(median(prices)),
            )
            for chain, prices in sorted(self._prices.items())
        )


def by_token(seen: Iterable[SeenPool], observed_ms: int) -> list[Reading]:
    """Return one reading per token, in the order in which the tokens were first seen.

    A pool that is there twice counts once: the deeper record, then the one with more volume. The
    pools are ordered by address, so a reading does not depend on the order of the records.
    """
    tokens: dict[tuple[str, str], dict[str, SeenPool]] = {}
    for each in seen:
        pools = tokens.setdefault((each.pair.chain, each.pair.token_address), {})
        known = pools.get(each.pair.pool_address)
        pools[each.pair.pool_address] = max(known, each, key=_depth) if known else each
    return [_reading(*key, pools, observed_ms) for key, pools in tokens.items()]


def _reading(chain: str, address: str, pools: dict[str, SeenPool], observed_ms: int) -> Reading:
    # Copies of a token's name differ between pools now and then; the deepest one's is taken.
    named = sorted(pools.values(), key=_depth, reverse=True)
    return Reading(
        chain=chain,
        token_address=address,
        observed_ms=observed_ms,
        token_name=given(next((each.token_name for each in named if each.token_name), None)),
        token_ticker=given(next((each.token_ticker for each in named if each.token_ticker), None)),
        pools=tuple(pools[name].pool for name in sorted(pools)),
    )


def _depth(each: SeenPool) -> tuple[float, float, str, bytes]:
    pool = each.pool
    return (
        -1.0 if pool.liquidity is None else pool.liquidity,
        -1.0 if pool.volume_24h is None else pool.volume_24h,
        pool.pool_address,
        _ENCODE((pool, each.token_name, each.token_ticker)),  # any order, but always the same
    )


def reading_id(reading: Reading) -> str:
    """Return the token id of a reading."""
    return token_id(reading.chain, reading.token_address)
