"""The trending score: the same for one row and for many, and monotone in what is honest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexwire.stream.trending import PARTS, SCALES, fields_of, parts_of, score_of
from shared.state.orders import Orders
from tests.testkit.process import ROOT

VECTORS = msgspec.json.decode((ROOT / "tests" / "vectors" / "trending.json").read_bytes())
T0 = 1_790_000_000_000
HOUR_MS = 3_600_000
# A token that many people trade, three hours old.
HOT: dict[str, Any] = {
    "id": "solana:Hot",
    "observed_ms": T0,
    "created_ms": T0 - 3 * HOUR_MS,
    "liquidity": 60_000.0,
    "volume_1h": 100_000.0,
    "volume_6h": 300_000.0,
    "transactions_1h": 2_000,
    "traders_1h": 700,
    "net_buyers_1h": 150,
    "organic_volume_1h": 25_000.0,
}

money = st.sampled_from([0.0, 1.0, 37.5, 900.0, 4_000.0, 1e5, 5e6, 1e9])
people = st.integers(0, 100_000)
KINDS = {
    "created_ms": st.integers(T0 - 40 * 24 * HOUR_MS, T0 + HOUR_MS),
    "traders": people,
    "transactions": people,
    "net_buyers": st.integers(-1_000, 100_000),
    "flags": st.sampled_from([["boosted"], ["drained"], ["copycat", "suspicious"]]),
    "stale": st.booleans(),
}


def rows_of(window: str, *without: str) -> st.SearchStrategy[dict[str, Any]]:
    """Rows in which all that the score of a window depends on may be unknown."""
    names = [name for name in fields_of(window) if name not in {"observed_ms", *without}]
    optional = {name: KINDS.get(name.removesuffix(f"_{window}"), money) for name in names}
    return st.fixed_dictionaries({"observed_ms": st.just(T0)}, optional=optional)


def windows_and(
    rows: Callable[[str], st.SearchStrategy[Any]],
) -> st.SearchStrategy[tuple[str, Any]]:
    return st.sampled_from(sorted(SCALES)).flatmap(lambda w: st.tuples(st.just(w), rows(w)))


ranked = windows_and(lambda window: rows_of(window, "flags", "stale"))


def orders_of(*given_rows: dict[str, Any]) -> Orders:
    orders = Orders()
    for number, row in enumerate(given_rows):
        fields = {name: msgspec.json.encode(value) for name, value in row.items()}
        orders.put(f"x:{number:04}", fields, whole=True)
    return orders


@given(windows_and(lambda window: st.lists(rows_of(window), max_size=8)))
def test_columns_give_the_score_that_each_row_has_alone(
    given: tuple[str, list[dict[str, Any]]],
) -> None:
    window, several = given
    orders = orders_of(*several)
    ids = [f"x:{number:04}" for number in range(len(several))]
    metric = f"trending_{window}"

    scores = [score_of(row, window) for row in several]
    assert [orders.score(ident, metric) or 0 for ident in ids] == scores
    assert orders.trending_parts(ids, metric) == [parts_of(row, window) for row in several]
    listed = sorted((score, ident) for score, ident in zip(scores, ids, strict=True) if score)
    assert orders.order(metric) == [ident for _, ident in reversed(listed)]


@given(windows_and(rows_of))
def test_parts_add_up_to_a_score_of_0_to_10_000(given: tuple[str, dict[str, Any]]) -> None:
    window, row = given
    parts = parts_of(row, window)

    assert sum(parts.values()) == score_of(row, window)
    assert 0 <= score_of(row, window) <= 10_000
    assert set(parts) <= set(PARTS)
    assert all(isinstance(part, int) for part in parts.values())


@given(
    ranked,
    st.sampled_from(["traders", "net_buyers", "organic_volume", "liquidity", "created_ms"]),
    st.sampled_from([1, 50, 3_000, 10**8]),
)
def test_more_of_what_is_honest_never_lowers_the_score(
    given: tuple[str, dict[str, Any]], figure: str, more: int
) -> None:
    window, row = given
    name = figure if figure in row else f"{figure}_{window}"
    raised = {**row, name: row[name] + more} if name in row else row

    assert score_of(raised, window) >= score_of(row, window)


@given(ranked, st.sampled_from([1.0, 750.0, 1e6]))
def test_a_rise_of_volume_that_is_organic_never_lowers_the_score(
    given: tuple[str, dict[str, Any]], more: float
) -> None:
    window, row = given
    organic = f"organic_volume_{window}"
    before = {**row, organic: min(row.get(organic, 0), row.get(f"volume_{window}", 0))}
    rising = {name: before[name] + more for name in before if name.startswith("volume_")}

    after = {**before, **rising, organic: before[organic] + more}
    assert score_of(after, window) >= score_of(before, window)


@given(ranked, st.sets(st.integers(0, 12)))
def test_the_unknown_never_beats_the_known(
    given: tuple[str, dict[str, Any]], hidden: set[int]
) -> None:
    window, row = given
    seen = {name: row[name] for place, name in enumerate(row) if place not in hidden}

    assert score_of(seen, window) <= score_of(row, window)


def test_the_parts_of_one_token_as_the_document_has_them() -> None:
    assert parts_of(HOT, "1h") == {
        "traders": 2693,
        "net_buyers": 1178,
        "organic": 769,
        "turnover": 861,
        "pace": 298,
        "age": -644,
    }


def test_the_vectors_that_the_page_passes_too() -> None:
    ranked_here = [{**each, "score": score_of(each["row"], each["window"])} for each in VECTORS]

    assert ranked_here == VECTORS


@pytest.mark.parametrize(
    "unranked", [{"flags": ["suspicious"]}, {"flags": ["drained", "thin"]}, {"stale": True}]
)
def test_what_is_drained_suspicious_or_stale_has_no_score(unranked: dict[str, Any]) -> None:
    assert score_of(HOT, "1h") > 0
    assert score_of({**HOT, **unranked}, "1h") == 0


def test_promotion_is_no_part_of_it() -> None:
    promoted = {**HOT, "boosts": 500, "flags": ["boosted"], "verified": True}

    assert parts_of(promoted, "1h") == parts_of(HOT, "1h")
    assert not {"boosts", "verified"}.intersection(*map(fields_of, SCALES))
