"""Query strings, strictly (FAULTS, rows 42-47, 50, 51)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.discover.query import DiscoverQuery, parse_discover
from shared.edge.http.problem import Problem
from tests.testkit.api import problem_of


@pytest.mark.parametrize(
    ("query_string", "query"),
    [
        (b"", DiscoverQuery()),
        (b"sort=newest", DiscoverQuery(sort="newest", window="-")),
        (b"sort=liquidity&order=asc", DiscoverQuery(sort="liquidity", window="-", order="asc")),
        (b"window=5m&chain=ETH&limit=100", DiscoverQuery(window="5m", chain="ethereum", limit=100)),
        (b"sort=price%5Fchange", DiscoverQuery(sort="price_change")),
        (b"cursor=40&", DiscoverQuery(offset=40)),
    ],
)
def test_defaults_are_filled_in_so_that_equal_requests_are_equal(
    query_string: bytes, query: DiscoverQuery
) -> None:
    assert parse_discover(query_string) == query


@pytest.mark.parametrize(
    ("query", "metric"),
    [
        (DiscoverQuery(), "volume_24h"),
        (DiscoverQuery(sort="price_change", window="5m"), "price_change_5m"),
        (DiscoverQuery(sort="newest", window="-"), "created"),
        (DiscoverQuery(sort="market_cap", window="-"), "market_cap"),
    ],
)
def test_a_sort_and_window_name_an_index(query: DiscoverQuery, metric: str) -> None:
    assert query.metric == metric


@pytest.mark.parametrize(
    ("query_string", "code", "param"),
    [
        (b"sort=foo", "bad_sort", "sort"),
        (b"sort=", "bad_sort", "sort"),
        (b"sort", "bad_sort", "sort"),
        (b"sort=__proto__", "bad_sort", "sort"),
        (b"sort=volume%00", "bad_sort", "sort"),
        (b"sort=volume&sort=volume", "repeated_parameter", "sort"),
        *(
            (b"limit=" + text, "bad_limit", "limit")
            for text in (
                b"-1", b"101", b"1e9", b"1.5", b"1e2", b"0x10", b"%205", b"+5", b"%2B5",
                b"%EF%BC%95", b"", b"1_0", b"%D9%A1",
            )
        ),
        (b"limit=" + b"9" * 5_000, "bad_limit", "limit"),
        (b"cursor=-1", "bad_cursor", "cursor"),
        (b"cursor=9223372036854775808", "bad_cursor", "cursor"),
        (b"cursor=18446744073709551616", "bad_cursor", "cursor"),
        (b"cursor=" + b"9" * 5_000, "bad_cursor", "cursor"),
        (b"cursor=", "bad_cursor", "cursor"),
        (b"cursor=a%20b", "bad_cursor", "cursor"),
        (b"foo=1", "unknown_parameter", "foo"),
        (b"Sort=volume", "unknown_parameter", "Sort"),
        (b"sort=%zz", "bad_encoding", "sort"),
        (b"sort=%", "bad_encoding", "sort"),
        (b"sort=%ff", "bad_encoding", "sort"),
        (b"sort=\xff", "bad_encoding", "sort"),
        (b"order=up", "bad_order", "order"),
        (b"window=7d", "bad_window", "window"),
        (b"sort=liquidity&window=5m", "bad_window", "window"),
        (b"chain=so lana", "bad_chain", "chain"),
        (b"chain=", "bad_chain", "chain"),
    ],
)  # fmt: skip
def test_what_is_not_exactly_right_is_400_and_named(
    query_string: bytes, code: str, param: str
) -> None:
    with pytest.raises(Problem) as caught:
        parse_discover(query_string)

    problem = caught.value
    assert (problem.status, problem.code, problem.param) == (400, code, param)
    assert len(problem.body()) < 1_024


@given(st.binary(max_size=300))
def test_no_query_string_raises_anything_but_a_problem(query_string: bytes) -> None:
    for given_query in (query_string, b"limit=" + query_string, b"cursor=" + query_string):
        problem = problem_of(given_query)
        assert problem is None or (problem.status == 400 and len(problem.body()) < 1_024)
