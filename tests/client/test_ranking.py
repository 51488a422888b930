"""Which topic a view follows, and how it filters and sorts."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dexwire.client.ranking import Filters, Ranking
from dexwire.stream.rows import FIELDS, Patch, Row
from shared.model import ROW_FIELDS


def rank(rows: list[dict[str, Any]], **given: Any) -> list[str]:  # noqa: ANN401
    """The ids that a list shows; filters are those of its arguments that are bounds."""
    filters = {k: v for k, v in given.items() if k.startswith(("min_", "max_"))}
    rest = {k: v for k, v in given.items() if k not in filters}
    ranking = Ranking(**rest, filters=tuple(filters.items()))
    return [row["id"] for row in ranking.rank(cast("list[Row]", rows), 60_000 * 100)]


@pytest.mark.parametrize(
    ("given", "topic"),
    [
        ({}, "list:volume:24h:desc:*:50"),
        ({"limit": 51, "chain": "solana", "window": "5m"}, "list:volume:5m:desc:solana:100"),
        ({"sort": "newest", "order": "asc", "limit": 1}, "list:newest:-:asc:*:10"),
        ({"limit": 201}, "all"),
        ({"chain": "base", "filters": (("min_price", 1.0),)}, "chain:base"),
    ],
)
def test_a_view_follows_the_narrowest_topic_that_has_its_rows(
    given: dict[str, Any], topic: str
) -> None:
    assert Ranking(**given).topic == topic


def test_rows_are_sorted_by_figure_then_id_in_the_same_direction() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "s:A", "liquidity": 1.0},
        {"id": "s:B", "liquidity": 2.0},
        {"id": "s:C", "liquidity": 2.0},
        {"id": "s:D"},
    ]

    assert rank(rows, sort="liquidity") == ["s:C", "s:B", "s:A"]
    assert rank(rows, sort="liquidity", order="asc") == ["s:A", "s:B", "s:C"]
    assert rank(rows, sort="liquidity", limit=1) == ["s:C"]


def test_bounds_are_inclusive_and_unknown_passes_none() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "s:A", "volume_24h": 5.0, "liquidity": 10.0, "created_ms": 60_000 * 95},
        {"id": "s:B", "volume_24h": 6.0, "liquidity": 20.0, "created_ms": 60_000 * 10},
        {"id": "s:C", "volume_24h": 7.0},
    ]

    assert rank(rows, min_liquidity=10) == ["s:B", "s:A"]
    assert rank(rows, max_liquidity=10) == ["s:A"]
    assert rank(rows, min_volume=6) == ["s:C", "s:B"]
    assert rank(rows, max_age_minutes=5) == ["s:A"]


@pytest.mark.parametrize(
    "wrong", [{"sort": "vol"}, {"window": "7d"}, {"order": "up"}, {"limit": 0}]
)
def test_what_is_no_list_is_an_error(wrong: dict[str, Any]) -> None:
    given = {"sort": "volume", "window": "24h", "order": "desc", "chain": None, "limit": 1}

    with pytest.raises(ValueError, match=r"must be"):
        Ranking.of(**{**given, **wrong}, filters={})


def test_an_unknown_filter_is_an_error() -> None:
    with pytest.raises(TypeError, match="there is no filter min_fun"):
        Ranking.of(
            sort="volume",
            window="24h",
            order="desc",
            chain=None,
            limit=1,
            filters=cast("Filters", {"min_fun": 1}),
        )


def test_the_client_and_the_services_speak_of_the_same_row() -> None:
    assert FIELDS == ROW_FIELDS
    assert tuple(Patch.__annotations__) == ROW_FIELDS
