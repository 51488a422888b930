"""Rows with the same ticker are marked, and never merged."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.tickers import Tickers

Row = dict[str, Any]


def row(ticker: str = "CAT", created_ms: int | None = None, liquidity: float | None = None) -> Row:
    given = {"token_ticker": ticker, "created_ms": created_ms, "liquidity": liquidity}
    return {name: value for name, value in given.items() if value is not None}


def filled(**rows: Row) -> Tickers:
    tickers = Tickers()
    for token, each in rows.items():
        tickers.put(token, each)
    return tickers


def test_a_ticker_of_its_own_is_not_marked() -> None:
    tickers = filled(a=row("CAT"), b=row("DOG"), c={})
    assert [tickers.mark(token) for token in ("a", "b", "c", "nobody")] == [None] * 4


def test_of_two_the_older_and_the_more_liquid_are_reported() -> None:
    tickers = filled(a=row(created_ms=5, liquidity=100.0), b=row(created_ms=9, liquidity=900.0))
    assert tickers.mark("a") == {"count": 2, "oldest": True, "most_liquid": False}
    assert tickers.mark("b") == {"count": 2, "oldest": False, "most_liquid": True}


@pytest.mark.parametrize(
    "ticker",
    [
        "cat",
        "\uff23\uff21\uff34",
        "$CAT",
        "$$CAT",
        "$ CAT",
        "CAT\ufe0f",
        "C\u200bAT",
        " CAT\u3164",
        "ᶜAT",
    ],
)
def test_look_alikes_of_a_ticker_are_one_group(ticker: str) -> None:
    mark = filled(a=row("CAT"), b=row(ticker)).mark("a")
    assert mark is not None
    assert mark["count"] == 2


def test_a_second_of_a_ticker_touches_the_first_and_its_removal_too() -> None:
    tickers = filled(a=row())
    assert tickers.put("b", row()) == {"a"}
    assert tickers.remove("b") == {"a"}
    assert tickers.mark("a") is None


def test_a_renamed_token_touches_the_group_it_leaves_and_the_one_it_joins() -> None:
    tickers = filled(a=row("CAT"), b=row("CAT"), c=row("DOG"))
    assert tickers.put("b", row("DOG")) == {"a", "c"}


def test_what_changes_no_mark_touches_nobody() -> None:
    tickers = filled(a=row(liquidity=100.0), b=row(liquidity=9_000.0))
    assert tickers.put("b", row(liquidity=9_100.0)) == set()
    assert tickers.put("b", row(liquidity=9_100.0)) == set()


def test_about_equal_liquidity_does_not_move_the_flag() -> None:
    tickers = filled(
        a=row(created_ms=5, liquidity=10_000.0), b=row(created_ms=9, liquidity=9_900.0)
    )
    for liquidity in (10_100.0, 9_900.0, 10_100.0):
        assert tickers.put("b", row(created_ms=9, liquidity=liquidity)) == set()
    assert tickers.put("b", row(created_ms=9, liquidity=20_000.0)) == {"a"}


def test_a_flag_that_moves_touches_only_who_had_it_and_who_gets_it() -> None:
    tickers = filled(a=row(liquidity=9_000.0), b=row(liquidity=10.0), c=row(liquidity=10.0))
    assert tickers.put("c", row(liquidity=90_000.0)) == {"a"}


def test_large_groups_are_counted_by_steps() -> None:
    tickers = Tickers()
    touched = [len(tickers.put(f"t{number:03}", row())) for number in range(60)]
    mark = tickers.mark("t000")
    assert mark is not None
    assert mark["count"] == 50
    assert [size for size in touched[9:] if size] == [9, 19, 49]


tokens = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.one_of(
            st.none(),
            st.builds(
                row,
                ticker=st.sampled_from(["CAT", "cat", "DOG", ""]),
                created_ms=st.sampled_from([None, 1, 2]),
                liquidity=st.sampled_from([None, 0.0, 5.0, 6.0, 900.0]),
            ),
        ),
    ),
    max_size=12,
)


@given(tokens)
def test_marks_depend_on_the_rows_alone_and_one_that_is_not_touched_keeps_his(
    changes: list[tuple[str, Row | None]],
) -> None:
    tickers, rows = Tickers(), dict[str, Row]()
    held: dict[str, Any] = {}
    for token, change in changes:
        touched = tickers.remove(token) if change is None else tickers.put(token, change)
        rows.pop(token, None)
        if change is not None:
            rows[token] = change
        held = {each: mark for each, mark in held.items() if each in rows}
        held |= {each: tickers.mark(each) for each in (touched | {token}) & rows.keys()}
    loaded = Tickers({token: msgspec.json.encode(each) for token, each in rows.items()})
    backwards = filled(**dict(sorted(rows.items(), reverse=True)))
    for token in rows:
        assert tickers.mark(token) == loaded.mark(token) == backwards.mark(token) == held[token]
