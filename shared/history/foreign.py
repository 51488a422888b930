"""Candles of others on their way to the recorder: what an entry of `history:backfill` holds. Pure.

The fetcher adds what a source knows of the time before us, and a replayed market adds its own past.
Nobody adds while MOST_WAITING entries wait, so the stream is bounded without losing any.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta, Struct

from shared.history.candle import SECONDS, Tier
from shared.model import LIMIT

MOST_WAITING: Final = 100  # entries; of at most some 120 KB each
MOST_BARS: Final = 2_000  # of an entry
FIELD: Final = "m"
OF_REPLAY: Final = "replay"  # the origin of what a replayed market says of its own past

Seconds: TypeAlias = Annotated[int, Meta(ge=0, lt=10**11)]


class ForeignBar(NamedTuple):
    """One interval; `t` is its start in Unix seconds, the volume in USD of that interval."""

    t: Seconds
    o: float
    h: float
    l: float  # noqa: E741 - the market's word
    c: float
    volume: float | None = None


class ForeignCandles(Struct, frozen=True, kw_only=True):
    """Closed intervals of one token, and who says so: `<source>:<pool>`, or `replay`."""

    id: Annotated[str, Meta(min_length=3, max_length=300)]
    tier: Tier
    origin: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_-]{0,31}(?::[!-~]{1,256})?\Z")]
    bars: Annotated[list[ForeignBar], Meta(max_length=MOST_BARS)]


_decoder: Final = msgspec.json.Decoder(ForeignCandles)
encode: Final = msgspec.json.Encoder().encode


def decode(data: bytes) -> ForeignCandles:
    """Decode an entry; bars that cannot be are left out. Raises ValueError when it is none."""
    try:
        found = _decoder.decode(data)
    except RecursionError:
        raise msgspec.DecodeError("nested too deep") from None
    return msgspec.structs.replace(found, bars=clean(found.bars, found.tier))


def clean(bars: Iterable[ForeignBar], tier: Tier) -> list[ForeignBar]:
    """Return the bars that can be, each start once (the first), sorted by time.

    Prices are above 0 and in order, starts whole intervals; a volume that cannot be is unknown.
    """
    found: dict[int, ForeignBar] = {}
    for bar in bars:
        prices = (bar.l, bar.o, bar.c, bar.h)
        real = all(0 < price < LIMIT and math.isfinite(price) for price in prices)
        if bar.t % SECONDS[tier] or not real or bar.h != max(prices) or bar.l != min(prices):
            continue
        known = bar.volume is not None and 0 <= bar.volume < LIMIT
        found.setdefault(bar.t, bar if known else bar._replace(volume=None))
    return [found[start] for start in sorted(found)]
