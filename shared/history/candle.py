"""Candles of sampled prices: what they are, how shorter ones make longer ones, what is missing.

A candle is made of samples of the committed price, never of trades (docs/HISTORY.md). Everything
here is pure; times of intervals are Unix seconds in storage and milliseconds in answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct, structs

Tier: TypeAlias = Literal["1m", "1h", "1d"]
Interval: TypeAlias = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
Kind: TypeAlias = Literal["seen", "flat", "filled"]
GapKind: TypeAlias = Literal["unseen", "outage", "not_recorded"]

TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)
SECONDS: Final[dict[Interval, int]] = {
    "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400,
}  # fmt: skip
TIER_OF: Final[dict[Interval, Tier]] = {
    "1m": "1m", "5m": "1m", "15m": "1m", "1h": "1h", "4h": "1h", "1d": "1d",
}  # fmt: skip
VOLUME_BASIS: Final[dict[Interval, str | None]] = {
    "1m": None,
    "5m": "trailing_5m",
    "15m": "sum_of_3_trailing_5m",
    "1h": "trailing_1h",
    "4h": "sum_of_4_trailing_1h",
    "1d": "trailing_24h",
}
# The candles whose volumes a longer one adds up, and whose own volume a row's window is.
_PARTS: Final[dict[Interval, Interval]] = {"15m": "5m", "4h": "1h"}
_WINDOW: Final[dict[Interval, str]] = {"5m": "volume_5m", "1h": "volume_1h", "1d": "volume_24h"}
# How long before the close a trailing window may have been read, in ms.
NEAR_CLOSE_MS: Final[dict[Interval, int]] = {"5m": 60_000, "1h": 300_000, "1d": 3_600_000}


class StoredCandle(Struct, kw_only=True, gc=False):
    """One interval of one token as it is stored, or the part of it that is not stored yet.

    `n` looks gave a price; `moved`: one of them differed from the price before it; `cover_ms`: how
    long a price was fresh. Figures after that are the row's own at the last look, `last_ms`.
    """

    t: int  # Unix seconds
    o: float
    h: float
    l: float  # noqa: E741 - the market's word
    c: float
    n: int
    by: str
    mixed: bool
    moved: bool
    cover_ms: int
    last_ms: int
    liquidity: float | None = None
    market_cap: float | None = None
    volume_5m: float | None = None
    volume_1h: float | None = None
    volume_24h: float | None = None


class Candle(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One candle of an answer. `t` is its start in Unix ms; what is not known is absent."""

    t: int
    o: float
    h: float
    l: float  # noqa: E741
    c: float
    n: int
    kind: Kind
    closed: bool
    by: str | None = None
    mixed: bool | None = None
    cover: float | None = None  # share of the interval with a fresh price
    liquidity: float | None = None
    market_cap: float | None = None
    volume: float | None = None
    origin: str | None = None  # of a back-filled candle


class Gap(Struct, frozen=True, kw_only=True):
    """Whole intervals without a candle, in Unix ms, and why."""

    from_ms: int
    to_ms: int
    kind: GapKind
    why: str


class Outage(Struct, frozen=True, gc=False):
    """A time in which a source, or without one everything, was down."""

    from_ms: int
    to_ms: int
    source: str
    why: str


Span: TypeAlias = tuple[int, int]  # from, to in ms


def merged(older: StoredCandle, newer: StoredCandle) -> StoredCandle:
    """Return the candle of both, of which all looks of `newer` came later.

    The start is the older one's. A part without looks (n is 0) adds its cover alone.
    """
    if not newer.n or not older.n:
        whole = newer if newer.n else older
        return structs.replace(whole, t=older.t, cover_ms=older.cover_ms + newer.cover_ms)
    return structs.replace(
        newer,
        t=older.t,
        o=older.o,
        h=max(older.h, newer.h),
        l=min(older.l, newer.l),
        n=older.n + newer.n,
        mixed=older.mixed or newer.mixed or older.by != newer.by,
        moved=older.moved or newer.moved,
        cover_ms=older.cover_ms + newer.cover_ms,
    )


def aggregated(
    stored: Iterable[StoredCandle], interval: Interval, recorded_ms: int
) -> list[Candle]:
    """Return the candles of an interval, made of the stored ones of its tier, sorted by time.

    `recorded_ms`: up to where the market is recorded; a candle that ends later is not closed.
    """
    parts = _PARTS.get(interval)
    if parts is None:
        return [_candle(each, interval, recorded_ms) for each in _grouped(stored, interval)]
    found = []
    for group in _groups(stored, interval):
        volumes = [_candle(e, parts, recorded_ms).volume for e in _grouped(group, parts)]
        whole = _candle(_joined(group, interval), interval, recorded_ms)
        known = [volume for volume in volumes if volume is not None]
        complete = len(known) == SECONDS[interval] // SECONDS[parts]
        found.append(structs.replace(whole, volume=sum(known)) if complete else whole)
    return found


