"""How old the readings of a token are, and what that makes of it (docs/DATA.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from shared.merge.policy import MergeRules
from shared.merge.pools import Cutoffs
from shared.merge.readings import SourceReading
from shared.model import fields_of

# What grows old with the price; everything else keeps for as long as a sum does.
PRICE_FIELDS: Final = frozenset(fields_of("price", "size", "change"))
_NEVER: Final = -(10**15)  # before every time


class Ages(Struct, frozen=True):
    """How old the readings are. A stale row is the row of `at_ms`, its last fresh moment."""

    newest_ms: int
    next_ms: int
    stale: bool
    cut: Cutoffs
    sources: list[str]


def find_ages(readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules) -> Ages | None:
    """Return the ages of what is known, or None when nothing is."""
    times: set[int] = set()
    rare: set[int] = set()  # when a pool that was not seen for long was seen before
    figures_until = {
        source: _figures_until(reading, rules, times, rare) for source, reading in readings.items()
    }
    signals_until = {
        source: _signals_until(reading, rules, times)
        for source, reading in readings.items()
        if reading.signals
    }
    if not times:
        return None
    # A list that names a token, or an audit of it, keeps no row fresh whose figures grew old.
    stale_ms = max(figures_until.values())
    if stale_ms < 0:  # nobody has any figure of it
        stale_ms = max(signals_until.values())
    at_ms = min(now_ms, stale_ms - 1)
    newest_ms = max(times)
    dead_ms = newest_ms + rules.dead_after_ms
    crossings = [
        crossing
        for bound_ms in (rules.price_stale_ms, rules.sums_stale_ms)
        for observed_ms in times
        if (crossing := observed_ms + bound_ms) > now_ms
    ]
    forgotten = (before_ms + rules.sums_stale_ms for before_ms in rare)
    crossings += [crossing for crossing in forgotten if crossing > now_ms]
    stale = now_ms >= stale_ms
    return Ages(
        newest_ms=newest_ms,
        next_ms=dead_ms if stale else min(*crossings, dead_ms),
        stale=stale,
        cut=Cutoffs(
            at_ms - rules.price_stale_ms, at_ms - rules.sums_stale_ms, rules.price_stale_ms
        ),
        sources=sorted(
            source
            for source, until_ms in figures_until.items()
            if max(until_ms, signals_until.get(source, _NEVER)) > at_ms
        ),
    )


def _figures_until(
    reading: SourceReading, rules: MergeRules, times: set[int], rare: set[int]
) -> int:
    """Return until when a source has fresh figures; add the times at which it saw them."""
    priced = summed = _NEVER
    for pool in reading.pools.values():
        observed_ms = pool.observed_ms
        times.add(observed_ms)
        summed = max(summed, observed_ms)
        if observed_ms - pool.before_ms > rules.price_stale_ms:
            rare.add(pool.before_ms)
    for name, stamped in reading.fields.items():
        if stamped.value is not None:
            observed_ms = stamped.observed_ms
            if name in PRICE_FIELDS:
                if observed_ms > priced:
                    priced = observed_ms
                    times.add(observed_ms)
                elif observed_ms < priced:
                    times.add(observed_ms)
            elif observed_ms != summed:
                times.add(observed_ms)
                summed = max(summed, observed_ms)
    return max(priced + rules.price_stale_ms, summed + rules.sums_stale_ms)


def _signals_until(reading: SourceReading, rules: MergeRules, times: set[int]) -> int:
    """Return until when a source has fresh signals; add the times at which it saw them."""
    seen = {each.observed_ms for each in reading.signals.values() if each.value is not None}
    times |= seen
    return max(seen, default=_NEVER) + rules.sums_stale_ms
