"""Laws of alerts over generated markets: the base, one event per crossing, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from services.aggregator.alerts import (
    SLOTS,
    WINDOW_MS,
    AlertBook,
    AlertRules,
    Track,
    encode_track,
    observe,
)

T0 = 1_789_999_920_000
TOKEN = "solana:A"
WINDOW = "5m"
SPAN = WINDOW_MS[WINDOW]
SIZE = SPAN // SLOTS
RULES = AlertRules(price_windows=(WINDOW,), volume_windows=(WINDOW,), min_volume=0.0)


class Commit(Struct, frozen=True):
    """One commit of the token: the whole row, as the test sees it."""

    ms: int
    price: float | None
    volume: float | None
    stale: bool

    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "price": self.price, "price_source": "jupiter", "volume_5m": self.volume,
            "sources": ["jupiter"], "stale": self.stale, "observed_ms": self.ms,
        }  # fmt: skip
        return {name: value for name, value in row.items() if value is not None}


# Short gaps around the slot, long ones around the window; prices around every level.
gaps = st.sampled_from([1, 900, 7_000, 29_999, 30_000, 30_001, 60_000, 95_000, 299_000, 640_000])
near = [100.0, 103.9, 104.0, 105.0, 105.1, 108.1, 110.1, 94.9, 89.0, 121.0, 151.0, 215.0, 700.0]
amounts = st.one_of(st.sampled_from(near), st.sampled_from(near), st.none(), st.floats(0, 1e6))
steps = st.tuples(gaps, amounts, amounts, st.sampled_from([False] * 9 + [True]))
markets = st.lists(steps, min_size=20, max_size=60).map(
    lambda given: [
        Commit(ms, price, volume, stale)
        for ms, (_, price, volume, stale) in zip(_times(given), given, strict=True)
    ]
)


def _times(given: list[tuple[int, float | None, float | None, bool]]) -> Iterator[int]:
    ms = T0
    for gap, *_ in given:
        ms += gap
        yield ms


def base(market: list[Commit], number: int) -> Commit | None:
    """What was in force one window before a commit, looked up in the whole history."""
    start = (market[number].ms // SIZE - SLOTS) * SIZE
    earlier = [commit for commit in market[:number] if commit.ms < start]
    if not earlier or earlier[-1].stale or start - earlier[-1].ms > SPAN:
        return None
    return earlier[-1]


def changes(market: list[Commit], kind: str, *, until: bool = False) -> dict[int, float]:
    """The change at each commit that has a base, by its number; `until`: just before it."""
    found = {}
    back = 1 if until else 0
    for number in range(back, len(market)):
        commit, before = market[number - back], base(market, number)
        if commit.stale or before is None:
            continue
        old, new = getattr(before, kind), getattr(commit, kind)
        if old and (new or (kind == "volume" and new is not None)):
            found[number] = (new - old) / old * 100
    return found


class Event(Struct, frozen=True):
    number: int  # of its commit
    kind: str
    up: bool
    level: int
    change: float


def reported(market: list[Commit], *, restarts: bool = False) -> list[Event]:
    """What the book reports of a market; with `restarts` another book takes over at each commit."""
    book = AlertBook(RULES)
    row: dict[str, Any] | None = None
    events = []
    for number, commit in enumerate(market):
        after = commit.row()
        gone = {name: None for name in (row or {}) if name not in after}
        judged = book.judge(TOKEN, row, {**after, **gone}, commit.ms)
        book.put(TOKEN, judged.tracks)
        events += [
            Event(number, c.type, c.move.change > 0, c.level, c.move.change)
            for c in judged.crossings
        ]
        row = after
        if restarts:
            stored = {w: encode_track(track) for w, track in book.tracks(TOKEN).items()}
            book = AlertBook(RULES)
            book.load(TOKEN, stored)
    return events


@given(markets)
def test_the_base_is_what_the_whole_history_says_was_in_force(market: list[Commit]) -> None:
    track: Track | None = None
    row: dict[str, Any] | None = None
    for number, commit in enumerate(market):
        samples = observe(track, WINDOW, row, commit.ms)
        found, wanted = samples[0], base(market, number)
        assert (found.price, found.volume) == (
            (None, None) if wanted is None else (wanted.price, wanted.volume)
        )
        assert len(samples) <= SLOTS + 1
        assert [s.slot for s in samples] == sorted({s.slot for s in samples})
        track, row = Track(samples), commit.row()


@given(markets)
def test_every_event_is_a_change_that_passes_its_level(market: list[Commit]) -> None:
    for event in reported(market):
        change = changes(market, event.kind)[event.number]
        levels = RULES.price_levels if event.kind == "price" else RULES.volume_levels
        assert event.change == change
        assert sum(abs(change) > level for level in levels) == event.level
        assert event.up == (change > 0)


@given(markets)
def test_never_two_events_without_re_arming_between(market: list[Commit]) -> None:
    for kind, up, levels in sides():
        events = [e for e in reported(market) if (e.kind, e.up) == (kind, up)]
        way, stood = ways(market, kind, up=up), ways(market, kind, up=up, until=True)
        for one, next_ in pairwise(events):
            if next_.level > one.level:
                continue
            fallen_below = levels[next_.level - 1] * RULES.rearm
            between = [c for n, c in way.items() if one.number < n < next_.number]
            between += [c for n, c in stood.items() if one.number < n <= next_.number]
            assert any(change < fallen_below for change in between)
            waited = market[next_.number].ms - market[one.number].ms
            assert waited >= RULES.cooldown_ms


@given(markets)
def test_no_crossing_is_lost(market: list[Commit]) -> None:
    """A token above a level has reported it without falling back since, or waits to."""
    for kind, up, levels in sides():
        events = [e for e in reported(market) if (e.kind, e.up) == (kind, up)]
        way, stood = ways(market, kind, up=up), ways(market, kind, up=up, until=True)
        for number, change in way.items():
            level = sum(change > step for step in levels)
            until_now = [e for e in events if e.number <= number]
            if not level:
                continue
            assert until_now
            last = until_now[-1]
            fallen_below = levels[level - 1] * RULES.rearm
            covering = [e for e in until_now if e.level >= level]
            since = [
                *(c for n, c in way.items() if covering and covering[-1].number < n < number),
                *(c for n, c in stood.items() if covering and covering[-1].number < n <= number),
            ]
            held = covering and not any(c < fallen_below for c in since)
            waits = (
                market[number].ms - market[last.number].ms < RULES.cooldown_ms
                and last.level >= level
            )
            assert held or waits


@given(markets)
def test_a_restart_at_any_moment_changes_nothing(market: list[Commit]) -> None:
    assert reported(market, restarts=True) == reported(market)


def sides() -> list[tuple[str, bool, tuple[float, ...]]]:
    return [
        ("price", True, RULES.price_levels),
        ("price", False, RULES.price_levels),
        ("volume", True, RULES.volume_levels),
    ]


def ways(market: list[Commit], kind: str, *, up: bool, until: bool = False) -> dict[int, float]:
    """The changes, counted in one direction."""
    return {n: c if up else -c for n, c in changes(market, kind, until=until).items()}
