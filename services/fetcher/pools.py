"""From pools as a source shows them to readings of the tokens that trade in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from services.fetcher.values import (
    NO_TRADE_WINDOWS,
    NO_TRADES,
    NO_WINDOWS,
    FreeText,
    Held,
    Number,
    Trades,
    TradeWindows,
    Windows,
    amount,
    count,
    given,
    percent,
    price,
    text,
    total,
)
from shared.chains import canonical_chain, token_id
from shared.launchpads import is_destination, launchpad_of_pool
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
# USD that a pool must hold, and that must be traded in it in 24 h, to show that a launch moved on.
# Launches move some 10,000 USD or more; anybody can make a smaller pool of a token on its curve.
MOVED_LIQUIDITY: Final = 5_000.0
MOVED_VOLUME: Final = 1_000.0
_FEE = re.compile(r" [0-9.]+%\Z")  # "GOSLINGS / ETH 1%"
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
    reported: Mapping[str, Any] = field(default_factory=dict)  # of the token, beside the pool


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
    pair: Pair,
    seen: Trading,
    *,
    protocol: FreeText,
    created_ms: int | None,
    labels: tuple[str, ...] = (),
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
        traders_5m=_traders(trades.m5),
        traders_1h=_traders(trades.h1),
        traders_6h=_traders(trades.h6),
        traders_24h=_traders(trades.h24),
        volume_15m=amount(volume.m15),
        volume_30m=amount(volume.m30),
        price_change_15m=percent(change.m15),
        price_change_30m=percent(change.m30),
        transactions_15m=_transactions(trades.m15),
        transactions_30m=_transactions(trades.m30),
        traders_15m=_traders(trades.m15),
        traders_30m=_traders(trades.m30),
        labels=labels,
    )


def _transactions(trades: Trades | None) -> int | None:
    return total(count(trades.buys), count(trades.sells)) if trades else None


def _traders(trades: Trades | None) -> int | None:
    """Return the fewest people who can have traded: all buyers may be sellers too."""
    people = [count(trades.buyers), count(trades.sellers)] if trades else []
    return max((each for each in people if each is not None), default=None)


# How far the USD of both sides may be from the sum that is reported.
_SIDES_AGREE: Final = 0.1


def quote_price(base_usd: float | None, base_in_quote: float | None) -> float | None:
    """Return the quote's USD price: how much a base token is worth in USD over in quote tokens."""
    if base_usd is None or base_in_quote is None or base_in_quote <= 0:
        return None
    return price(amount(base_usd / base_in_quote))


def other_liquidity(
    held: Held, side: Side, base_price: float | None, quote_price: float | None
) -> float | None:
    """Return the USD of the pool's other token that it holds, None when the figures do not agree.

    The USD of both sides are within 10 % of `usd` in every recorded pair; where they are not, they
    are not of one moment, and say nothing.
    """
    if base_price is None or quote_price is None:
        return None
    whole, base, quote = amount(held.usd), amount(held.base), amount(held.quote)
    if whole is None or base is None or quote is None:
        return None
    base_usd, quote_usd = base * base_price, quote * quote_price
    if abs(base_usd + quote_usd - whole) > whole * _SIDES_AGREE:
        return None
    return amount(quote_usd if side == "base" else base_usd)


def ticker_in(pool_name: str | None, side: Side, *, whole: bool) -> str | None:
    """Return one part of "BASE / QUOTE 0.3%" or "BASE / QUOTE / THIRD"; None when it is unclear.

    Two or three parts are in the order of the pool's tokens; of more they are so when `whole`
    says that no token of the pool is the pool itself.
    """
    parts = _FEE.sub("", pool_name or "").split(" / ")
    if len(parts) < 2 or (len(parts) > 3 and not whole):
        return None
    return parts[side == "quote"]


class NativePrices:
    """The USD prices of the chains' own coins that the pools of one body imply."""

    def __init__(self) -> None:
        self._prices: dict[str, list[float]] = {}

    def note(self, pair: Pair, seen: Trading) -> None:
        """Take in a pool; it speaks of the chain's own coin where that is one of its sides."""
        prices = [seen.base_price, seen.quote_price]
        if pair.side == "quote":
            prices.reverse()
        for address, found in zip((pair.token_address, pair.other_address), prices, strict=True):
            if found and address and is_native(pair.chain, address):
                self._prices.setdefault(pair.chain, []).append(found)

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
    reported: dict[str, Any] = {}
    for each in named:
        known = {name: value for name, value in each.reported.items() if value is not UNSET}
        reported = {**known, **reported}
    return Reading(
        chain=chain,
        token_address=address,
        observed_ms=observed_ms,
        **{**_launch(each.pool for each in named), **reported},
        token_name=given(next((each.token_name for each in named if each.token_name), None)),
        token_ticker=given(next((each.token_ticker for each in named if each.token_ticker), None)),
        pools=tuple(pools[name].pool for name in sorted(pools)),
    )


def with_pools(reading: Reading, pooled: Reading) -> Reading:
    """Return a token's own figures with its pools, and with what only they say of it."""
    return msgspec.structs.replace(
        reading,
        pools=pooled.pools,
        moved_to=pooled.moved_to,
        **{
            name: getattr(pooled, name)
            for name in ("image", "launchpad", "stage", "graduation_pct", "graduated_ms")
            if getattr(reading, name) is UNSET
        },
    )


def _launch(pools: Iterable[PoolReading]) -> dict[str, Any]:
    """Return what a token's pools show of its launch: whose curve, and where it moved on to."""
    found: dict[str, Any] = {}
    moved: dict[str, None] = {}
    for pool in pools:
        if pool.side == "quote" or pool.protocol is None:
            continue
        launchpad = launchpad_of_pool(pool.protocol)
        if launchpad is not None:
            found.setdefault("launchpad", launchpad)
        elif is_destination(pool.protocol) and _is_market(pool):
            moved[pool.protocol] = None
    return {**found, "moved_to": tuple(sorted(moved))} if moved else found


def _is_market(pool: PoolReading) -> bool:
    """Return whether a pool is one that a launch moved to, not one that somebody made beside it."""
    return (
        not pool.against_unknown
        and (pool.liquidity or 0.0) >= MOVED_LIQUIDITY
        and (pool.volume_24h or 0.0) >= MOVED_VOLUME
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
