"""Candles made of shorter ones, their volumes, and what is missing between them."""

from __future__ import annotations

import msgspec
import pytest

from shared.history.candle import (
    Candle,
    Gap,
    Outage,
    StoredCandle,
    aggregated,
    covered,
    filled,
    merged,
    missing,
)
from shared.history.outages import common_outages
from tests.testkit.history import MS0, T0, candle

MINUTE = 60_000
LATER = MS0 + 86_400_000  # everything is closed


def of_minutes(*prices: float, **fields: object) -> list[StoredCandle]:
    return [candle(T0 + 60 * n, price, **fields) for n, price in enumerate(prices)]


def test_five_minutes_make_a_candle_with_their_extremes_and_looks() -> None:
    (found,) = aggregated(of_minutes(3.0, 5.0, 1.0, 2.0, 4.0), "5m", LATER)
    assert (found.t, found.o, found.h, found.l, found.c, found.n) == (MS0, 3.0, 5.0, 1.0, 4.0, 5)
    assert (found.cover, found.closed, found.kind) == (1.0, True, "seen")


def test_minutes_that_are_not_there_lower_the_cover() -> None:
    minutes = of_minutes(1.0, 1.0, 1.0, 1.0, 1.0)
    (found,) = aggregated([minutes[0], minutes[4]], "5m", LATER)
    assert (found.n, found.cover) == (2, 0.4)


def test_a_price_that_never_moved_makes_a_flat_candle() -> None:
    flat, seen = of_minutes(2.0, 2.0, moved=False), of_minutes(2.0, 2.0)
    assert [each.kind for each in aggregated(flat, "5m", LATER)] == ["flat"]
    assert [each.kind for each in aggregated([flat[0], seen[1]], "5m", LATER)] == ["seen"]


def test_a_change_of_source_between_two_minutes_makes_their_candle_mixed() -> None:
    first, second = of_minutes(1.0, 1.0)
    second.by = "dexscreener"
    (found,) = aggregated([first, second], "5m", LATER)
    assert (found.mixed, found.by) == (True, "dexscreener")


def test_a_part_without_looks_adds_its_cover_alone() -> None:
    part = candle(T0, 0.0, n=0, cover_ms=-20_000)
    whole = merged(candle(T0, 2.0), part)
    assert (whole.c, whole.l, whole.n, whole.cover_ms) == (2.0, 2.0, 1, 40_000)
    assert merged(part, candle(T0, 2.0)) == whole


@pytest.mark.parametrize(
    ("last", "volume"), [(299, 70.0), (240, 70.0), (239, None)], ids=["end", "just", "before"]
)
def test_a_trailing_volume_counts_when_it_was_read_near_the_close(
    last: int, volume: float | None
) -> None:
    read = candle(T0 + last // 60 * 60, volume_5m=70.0, last_ms=MS0 + last * 1000)
    assert [each.volume for each in aggregated([read], "5m", LATER)] == [volume]


def test_an_open_candle_has_the_volume_of_now_and_no_more_cover_than_has_passed() -> None:
    (found,) = aggregated([candle(T0, volume_5m=70.0, last_ms=MS0 + 9_000)], "5m", MS0 + 10_000)
    assert (found.closed, found.volume, found.cover) == (False, 70.0, 0.0333)


def test_fifteen_minutes_add_three_volumes_or_have_none() -> None:
    ends = [candle(T0 + 300 * n + 240, volume_5m=10.0 * n) for n in (1, 2, 3)]
    assert [each.volume for each in aggregated(ends[:2], "15m", LATER)] == [None]
    shifted = [candle(T0 + 300 * n + 240, volume_5m=10.0) for n in (0, 1, 2)]
    assert [each.volume for each in aggregated(shifted, "15m", LATER)] == [30.0]


def test_four_hours_add_four_trailing_hours() -> None:
    hours = [
        candle(T0 + 3600 * n, volume_1h=5.0, last_ms=MS0 + 3_600_000 * (n + 1) - 1)
        for n in range(4)
    ]
    assert [each.volume for each in aggregated(hours, "4h", LATER)] == [20.0]


def test_a_minute_has_no_volume() -> None:
    assert aggregated([candle(T0, volume_5m=9.0)], "1m", LATER)[0].volume is None


def test_what_is_missing_has_one_of_three_reasons() -> None:
    gaps = missing(
        (MS0, MS0 + 6 * MINUTE),
        "1m",
        [MS0],
        [(MS0, MS0 + 4 * MINUTE)],
        [Outage(MS0 + 2 * MINUTE + 30_000, MS0 + 4 * MINUTE, "", "no aggregator")],
    )
    assert [(gap.kind, gap.from_ms - MS0, gap.to_ms - MS0) for gap in gaps] == [
        ("unseen", MINUTE, 2 * MINUTE),
        ("outage", 2 * MINUTE, 4 * MINUTE),
        ("not_recorded", 4 * MINUTE, 6 * MINUTE),
    ]
    assert gaps[1].why == "no aggregator"


def test_an_outage_of_less_than_half_an_interval_does_not_explain_it() -> None:
    short = [Outage(MS0, MS0 + 29_999, "", "no aggregator")]
    (gap,) = missing((MS0, MS0 + MINUTE), "1m", [], [(MS0, MS0 + MINUTE)], short)
    assert gap.kind == "unseen"


def test_a_token_of_two_sources_is_missing_while_both_are_down() -> None:
    outages = [
        Outage(0, 100, "jupiter", "jupiter was down"),
        Outage(60, 200, "dexscreener", "dexscreener was down"),
        Outage(300, 400, "", "no aggregator"),
    ]
    both = common_outages(outages, ["jupiter", "dexscreener"])
    assert [(each.from_ms, each.to_ms) for each in both] == [(300, 400), (60, 100)]
    assert [each.why for each in common_outages(outages, ["birdeye"])] == ["no aggregator"]


def test_overlapping_spans_cover_a_time_once() -> None:
    assert covered((10, 100), [(50, 70), (0, 20), (60, 200)]) == 10 + 50


def test_gaps_are_filled_with_the_last_close_and_marked() -> None:
    (only,) = aggregated([candle(T0 + 60, 3.0)], "1m", LATER)
    drawn = filled([only], (MS0, MS0 + 3 * MINUTE), "1m", 2.0)
    assert [(each.kind, each.c, each.n) for each in drawn] == [
        ("filled", 2.0, 0),
        ("seen", 3.0, 1),
        ("filled", 3.0, 0),
    ]
    assert filled([only], (MS0, MS0 + MINUTE * 2), "1m", None) == [only]


def test_what_is_not_known_is_left_out_of_an_answer() -> None:
    (found,) = aggregated([candle(T0)], "1m", LATER)
    encoded = msgspec.json.decode(msgspec.json.encode(found), type=dict)
    assert not encoded.keys() & {"liquidity", "market_cap", "volume", "origin"}
    assert isinstance(found, Candle)
    assert Gap(from_ms=0, to_ms=1, kind="unseen", why="x").kind == "unseen"
