"""The store's clock, as reports of it come in: on time, late, and after it was set."""

from __future__ import annotations

import time

from services.aggregator.clock import StoreClock

STORE_MS = 1_795_000_000_000  # some other time than this machine's
SLACK_MS = 1_000  # between two lines of a test


def clock_at(store_ms: int) -> StoreClock:
    clock = StoreClock()
    clock.set(store_ms)
    return clock


def test_before_any_report_it_is_the_machines() -> None:
    assert abs(StoreClock().now_ms() - time.time() * 1000) < SLACK_MS


def test_the_first_report_holds_however_wrong_the_machine_is() -> None:
    assert 0 <= clock_at(STORE_MS).now_ms() - STORE_MS < SLACK_MS


def test_a_report_that_comes_late_sets_nothing_back() -> None:
    clock = clock_at(STORE_MS)
    clock.set(STORE_MS - 2_400)

    assert clock.now_ms() >= STORE_MS


def test_one_that_came_late_is_put_right_by_the_next() -> None:
    clock = clock_at(STORE_MS - 2_400)
    clock.set(STORE_MS)

    assert clock.now_ms() >= STORE_MS


def test_a_store_whose_clock_was_set_back_is_followed_after_some_reports() -> None:
    clock = clock_at(STORE_MS)
    for _ in range(16):
        clock.set(STORE_MS - 60_000)

    assert 0 <= clock.now_ms() - (STORE_MS - 60_000) < SLACK_MS
