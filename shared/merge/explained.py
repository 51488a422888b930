"""What an explanation is made of, and the words it uses."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from shared.merge.consensus import Consensus
from shared.merge.policy import MergeRules
from shared.merge.readings import Scalar, SourceReading
from shared.model import PoolReading

# Why something was not taken. Each comes with a sentence for people.
Reason: TypeAlias = Literal[
    "stale",  # too old for what it is
    "rare",  # seen too seldom to be relied on
    "older",  # of equals the newest counts
    "smaller",  # a larger figure, or a pool with more behind it, is there
    "lower_rank",  # somebody before it in the order gives one
    "other_giver",  # it belongs to a price that was not taken
    "not_in_order",  # the order leaves it out
    "outlier",  # too far from the others
    "no_weight",  # no known liquidity behind it
    "thin",  # too little liquidity to be believed
    "untraded",  # nobody has traded in the pool for a day
    "unbacked",  # more liquidity than its trades back
    "outvoted",  # more sources agree on another price
    "dead_pool",  # next to no liquidity at all
    "drained",  # the source itself says that there is next to no liquidity
    "quote_side",  # it describes the other token of the pool
    "impossible",  # no price is 0, nothing falls by more than 100 %
    "later",  # of creations the earliest counts
    "unreadable",  # a name of which nothing can be seen
]
Role: TypeAlias = Literal[
    "price",
    "counts",
    "outvoted",
    "thin",
    "untraded",
    "dead",
    "stale",
    "other_view",
    "ignored",
]


class Passed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure that was not taken; `why` says it in words."""

    source: str
    pool: str | None = None
    pools: int | None = None
    value: Scalar
    observed_ms: int
    age_ms: int
    reason: Reason
    why: str


class FieldExplanation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a row: its value, whose it is, and what was passed over.

    No `value`: unknown. `pools`: the figure is a sum over so many. `observed_ms` is the oldest part
    of a sum or a mean.
    """

    value: Scalar | bool | list[str] = None
    source: str | None = None  # of several: joined with "+"
    pool: str | None = None
    pools: int | None = None
    observed_ms: int | None = None
    age_ms: int | None = None
    rule: str
    passed_over: tuple[Passed, ...] = ()


class PoolExplanation(Struct, frozen=True, kw_only=True):
    """A pool as one source sees it, and what it does for the row."""

    source: str
    role: Role
    adds: bool  # to volume, liquidity and transactions
    why: str
    observed_ms: int
    age_ms: int
    pool: PoolReading


class Explanation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a row comes from. `raw_name` and `raw_ticker` are as their maker wrote them."""

    fields: dict[str, FieldExplanation] = {}
    pools: tuple[PoolExplanation, ...] = ()
    raw_name: str | None = None
    raw_ticker: str | None = None


class Clock(Struct, frozen=True):
    """Knows the time (ms) at which an explanation is given."""

    now_ms: int

    def passed(  # noqa: PLR0917 - in the order in which it is read
        self,
        source: str,
        value: Scalar,
        observed_ms: int,
        reason: Reason,
        why: str,
        pool: str | None = None,
        pools: int | None = None,
    ) -> Passed:
        """Return a figure that was not taken, with its age."""
        return Passed(
            source=source,
            pool=pool,
            pools=pools,
            value=value,
            observed_ms=observed_ms,
            age_ms=self.now_ms - observed_ms,
            reason=reason,
            why=why,
        )


_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def span(ms: int) -> str:
    """Return a duration as people say it: 90 s, 14 min, 3 h."""
    for unit_ms, name in _UNITS:
        if ms >= 2 * unit_ms or name == "s":
            return f"{ms // unit_ms} {name}"
    raise AssertionError  # the last unit always answers


def number(value: float | None) -> str:
    """Return a figure as people write it."""
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def order_in_words(words: tuple[str, ...]) -> str:
    """Return an order of who is believed."""
    names = {"pools": "deep pools", "thin": "thin pools", "ingest": "producers"}
    return ", then ".join(names.get(word, word) for word in words)


def too_old(age_ms: int, bound_ms: int, what: str) -> str:
    """Return the sentence for a figure past its bound."""
    return f"seen {span(age_ms)} ago; {what} counts for {span(bound_ms)}"


def dead_words(pool: PoolReading) -> str:
    """Return why a pool without liquidity says nothing."""
    return f"the pool holds {number(pool.liquidity)} USD: nobody can trade at its price"


def drained_words(source: str, reading: SourceReading) -> str:
    """Return why a source that knows of no liquidity says nothing of price and trades."""
    left = reading.fields["liquidity"].value
    assert not isinstance(left, str)  # noqa: S101 - a drained source's is a number
    words = f"{source} itself says that {number(left)} USD of liquidity is left"
    return f"{words}: nobody can trade at its price"


def thin_words(pool: PoolReading, rules: MergeRules) -> str:
    """Return why a pool with little liquidity, or little trading, does not set the price."""
    held = "an unknown sum" if pool.liquidity is None else f"{number(pool.liquidity)} USD"
    if pool.against_unknown:
        return f"the pool holds {held}, but trades against a token that is no known quote asset"
    if pool.liquidity is None or pool.liquidity < rules.min_pool_liquidity:
        return f"the pool holds {held}, less than {number(rules.min_pool_liquidity)} USD"
    return f"the pool holds {held}, but {backed_words(pool, rules)}"


def backed_words(pool: PoolReading, rules: MergeRules) -> str:
    """Return which of the three that back a pool is the least."""
    other = pool.other_liquidity
    by_trades = (
        (pool.volume_24h, rules.backing_per_volume),
        (pool.transactions_24h, rules.backing_per_trade),
    )
    if other is not None and all(
        amount is None or other * rules.backing_per_other < amount * each
        for amount, each in by_trades
    ):
        return f"only {number(other)} USD of the token it trades against are in it"
    return traded_words(pool)


def traded_words(pool: PoolReading) -> str:
    """Return how much was traded in a pool."""
    count = pool.transactions_24h
    trades = "" if count is None else f" in {count} trade{'' if count == 1 else 's'}"
    return f"only {number(pool.volume_24h)} USD were traded{trades} in 24 h"


def untraded_words() -> str:
    """Return why a pool without trades sets and adds nothing."""
    return "nobody has traded in it for 24 h"


def outvoted_words(consensus: Consensus) -> str:
    """Return which prices have more sources behind them."""
    prices = consensus.prices
    about = number(prices[0])
    if prices[-1] != prices[0]:
        about += f" to {number(prices[-1])}"
    far = f"more than {number((consensus.factor - 1) * 100)} % away"
    return f"{consensus.sources} of {consensus.voters} sources agree on {about}; this is {far}"
