from typing import Any

import pytest

from services.aggregator.noise import NO_FLOORS, NoiseFloors, RowDiff, apply, diff

FLOORS = NoiseFloors()
ROW: dict[str, Any] = {
    "id": "solana:A",
    "token_name": "A",
    "pool_count": 2,
    "price": 100.0,
    "price_spread_pct": 10.0,
    "liquidity": 1_000.0,
    "price_change_1h": 5.0,
    "price_change_24h": 1_000.0,
    "transactions_24h": 10_000,
    "sources": ["dexscreener"],
    "stale": False,
    "observed_ms": 1_790_000_000_000,
}


def changed(**fields: object) -> dict[str, Any] | None:
    """Return what the default floors let through of changes to ROW; None means unknown."""
    after = {name: v for name, v in {**ROW, **fields}.items() if v is not None}
    found = diff(ROW, after, FLOORS)
    return found.set if found else None


def test_a_new_row_is_all_change() -> None:
    assert diff(None, ROW, FLOORS) == RowDiff(ROW)


def test_the_same_row_is_no_change() -> None:
    assert changed() is None


@pytest.mark.parametrize(
    ("field", "below", "above"),
    [
        ("price", 100.0099, 100.0101),
        ("price", 99.9901, 99.9899),
        ("liquidity", 1_001.0, 1_001.1),
        ("liquidity", 999.0, 998.9),
        ("transactions_24h", 10_010, 10_011),
        ("price_change_1h", 5.009, 5.011),
        ("price_change_24h", 1_001.0, 1_001.1),
        ("price_spread_pct", 10.5, 10.6),
    ],
)
def test_a_change_counts_only_above_its_floor(field: str, below: float, above: float) -> None:
    assert changed(**{field: below}) is None
    assert changed(**{field: above}) == {field: above}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pool_count", 3),
        ("token_name", "B"),
        ("sources", ["dexscreener", "jupiter"]),
        ("stale", True),
    ],
)
def test_what_has_no_floor_always_counts(field: str, value: object) -> None:
    assert changed(**{field: value}) == {field: value}


@pytest.mark.parametrize("field", ["price", "liquidity", "price_change_1h", "transactions_24h"])
def test_a_fall_to_zero_or_to_unknown_always_counts(field: str) -> None:
    assert changed(**{field: 0}) == {field: 0}
    assert changed(**{field: None}) == {field: None}


def test_a_rise_from_zero_or_from_unknown_always_counts() -> None:
    tiny = diff({"price_change_1h": 0.0}, {"price_change_1h": 1e-9, "volume_5m": 1e-9}, FLOORS)
    assert tiny == RowDiff({"price_change_1h": 1e-9, "volume_5m": 1e-9})


def test_a_change_of_sign_is_measured_like_any_other() -> None:
    assert changed(price_change_1h=-5.0) == {"price_change_1h": -5.0}
    assert diff({"price_change_1h": 0.004}, {"price_change_1h": -0.004}, FLOORS) is None


def test_slow_drift_adds_up_against_the_committed_value() -> None:
    row, published = {"price": 100.0}, []
    for price in (100.004, 100.008, 100.012, 100.016, 100.020, 100.024):
        change = diff(row, {"price": price}, FLOORS)
        row = apply(row, change)
        published += [change.set["price"]] if change else []
    assert published == [100.012, 100.024]


def test_the_time_of_observation_rides_along() -> None:
    after = {**ROW, "price": 101.0, "observed_ms": 1_790_000_000_500}
    assert diff(ROW, after, FLOORS) == RowDiff({"price": 101.0, "observed_ms": 1_790_000_000_500})


def test_the_time_of_observation_alone_counts_only_past_thirty_seconds() -> None:
    assert changed(observed_ms=1_790_000_030_000) is None
    assert changed(observed_ms=1_790_000_030_001) == {"observed_ms": 1_790_000_030_001}


def test_the_time_of_observation_counts_when_it_becomes_known_or_unknown() -> None:
    assert changed(observed_ms=None) == {"observed_ms": None}
    assert diff({}, {"observed_ms": 5}, FLOORS) == RowDiff({"observed_ms": 5})


def test_what_is_below_its_floor_is_not_written_with_what_is_above() -> None:
    assert changed(price=100.005, liquidity=2_000.0) == {"liquidity": 2_000.0}


def test_the_version_of_the_row_is_not_a_value() -> None:
    assert diff({**ROW, "rv": 7}, ROW, FLOORS) is None
    assert apply({"price": 1.0, "rv": 7}, RowDiff({"price": 2.0})) == {"price": 2.0, "rv": 7}


def test_applying_sets_values_and_drops_what_became_unknown() -> None:
    before = {"price": 1.0, "fdv": 2.0}
    assert apply(before, RowDiff({"price": 3.0, "fdv": None, "holders": None})) == {"price": 3.0}
    assert before == {"price": 1.0, "fdv": 2.0}


def test_applying_no_diff_changes_nothing() -> None:
    assert apply({"price": 1.0}, None) == {"price": 1.0}
    assert apply(None, None) == {}


def test_without_floors_every_difference_counts() -> None:
    after = {**ROW, "price": 100.00000001, "observed_ms": 1_790_000_000_001}
    assert apply(ROW, diff(ROW, after, NO_FLOORS)) == after
