"""Candles that others gave of times before us, as answers show them. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import groupby
from typing import TypeAlias

from shared.history.candle import SECONDS, TIER_OF, Candle, Interval

# Start in seconds, then the four prices, the volume, and where it is from.
Bar: TypeAlias = tuple[int, float, float, float, float, float | None, str]


def bars(found: Sequence[Bar], interval: Interval, own: Container[int]) -> list[Candle]:
    """Return the back-filled candles of an interval (sorted), where there is none of ours (ms).

    Their volume is of trades, so that of shorter ones is added up, if all of them are there.
    """
    step = SECONDS[interval]
    parts = step // SECONDS[TIER_OF[interval]]
    result = []
    for number, group in groupby(found, key=lambda bar: bar[0] // step):
        start_ms = number * step * 1000
        if start_ms in own:
            continue
        whole = list(group)
        volumes = [bar[5] for bar in whole if bar[5] is not None]
        result.append(
            Candle(
                t=start_ms,
                o=whole[0][1],
                h=max(bar[2] for bar in whole),
                l=min(bar[3] for bar in whole),
                c=whole[-1][4],
                n=0,
                kind="seen",
                closed=True,
                volume=sum(volumes) if len(volumes) == parts else None,
                origin=whole[-1][6],
            )
        )
    return result
