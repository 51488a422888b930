"""The sentences that an explanation uses: why something was taken, and why something was not."""

from __future__ import annotations

from typing import Final

from shared.merge.consensus import Consensus
from shared.merge.policy import MergeRules
from shared.merge.pools import Cutoffs, PoolView, is_remembered
from shared.merge.readings import SourceReading
from shared.model import PoolReading

UNTRADED: Final = "nobody has traded in it for 24 h"
IMPOSSIBLE: Final = "nothing falls by more than 100 %, and no price is 0"
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


def dead_words(pool: PoolReading) -> str:
    """Return why a pool without liquidity says nothing."""
    return f"the pool holds {number(pool.liquidity)} USD: nobody can trade at its price"


def drained_words(source: str, reading: SourceReading) -> str:
    """Return why a source that knows of no liquidity says nothing of price and trades."""
    left = reading.fields["liquidity"].value
    assert not isinstance(left, str | dict)  # noqa: S101 - a drained source's is a number
    words = f"{source} itself says that {number(left)} USD of liquidity is left"
    return f"{words}: nobody can trade at its price"


def thin_words(view: PoolView, rules: MergeRules) -> str:
    """Return why a pool with little liquidity, or little trading, does not set the price."""
    pool = view.pool
    held = "an unknown sum" if pool.liquidity is None else f"{number(pool.liquidity)} USD"
    if view.weight.limit == "size":
        return f"the pool holds {held}, less than {number(rules.min_pool_liquidity)} USD"
    return f"the pool holds {held}, but {limit_words(view)}"


def limit_words(view: PoolView) -> str:
    """Return which of the three that back a pool is the least."""
    if view.weight.limit == "asset":
        return "trades against a token that is no known quote asset"
    if view.weight.limit == "other":
        other = number(view.pool.other_liquidity)
        return f"only {other} USD of the token it trades against are in it"
    volume, count = view.pool.volume_24h, view.pool.transactions_24h
    trades = "" if count is None else f"{count} trade{'' if count == 1 else 's'}"
    if volume is None:
        return f"only {trades} {'was' if count == 1 else 'were'} made in 24 h"
    return f"only {number(volume)} USD were traded{trades and f' in {trades}'} in 24 h"


def added_words(view: PoolView) -> str:
    """Return what of a pool is in the sums."""
    if view.weight.counted is None:
        return "its volume and trades are added"
    if view.weight.is_capped(view.pool):
        counted = number(view.weight.counted)
        return f"its volume and trades, and {counted} USD of its liquidity, are added"
    return "its volume, liquidity and trades are added"


def rare_words(view: PoolView, cut: Cutoffs, rules: MergeRules) -> str:
    """Return why a price is not relied on before it is seen steadily."""
    if is_remembered(view.before_ms, cut):
        gap_ms = view.observed_ms - view.before_ms
        return f"not seen for {span(gap_ms)} before; it would come and go"
    within = span(rules.sums_stale_ms)
    return f"seen only once in {within}; {view.source} sees other pools steadily"


def outvoted_words(consensus: Consensus | None) -> str:
    """Return which prices have more sources behind them."""
    assert consensus is not None  # noqa: S101 - something is outvoted by it
    prices = consensus.prices
    about = number(prices[0])
    if prices[-1] != prices[0]:
        about += f" to {number(prices[-1])}"
    far = f"more than {number((consensus.factor - 1) * 100)} % away"
    return f"{consensus.sources} of {consensus.voters} sources agree on {about}; this is {far}"
