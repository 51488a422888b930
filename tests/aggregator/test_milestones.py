"""`listed` and `graduated`: what a commit reports of a row beside moves of its figures."""

from __future__ import annotations

import pytest

from services.aggregator.milestones import milestones

NOW = 1_790_000_000_000
MINUTE, HOUR, YEAR = 60_000, 3_600_000, 365 * 24 * 3_600_000
GRADUATED = {"stage": "graduated", "graduated_ms": NOW - MINUTE}


def test_a_new_row_is_listed_and_a_changed_one_is_not() -> None:
    assert milestones(None, {"price": 1.0}, NOW) == ("listed",)
    assert milestones({"price": 1.0}, {"price": 2.0}, NOW) == ()


def test_in_the_first_minute_of_an_epoch_nothing_is_listed() -> None:
    assert milestones(None, {"price": 1.0}, NOW, quiet_until_ms=NOW + 1) == ()
    assert milestones(None, {"price": 1.0}, NOW, quiet_until_ms=NOW) == ("listed",)


@pytest.mark.parametrize("before", [{"stage": "curve"}, {"stage": "completed"}])
@pytest.mark.parametrize("quiet_until_ms", [0, NOW + MINUTE])
def test_a_token_graduates_from_its_curve(before: dict[str, str], quiet_until_ms: int) -> None:
    assert milestones(before, GRADUATED, NOW, quiet_until_ms) == ("graduated",)
    assert milestones(before, {"stage": "graduated"}, NOW, quiet_until_ms) == ("graduated",)


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        ({"stage": "graduated"}, {"price": 2.0}),
        ({"stage": "graduated"}, {"stage": "graduated", "graduated_ms": NOW}),
        ({"stage": "curve"}, {"stage": "completed"}),
        ({"stage": "curve", "graduated_ms": NOW - MINUTE}, {"stage": None}),
    ],
)
def test_nothing_else_is_a_graduation(
    before: dict[str, object], changed: dict[str, object]
) -> None:
    assert milestones(before, changed, NOW) == ()


@pytest.mark.parametrize(
    ("before", "ago_ms", "reported"),
    [
        ({"stage": "curve"}, HOUR, True),  # nobody could say so for an hour
        ({"stage": "curve"}, 2 * YEAR, False),  # a source knows the curve it has left
        ({"price": 1.0}, MINUTE, True),
        ({"price": 1.0}, HOUR, False),
        ({"price": 1.0}, 2 * YEAR, False),
    ],
)
def test_old_graduations_that_come_to_light_are_no_news(
    before: dict[str, object], ago_ms: int, *, reported: bool
) -> None:
    changed = {"stage": "graduated", "graduated_ms": NOW - ago_ms}
    assert (milestones(before, changed, NOW) == ("graduated",)) is reported


def test_a_graduation_whose_time_is_in_the_row_already_is_judged_by_it() -> None:
    before = {"stage": "curve", "graduated_ms": NOW - 2 * YEAR}
    assert milestones(before, {"stage": "graduated"}, NOW) == ()


def test_a_new_token_that_has_just_graduated_is_both() -> None:
    assert milestones(None, GRADUATED, NOW) == ("listed", "graduated")
    assert milestones(None, GRADUATED, NOW, quiet_until_ms=NOW + 1) == ()
    unknown_since = {"stage": "graduated"}
    assert milestones(None, unknown_since, NOW) == ("listed",)
