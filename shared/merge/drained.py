"""Sources that say themselves that a token's liquidity is gone (docs/DATA.md, "Across sources").

What a dead pool is among pools, such a source is among sources: it may still report 70 M of volume
and of a price, of trades that nobody can make any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.merge.ages import PRICE_FIELDS
from shared.merge.pools import SUMMED, Cutoffs
from shared.merge.readings import DEAD_LIQUIDITY, SourceReading
from shared.model import fields_of

# What a drained source is not believed in. The liquidity itself is: that there is none is news.
DISBELIEVED: Final = (
    PRICE_FIELDS
    | frozenset(SUMMED) - {"liquidity"}
    | frozenset(fields_of("traders", "net", "split"))
)


def is_drained(reading: SourceReading, cut: Cutoffs) -> bool:
    """Return whether a source's own liquidity of the whole token is known and next to nothing.

    It is known for as long as any figure of the source can count, so that no price comes back only
    because the liquidity was not sent again.
    """
    stamped = reading.fields.get("liquidity")
    if (
        stamped is None
        or not isinstance(stamped.value, int | float)
        or stamped.value >= DEAD_LIQUIDITY
    ):
        return False
    return stamped.observed_ms > min(cut.price, cut.sums)


def believe(readings: Mapping[str, SourceReading], cut: Cutoffs) -> Mapping[str, SourceReading]:
    """Return the readings without what drained sources are not believed in; pools stay.

    The readings themselves when no source is drained, which is nearly always.
    """
    drained = [source for source, reading in readings.items() if is_drained(reading, cut)]
    if not drained:
        return readings
    return {**readings, **{source: _without(readings[source]) for source in drained}}


def _without(reading: SourceReading) -> SourceReading:
    kept = {name: stamped for name, stamped in reading.fields.items() if name not in DISBELIEVED}
    signals = {name: s for name, s in reading.signals.items() if name not in DISBELIEVED}
    return SourceReading(kept, reading.pools, signals)
