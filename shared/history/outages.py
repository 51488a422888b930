"""Which outages are outages of a token: the pipeline's, or all its sources' at one time. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shared.history.candle import Outage


def common_outages(found: Sequence[Outage], sources: Sequence[str]) -> list[Outage]:
    """Return the outages of a token with these sources.

    A token that several sources report is missing only while all of them are down.
    """
    whole = [each for each in found if not each.source]
    if not sources:
        return whole
    common = [each for each in found if each.source == sources[0]]
    for source in sources[1:]:
        theirs = [each for each in found if each.source == source]
        common = [both for one in common for other in theirs if (both := _both(one, other))]
    return [*whole, *common]


def _both(one: Outage, other: Outage) -> Outage | None:
    start, end = max(one.from_ms, other.from_ms), min(one.to_ms, other.to_ms)
    if start >= end:
        return None
    return Outage(start, end, one.source, f"{one.why}; {other.why}")
