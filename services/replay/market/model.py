"""What the market is made of. Amounts in USD, times in Unix milliseconds."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

# Name → length. DexScreener and Jupiter use four of them, GeckoTerminal all six.
WINDOW_MS: Final = {
    "m5": 5 * MINUTE_MS,
    "m15": 15 * MINUTE_MS,
    "m30": 30 * MINUTE_MS,
    "h1": HOUR_MS,
    "h6": 6 * HOUR_MS,
    "h24": DAY_MS,
}


class Dex(NamedTuple):
    """A venue under the names of DexScreener and GeckoTerminal."""

    name: str
    gecko: str
    labels: tuple[str, ...] = ()
    curve: bool = False


class ReplayedLaunchpad(NamedTuple):
    """Where tokens start on a bonding curve; `name` is Jupiter's, `exchange` where they go."""

    name: str
    curve: Dex
    exchange: Dex
    suffix: str  # of the addresses that it gives out


class LaunchPlan(Struct, frozen=True, kw_only=True):
    """The way of a token along its curve; 0: it does not get there."""

    launchpad: ReplayedLaunchpad
    born_ms: int
    climb_ms: int  # how long the whole curve takes
    reach: float = 1.0  # share of the curve at which it stalls
    completes_ms: int = 0  # all is sold
    graduates_ms: int = 0  # the exchange's pool opens


class MarketToken(Struct, frozen=True, kw_only=True, eq=False):
    """A token and the anchors its figures move around.

    `address` is as DexScreener and Jupiter write it: EVM in mixed case. `name` and `symbol` are
    untrusted text of strangers where `recorded`.
    """

    key: int
    chain: str
    address: str
    canonical: str
    name: str
    symbol: str
    decimals: int
    price: float
    supply: float  # total; fdv = supply * price
    circulating: float
    volatility: float  # deviation of the logarithm of the price in the long run
    born_ms: int = 0  # 0: before anything the market remembers
    dies_ms: int = 0  # 0: never; from then on nobody trades it
    drained_ms: int = 0  # 0: never; from then on next to nothing is left in its pools
    washed: bool = False  # a few addresses trade with themselves
    launch: LaunchPlan | None = None
    recorded: bool = False
    quote: bool = False  # others are priced in it
    icon: str | None = None
    gecko_id: str | None = None

    @property
    def id(self) -> tuple[str, str]:
        """Canonical chain and address; a bridged asset shares its `key`, thus price, not this."""
        return self.chain, self.canonical


class Pool(Struct, frozen=True, kw_only=True, eq=False):
    """A pool and its anchors. Figures describe the base side, as the sources do."""

    key: int
    chain: str
    address: str  # as DexScreener writes it
    canonical: str
    dex: str  # DexScreener's name
    gecko_dex: str
    base: MarketToken
    quote: MarketToken
    labels: tuple[str, ...] = ()
    curve: bool = False  # a bonding curve: DexScreener gives no liquidity
    liquidity: float = 0.0
    volume: float = 0.0  # of a usual day
    trade: float = 150.0  # mean size of a trade
    created_ms: int = 0
    ends_ms: int = 0  # 0: never; a curve that is complete is traded no more

    @property
    def token(self) -> MarketToken:
        """Return the side that is no quote asset; the base when both are."""
        return self.quote if self.base.quote and not self.quote.quote else self.base

    @property
    def sides(self) -> tuple[MarketToken, MarketToken]:
        return self.base, self.quote


class Flow(Struct, frozen=True):
    """What was traded in one window."""

    volume: float = 0.0
    buys: int = 0
    sells: int = 0

    @property
    def trades(self) -> int:
        return self.buys + self.sells


class PoolState(Struct, frozen=True, kw_only=True):
    """A pool at one second. `changes` in percent, None where no trade could be compared."""

    pool: Pool
    price: float  # USD, of the base
    quote_price: float  # USD
    created_ms: int
    liquidity: float
    flows: dict[str, Flow]
    changes: dict[str, float | None]