def _groups(stored: Iterable[StoredCandle], interval: Interval) -> Iterator[list[StoredCandle]]:
    step = SECONDS[interval]
    return (list(group) for _, group in groupby(stored, key=lambda each: each.t // step))


def _grouped(stored: Iterable[StoredCandle], interval: Interval) -> Iterator[StoredCandle]:
    if TIER_OF[interval] == interval:  # as it is stored
        return iter(stored)
    return (_joined(group, interval) for group in _groups(stored, interval))


def _joined(group: Sequence[StoredCandle], interval: Interval) -> StoredCandle:
    whole = group[0]
    for each in group[1:]:
        whole = merged(whole, each)
    return structs.replace(whole, t=whole.t - whole.t % SECONDS[interval])


def _candle(stored: StoredCandle, interval: Interval, recorded_ms: int) -> Candle:
    start_ms, length_ms = stored.t * 1000, SECONDS[interval] * 1000
    end_ms = start_ms + length_ms
    # The cover is credited ahead, to the time at which the price would grow old.
    passed_ms = max(0, min(length_ms, recorded_ms - start_ms))
    return Candle(
        t=start_ms,
        o=stored.o,
        h=stored.h,
        l=stored.l,
        c=stored.c,
        n=stored.n,
        kind="seen" if stored.moved else "flat",
        closed=end_ms <= recorded_ms,
        by=stored.by,
        mixed=stored.mixed,
        cover=round(max(0, min(stored.cover_ms, passed_ms)) / length_ms, 4),
        liquidity=stored.liquidity,
        market_cap=stored.market_cap,
        volume=_volume(stored, interval, min(end_ms, recorded_ms)),
    )


def _volume(stored: StoredCandle, interval: Interval, close_ms: int) -> float | None:
    """Return the row's own trailing window, if it was read near the close."""
    name = _WINDOW.get(interval)
    if name is None or stored.last_ms < close_ms - NEAR_CLOSE_MS[interval]:
        return None
    volume: float | None = getattr(stored, name)
    return volume


def missing(
    window: Span,
    interval: Interval,
    starts: Iterable[int],
    spans: Sequence[Span],
    outages: Sequence[Outage],
) -> list[Gap]:
    """Return the gaps of a window: its intervals without a candle, those of one kind as one.

    `starts`: of the candles there are, in ms. `spans`: when the token was recorded in this tier.
    `outages`: of the pipeline, or of all sources of the token. An interval of which at least half
    was an outage is one; other intervals outside of all spans were not recorded; in those that are
    left the token was recorded, and nobody looked at it.
    """
    step = SECONDS[interval] * 1000
    there = set(starts)
    first = window[0] - window[0] % step
    gaps: list[Gap] = []
    for start in range(first, window[1], step):
        if start in there:
            continue
        kind, why = _kind(start, step, spans, outages)
        last = gaps[-1] if gaps else None
        if last is not None and (last.to_ms, last.kind, last.why) == (start, kind, why):
            gaps[-1] = structs.replace(last, to_ms=start + step)
        else:
            gaps.append(Gap(from_ms=start, to_ms=start + step, kind=kind, why=why))
    return gaps


def _kind(
    start: int, step: int, spans: Sequence[Span], outages: Sequence[Outage]
) -> tuple[GapKind, str]:
    end = start + step
    down = [each for each in outages if each.from_ms < end and each.to_ms > start]
    if down and 2 * covered((start, end), [(o.from_ms, o.to_ms) for o in down]) >= step:
        longest = max(down, key=lambda each: min(end, each.to_ms) - max(start, each.from_ms))
        return "outage", longest.why
    if not covered((start, end), spans):
        return "not_recorded", "this token had no candles of this length then"
    return "unseen", "nobody requested this token"


def covered(window: Span, spans: Iterable[Span]) -> int:
    """Return how many ms of a window lie in spans, which may overlap each other."""
    total, upto = 0, window[0]
    for start, end in sorted(spans):
        begin, stop = max(start, upto), min(end, window[1])
        if stop > begin:
            total += stop - begin
            upto = stop
    return total


def filled(
    candles: Sequence[Candle], window: Span, interval: Interval, before: float | None
) -> list[Candle]:
    """Return the candles with those that are missing drawn at the last close, marked `filled`.

    `before` is the close before the window; without one nothing is drawn in front.
    """
    step = SECONDS[interval] * 1000
    found = {candle.t: candle for candle in candles}
    result: list[Candle] = []
    for start in range(window[0] - window[0] % step, window[1], step):
        candle = found.get(start)
        if candle is None and before is not None:
            candle = Candle(
                t=start, o=before, h=before, l=before, c=before, n=0, kind="filled", closed=True
            )
        if candle is not None:
            before = candle.c
            result.append(candle)
    return result
