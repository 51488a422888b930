"""The stage of a launch: an order of evidence, and what is stored of it, decide."""

from __future__ import annotations

from typing import Any

import pytest

from shared.merge.explain import explain
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, merge_reading
from shared.merge.rules import merge_token
from shared.model import Reading

T0 = 1_790_000_000_000
MIN = 60_000
HOUR = 60 * MIN
MINT = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
RULES = MergeRules()
State = dict[str, SourceReading]
PUMP: dict[str, Any] = {"launchpad": "pump.fun"}


def after(*seen: tuple[int, str, dict[str, Any]]) -> State:
    """What is known after sources have reported something, each at a time after T0."""
    state: State = {}
    for since_ms, source, reported in seen:
        reading = Reading(
            chain="solana", token_address=MINT, observed_ms=T0 + since_ms, price=1.0, **reported
        )
        state[source] = merge_reading(state.get(source), reading)
    return state


def row(state: State, since_ms: int = 0) -> dict[str, Any]:
    return merge_token("solana", MINT, state, T0 + since_ms, RULES).values


def stage(state: State, since_ms: int = 0) -> object:
    return row(state, since_ms).get("stage")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"stage": "graduated"}, {"stage": "curve"}),
        ({"stage": "graduated"}, {"stage": "completed"}),
        ({"graduated_ms": T0 - HOUR}, {"stage": "curve"}),
        ({"stage": "completed"}, {"stage": "curve"}),
    ],
)
def test_a_stage_does_not_go_back(first: dict[str, Any], then: dict[str, Any]) -> None:
    before = after((0, "geckoterminal", first))
    same_source = after((0, "geckoterminal", first), (MIN, "geckoterminal", then))
    other_source = after((0, "geckoterminal", first), (MIN, "ingest:a", then))

    assert stage(same_source, MIN) == stage(other_source, MIN) == stage(before)


def test_a_graduated_token_that_is_seen_in_its_old_pool_stays_graduated_for_its_whole_life() -> (
    None
):
    moved = (0, "dexscreener", {**PUMP, "moved_to": ("pumpswap",)})
    back = [(n * HOUR, "dexscreener", PUMP) for n in range(1, 23)]

    assert stage(after(moved)) == "graduated"
    assert stage(after(moved, *back), 22 * HOUR) == "graduated"


def test_a_source_that_withdraws_its_stage_is_the_stated_reason_to_go_back() -> None:
    state = after(
        (0, "jupiter", {**PUMP, "stage": "graduated", "graduated_ms": T0 - HOUR}),
        (MIN, "jupiter", {"stage": None}),
    )

    assert (stage(state, MIN), row(state, MIN).get("graduated_ms")) == ("curve", None)


def test_only_an_exchange_that_the_launchpad_moves_to_shows_that_a_launch_moved() -> None:
    assert stage(after((0, "dexscreener", {**PUMP, "moved_to": ("meteora",)}))) == "curve"
    assert stage(after((0, "dexscreener", {**PUMP, "moved_to": ("meteora", "pumpswap")}))) == (
        "graduated"
    )
    assert stage(after((0, "dexscreener", {"moved_to": ("pumpswap",)}))) is None


def test_a_pool_beside_the_curve_graduates_no_token_that_is_stated_to_be_on_it() -> None:
    seen = [
        (0, "dexscreener", {**PUMP, "moved_to": ("pumpswap",)}),
        (MIN, "geckoterminal", {"stage": "curve", "graduation_pct": 40.0}),
    ]
    state = after(*seen)

    assert stage(state, MIN) == "curve"
    rule = explain(state, T0 + MIN, RULES).fields["stage"].rule
    assert rule == "geckoterminal states that it is on its curve"
    # It was stated too long ago to count before what is seen now.
    later = after(*seen, (12 * MIN, "dexscreener", {"moved_to": ("pumpswap",)}))
    assert stage(later, 12 * MIN) == "graduated"


def test_a_source_is_not_passed_over_for_what_it_stated_before_better_evidence() -> None:
    state = after(
        (0, "geckoterminal", {**PUMP, "stage": "curve"}),
        (0, "ingest:a", {"stage": "curve"}),
        (12 * MIN, "geckoterminal", {"moved_to": ("pumpswap",)}),
    )

    found = explain(state, T0 + 12 * MIN, RULES).fields["stage"]
    assert (found.value, found.source) == ("graduated", "geckoterminal")
    assert [(each.source, each.reason) for each in found.passed_over] == [("ingest:a", "weaker")]


@pytest.mark.parametrize("launchpad", ["zora", "Clanker", "clanker.world"])
def test_launchpads_without_a_curve_have_no_stage_whatever_is_stated(launchpad: str) -> None:
    state = after((0, "ingest:a", {"launchpad": launchpad, "stage": "graduated"}))

    assert not {"stage", "graduated_ms"} & {*row(state)}
    explained = explain(state, T0, RULES).fields["stage"]
    assert [(each.source, each.reason) for each in explained.passed_over] == [
        ("ingest:a", "no_curve")
    ]


def test_of_a_launchpad_that_is_not_known_only_what_is_stated_counts() -> None:
    assert stage(after((0, "jupiter", {"launchpad": "new.pad"}))) is None
    assert stage(after((0, "jupiter", {"launchpad": "new.pad", "stage": "completed"}))) == (
        "completed"
    )


def test_every_name_of_a_launchpad_is_one() -> None:
    assert row(after((0, "ingest:a", {"launchpad": " PumpFun "})))["launchpad"] == "pump.fun"
    assert row(after((0, "ingest:a", {"launchpad": "met-dbc"})))["launchpad"] == "meteora-dbc"


def test_the_earliest_graduation_that_can_be_true_is_shown() -> None:
    state = after(
        (0, "geckoterminal", {"graduated_ms": T0 - HOUR}),
        (0, "ingest:a", {"graduated_ms": T0 - 2 * HOUR}),
        (0, "ingest:b", {"graduated_ms": 1_600_000_000}),  # in seconds: before the first chain
    )

    assert (row(state)["stage"], row(state)["graduated_ms"]) == ("graduated", T0 - 2 * HOUR)
    explained = explain(state, T0, RULES).fields["graduated_ms"]
    assert [(each.source, each.reason) for each in explained.passed_over] == [
        ("geckoterminal", "later")
    ]
