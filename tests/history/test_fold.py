"""What counts as a look, and how looks become candles."""

from __future__ import annotations

import pytest

from shared.history.candle import StoredCandle
from shared.history.fold import Folded, Look, TokenState, end_freshness, fold, hottest, read_look
from tests.testkit.history import MS0, T0

FRESH = 120_000
State = tuple[Folded, TokenState]


@pytest.fixture
def state() -> State:
    return Folded(), TokenState(id="A", hot=True)


def look(state: State, second: float, price: float | None, **fields: object) -> bool:
    """A row committed at a second of the day, observed at that moment."""
    at_ms = MS0 + int(second * 1000)
    values = {"price_source": "jupiter", "observed_ms": at_ms, **fields}
    return fold(*state, Look(price=price, **values), at_ms, FRESH)  # type: ignore[arg-type]


def minute(state: State, number: int) -> StoredCandle:
    return state[0].tiers["1m"]["A", T0 + 60 * number]


def test_looks_of_a_minute_make_its_candle(state: State) -> None:
    for second, price in ((5, 2.0), (20, 4.0), (30, 1.0), (59.9, 3.0)):
        assert look(state, second, price)
    found = minute(state, 0)
    assert (found.o, found.h, found.l, found.c, found.n) == (2.0, 4.0, 1.0, 3.0, 4)
    assert (found.moved, found.mixed, found.cover_ms) == (True, False, 55_000)


def test_the_same_looks_are_in_the_hour_and_the_day(state: State) -> None:
    look(state, 5, 2.0)
    look(state, 3_605, 3.0)
    assert [part.c for part in state[0].tiers["1h"].values()] == [2.0, 3.0]
    assert [(part.o, part.c, part.n) for part in state[0].tiers["1d"].values()] == [(2.0, 3.0, 2)]


def test_a_token_that_is_not_hot_has_no_minutes(state: State) -> None:
    state[1].hot = False
    look(state, 5, 2.0)
    assert not state[0].tiers["1m"]
    assert len(state[0].tiers["1h"]) == 1


def test_a_price_that_was_read_again_is_flat(state: State) -> None:
    look(state, 5, 2.0)
    assert look(state, 65, 2.0)
    assert (minute(state, 0).moved, minute(state, 1).moved) == (True, False)


def test_a_row_that_changed_without_being_read_is_no_look(state: State) -> None:
    look(state, 5, 2.0)
    assert not look(state, 65, 2.0, observed_ms=MS0 + 5_000, liquidity=9.0)
    assert ("A", T0 + 60) not in state[0].tiers["1m"]


def test_another_source_of_the_same_price_is_a_look_and_mixes_the_candle(state: State) -> None:
    look(state, 5, 2.0)
    assert look(state, 10, 2.0, observed_ms=MS0 + 5_000, price_source="dexscreener")
    assert (minute(state, 0).mixed, minute(state, 0).by) == (True, "dexscreener")


def test_a_change_of_source_between_two_minutes_mixes_neither(state: State) -> None:
    look(state, 5, 2.0)
    look(state, 65, 3.0, price_source="dexscreener")
    assert (minute(state, 0).mixed, minute(state, 1).mixed) == (False, False)


@pytest.mark.parametrize("price", [None, 0.0, float("inf"), float("nan")])
def test_what_is_no_price_is_no_look_and_ends_the_freshness(
    state: State, price: float | None
) -> None:
    look(state, 0, 2.0)
    assert not look(state, 30, price)
    assert (minute(state, 0).n, minute(state, 0).cover_ms) == (1, 30_000)


def test_a_stale_row_ends_the_freshness_and_keeps_the_price(state: State) -> None:
    look(state, 0, 2.0)
    assert not look(state, 45, 2.0, stale=True)
    assert minute(state, 0).cover_ms == 45_000
    look(state, 70, 2.0)
    assert (minute(state, 1).moved, minute(state, 1).cover_ms) == (False, 50_000)


def test_a_price_covers_the_time_until_it_is_old(state: State) -> None:
    look(state, 0, 2.0)
    look(state, 170, 2.0)  # fresh until 120: the third minute until its end, from 170 on
    assert minute(state, 2).cover_ms == 10_000
    assert state[0].tiers["1h"]["A", T0].cover_ms == 120_000 + 120_000


def test_an_old_observation_covers_what_is_left_of_its_time(state: State) -> None:
    look(state, 30, 2.0, observed_ms=MS0 - 80_000)
    assert minute(state, 0).cover_ms == 10_000


def test_an_observation_from_the_future_counts_from_its_commit(state: State) -> None:
    look(state, 30, 2.0, observed_ms=MS0 + 900_000)
    assert state[1].fresh_ms == MS0 + 30_000 + FRESH


def test_a_clock_that_goes_back_folds_into_the_earlier_minute(state: State) -> None:
    look(state, 30, 2.0)
    look(state, 70, 3.0)
    look(state, 40, 5.0)
    assert (minute(state, 0).c, minute(state, 0).n, minute(state, 1).c) == (5.0, 2, 3.0)


def test_freshness_ends_only_in_the_interval_of_the_last_look(state: State) -> None:
    look(state, 50, 2.0)
    end_freshness(*state, MS0 + 80_000)
    assert minute(state, 0).cover_ms == 10_000
    assert state[0].tiers["1h"]["A", T0].cover_ms == 30_000


def test_what_was_not_stored_comes_before_what_followed(state: State) -> None:
    look(state, 5, 2.0)
    waiting = Folded()
    fold(waiting, state[1], Look(price=7.0, observed_ms=MS0 + 9_000), MS0 + 9_000, FRESH)
    waiting.put_before(state[0])
    found = waiting.tiers["1m"]["A", T0]
    assert (found.o, found.c, found.n, found.mixed) == (2.0, 7.0, 2, True)


def test_the_oldest_minutes_are_left_out_first_and_stay_in_the_hour(state: State) -> None:
    for second in (5, 65, 125):
        look(state, second, 2.0)
    assert state[0].shed(2) == [("1m", T0, T0 + 60)]
    assert list(state[0].tiers["1m"]) == [("A", T0 + 120)]
    assert state[0].tiers["1h"]["A", T0].n == 3


def test_the_hottest_are_watched_or_have_the_greatest_volume() -> None:
    volumes = [("a", 100.0), ("b", 90.0), ("c", 80.0), ("d", 1.0)]
    assert hottest(volumes, ["d"], set(), 2) == {"d", "a"}
    assert hottest(volumes, [], {"b"}, 1) == {"b"}  # a is not greater by a quarter
    assert hottest(volumes, [], {"d"}, 1) == {"a"}


def test_the_highest_market_cap_is_kept_with_its_time(state: State) -> None:
    for second, cap in ((5, 10.0), (20, 30.0), (40, 20.0)):
        look(state, second, 2.0, market_cap=cap)
    assert (state[1].cap_high, state[1].cap_high_ms) == (30.0, MS0 + 20_000)


def test_a_look_is_read_from_a_row_with_other_fields() -> None:
    row = b'{"id":"solana:A","price":2.5,"flags":[],"observed_ms":5,"volume_5m":1}'
    assert read_look(row) == Look(price=2.5, observed_ms=5, volume_5m=1.0)
