"""An even rate with room for a burst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.rates import Costs, Rates


def test_a_burst_is_let_in_at_once_then_one_by_one() -> None:
    rates = Rates(per_s=2, burst=3)

    assert [rates.wait_s("a", 10.0) for _ in range(3)] == [0, 0, 0]
    assert rates.wait_s("a", 10.0) == pytest.approx(0.5)
    assert rates.wait_s("a", 10.4) == pytest.approx(0.1)
    assert rates.wait_s("a", 10.5) == 0
    assert rates.wait_s("a", 10.5) == pytest.approx(0.5)
    assert [rates.wait_s("a", 20.0) for _ in range(3)] == [0, 0, 0]


def test_who_is_refused_loses_nothing_by_asking() -> None:
    rates = Rates(per_s=1, burst=1)
    assert rates.wait_s("a", 0.0) == 0

    assert all(rates.wait_s("a", n / 100) > 0 for n in range(100))

    assert rates.wait_s("a", 1.0) == 0


def test_each_key_has_its_own() -> None:
    rates = Rates(per_s=1, burst=1)

    assert rates.wait_s("a", 0.0) == 0
    assert rates.wait_s("a", 0.0) > 0
    assert rates.wait_s("b", 0.0) == 0


def test_a_rate_of_zero_is_none() -> None:
    rates = Rates(per_s=0, burst=1)

    assert [rates.wait_s("a", 0.0) for _ in range(1000)] == [0] * 1000


def test_the_least_recently_used_key_is_forgotten_beyond_the_bound() -> None:
    rates = Rates(per_s=0.001, burst=1, keys_max=2)
    assert rates.wait_s("busy", 0.0) == 0
    assert rates.wait_s("idle", 0.0) == 0
    assert rates.wait_s("busy", 0.0) > 0

    assert rates.wait_s("new", 0.0) == 0

    assert rates.wait_s("busy", 0.0) > 0
    assert rates.wait_s("idle", 0.0) == 0
    assert len(rates._whole_s) == 2


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)
def test_in_any_span_no_more_than_burst_and_rate_are_let_in(
    per_s: float, burst: int, gaps: list[float]
) -> None:
    rates, now_s, let_in = Rates(per_s, burst), 0.0, []
    for gap in gaps:
        now_s += gap
        if not rates.wait_s("a", now_s):
            let_in.append(now_s)

    for first, begin in enumerate(let_in):
        for last, end in enumerate(let_in[first:], start=first):
            assert last - first + 1 <= burst + (end - begin) * per_s + 0.01


def test_what_is_computed_is_paid_for_before_more_is_begun() -> None:
    costs = Costs(0.05, burst_s=20)

    costs.charge("a", 1.0, now_s=0)  # a second of a processor: twenty of its share

    assert costs.wait_s("a", now_s=0) == 0
    costs.charge("a", 0.05, now_s=0)
    assert costs.wait_s("a", now_s=0) == pytest.approx(1)
    assert costs.wait_s("b", now_s=0) == 0
    assert costs.wait_s("a", now_s=1.1) == 0
