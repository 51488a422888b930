"""What is reported as an alert, along paths with known crossings; the test moves the clock."""

from __future__ import annotations

from typing import Any

import pytest

from services.aggregator.alerts import (
    SLOTS,
    AlertBook,
    AlertRules,
    Arm,
    PriceSample,
    Track,
    encode_track,
    turn,
)

T0 = 1_789_999_920_000  # a multiple of both slots: 30 s and 6 min
TOKEN = "solana:A"
FIVE = AlertRules(price_windows=("5m",), volume_windows=("5m",))
Reported = tuple[str, str, float, int]  # type, window, percent, level


class Path:
    """One token's commits, in order; `at` returns what is reported of one."""

    def __init__(self, rules: AlertRules = FIVE) -> None:
        self.book = AlertBook(rules)
        self.row: dict[str, Any] | None = None

    def at(self, second: int, **fields: object) -> list[Reported]:
        """Commit at so many seconds after T0. None: unknown. Without `seen`, observed just now."""
        now_ms = T0 + second * 1000
        seen = fields.pop("seen", second)
        assert isinstance(seen, int)
        changed = {"observed_ms": T0 + seen * 1000, **fields}
        if self.row is None:
            changed = {"price_source": "jupiter", "sources": ["jupiter"], **changed}
        judged = self.book.judge(TOKEN, self.row, changed, now_ms)
        self.book.put(TOKEN, judged.tracks)
        after = {**(self.row or {}), **changed}
        self.row = {name: value for name, value in after.items() if value is not None}
        return [(c.type, c.window, round(c.move.change, 2), c.level) for c in judged.crossings]

    def remove(self) -> None:
        self.book.forget(TOKEN)
        self.row = None

    def restart(self) -> None:
        """Another aggregator takes over with what is stored."""
        stored = {w: encode_track(track) for w, track in self.book.tracks(TOKEN).items()}
        self.book = AlertBook()
        self.book.load(TOKEN, stored)


def since_six_minutes(**fields: object) -> Path:
    """A token that has stood still for six minutes, seen each minute."""
    path = Path()
    for minute in range(7):
        assert path.at(60 * minute, **fields) == []
    return path


def test_a_price_that_rises_by_more_than_five_percent_is_reported_once() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=105.0) == []  # exactly five is not over five
    assert path.at(362, price=105.5) == [("price", "5m", 5.5, 1)]
    assert path.at(363, price=106.0) == []
    assert path.at(364, price=105.2) == []


def test_a_fall_is_reported_with_its_sign() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=94.0) == [("price", "5m", -6.0, 1)]
    assert path.at(362, price=89.0) == [("price", "5m", -11.0, 2)]
    assert path.at(363, price=40.0) == [("price", "5m", -60.0, 4)]


def test_the_base_and_the_value_are_reported_as_they_were_committed() -> None:
    path = since_six_minutes(price=100.0)
    assert path.row is not None

    judged = path.book.judge(TOKEN, path.row, {"price": 131.4}, T0 + 361_000)

    (crossing,) = judged.crossings
    assert (crossing.move.base, crossing.move.value, crossing.level) == (100.0, 131.4, 3)


@pytest.mark.parametrize(
    ("price", "level"),
    [(105.0, 0), (105.01, 1), (110.0, 1), (110.01, 2), (120.01, 3), (150.0, 3), (150.01, 4),
     (95.0, 0), (94.99, 1), (89.99, 2), (79.99, 3), (49.99, 4), (1e9, 4), (1e-9, 4)],
)  # fmt: skip
def test_a_level_is_reached_above_its_percentage(price: float, level: int) -> None:
    path = since_six_minutes(price=100.0)

    assert [reported[3] for reported in path.at(361, price=price)] == ([level] if level else [])


def test_a_jump_over_several_levels_is_one_event_of_the_highest() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=125.0) == [("price", "5m", 25.0, 3)]
    assert path.at(362, price=111.0) == []
    assert path.at(363, price=126.0) == []


def test_the_next_level_within_the_cooldown_is_an_event_of_its_own() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=106.0) == [("price", "5m", 6.0, 1)]
    assert path.at(362, price=111.0) == [("price", "5m", 11.0, 2)]
    assert path.at(363, price=121.0) == [("price", "5m", 21.0, 3)]
    assert path.at(364, price=151.0) == [("price", "5m", 51.0, 4)]
    assert path.at(365, price=300.0) == []


def test_a_price_that_plays_around_the_threshold_is_reported_once() -> None:
    path = Path(AlertRules(price_windows=("1h",), volume_windows=(), cooldown_ms=0))
    for minute in range(0, 70, 5):
        path.at(60 * minute, price=100.0)

    reported = [path.at(4200 + n, price=105.5 if n % 2 else 104.5) for n in range(100)]

    assert sum(len(events) for events in reported) == 1


def test_after_a_fall_below_four_fifths_and_the_cooldown_it_is_reported_again() -> None:
    path = Path(AlertRules(price_windows=("1h",), volume_windows=()))
    for minute in range(0, 70, 5):
        path.at(60 * minute, price=100.0)

    assert path.at(4200, price=106.0) == [("price", "1h", 6.0, 1)]
    assert path.at(4550, price=104.1) == []
    assert path.at(4551, price=106.0) == []  # it has not fallen far enough
    assert path.at(4552, price=103.9) == []
    assert path.at(4553, price=106.0) == [("price", "1h", 6.0, 1)]


def test_a_level_is_ready_again_though_nothing_was_committed_when_the_change_fell() -> None:
    path = since_six_minutes(price=100.0, volume_5m=1e4)
    assert path.at(361, price=160.0, volume_5m=6e4) == [
        ("price", "5m", 60.0, 4),
        ("volume", "5m", 500.0, 3),
    ]
    assert path.at(391, price=160.0) == []

    # One window after the rise 160 is the base: until now the change was 0.
    assert path.at(691, price=300.0, volume_5m=3.6e5) == [
        ("price", "5m", 87.5, 4),
        ("volume", "5m", 500.0, 3),
    ]


def test_a_crossing_within_the_cooldown_is_reported_at_its_end_if_it_lasts() -> None:
    path = Path(AlertRules(price_windows=("1h",), volume_windows=()))
    for minute in range(0, 70, 5):
        path.at(60 * minute, price=100.0)

    assert path.at(4200, price=106.0) == [("price", "1h", 6.0, 1)]
    assert path.at(4201, price=100.0) == []
    assert path.at(4202, price=107.0) == []
    assert path.at(4499, price=107.1) == []
    assert path.at(4500, price=107.2) == [("price", "1h", 7.2, 1)]
    assert path.at(4501, price=107.3) == []


def test_a_higher_level_than_was_sent_is_reported_in_the_cooldown_too() -> None:
    path = Path(AlertRules(price_windows=("1h",), volume_windows=()))
    for minute in range(0, 70, 5):
        path.at(60 * minute, price=100.0)

    assert path.at(4200, price=106.0) == [("price", "1h", 6.0, 1)]
    assert path.at(4201, price=100.0) == []
    assert path.at(4202, price=112.0) == [("price", "1h", 12.0, 2)]


def test_up_and_down_do_not_wait_for_each_other() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=110.5) == [("price", "5m", 10.5, 2)]
    assert path.at(362, price=90.5) == [("price", "5m", -9.5, 1)]
    assert path.at(363, price=110.6) == []  # armed again, but in the cool-down


def test_a_move_slower_than_the_window_is_reported_by_the_longer_window_alone() -> None:
    path = Path(AlertRules(volume_windows=()))
    reported = [path.at(60 * minute, price=100 * 1.002**minute) for minute in range(120)]

    events = [event for events in reported for event in events]
    assert [(window, level) for _, window, _, level in events] == [("1h", 2)]


def test_a_new_token_has_no_base_for_one_window() -> None:
    path = Path()
    reported = [path.at(10 * n, price=1.0 + n) for n in range(31)]  # it doubles, and goes on

    assert reported == [[]] * 31
    assert path.at(331, price=1000.0) == [("price", "5m", 33233.33, 4)]  # base: 3


def test_the_base_is_what_was_in_force_one_window_ago_however_few_commits_there_are() -> None:
    path = Path()
    path.at(5, price=100.0)
    path.at(200, price=101.0)

    # 330 s: 5 min ago begins the slot of 30 s, in which 100 was in force
    assert path.at(330, price=106.0) == [("price", "5m", 6.0, 1)]


def test_the_base_moves_on_with_the_price_that_was_committed() -> None:
    path = since_six_minutes(price=100.0)
    path.at(361, price=104.0)

    assert path.at(659, price=108.0) == [("price", "5m", 8.0, 1)]  # base: 100, from 330 s
    path = since_six_minutes(price=100.0)
    path.at(361, price=104.0)
    assert path.at(690, price=108.0) == []  # base: 104, in force at 390 s


def test_what_upstream_says_of_a_change_is_no_crossing() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=100.5, price_change_5m=80.0, price_change_1h=900.0) == []


def test_a_price_that_becomes_known_has_no_base() -> None:
    path = since_six_minutes(liquidity=5.0)

    assert path.at(361, price=7.0) == []
    assert path.at(420, price=70.0) == []
    assert path.at(749, price=7.0) == []  # 7 was in force until 420 s
    assert path.at(750, price=7.1) == [("price", "5m", -89.86, 4)]  # base: 70


def test_a_price_that_becomes_unknown_is_no_fall() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=None) == []
    assert path.at(362, price=106.0) == [("price", "5m", 6.0, 1)]  # 100 was in force at 60 s


def test_a_price_of_nothing_is_neither_base_nor_fall() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=0.0) == []
    path = since_six_minutes(price=0.0)
    assert path.at(361, price=100.0) == []


def test_a_stale_token_raises_no_alert_and_gives_no_base() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(960, seen=360, stale=True) == []
    assert path.at(1000, price=200.0, stale=False) == []
    assert path.at(1290, price=300.0) == []  # five minutes ago it was stale
    assert path.at(1320, price=300.0) == [("price", "5m", 50.0, 3)]


def test_what_happened_in_an_outage_of_ours_did_not_happen_in_one_window() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(360 + 3600, price=150.0) == []
    assert path.at(360 + 3600 + 330, price=150.0) == []


def test_a_short_outage_loses_no_crossing() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(360 + 240, price=150.5) == [("price", "5m", 50.5, 4)]


def test_a_switch_between_sources_is_no_move_of_the_market() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(361, price=108.0, price_source="dexscreener") == []
    assert path.at(362, price=109.0) == []
    assert path.at(363, price=106.0, price_source="jupiter") == [("price", "5m", 6.0, 1)]


def test_a_source_is_measured_against_itself_as_soon_as_it_has_a_base() -> None:
    path = since_six_minutes(price=100.0)
    path.at(361, price=108.0, price_source="dexscreener")

    assert path.at(690, price=115.0) == [("price", "5m", 6.48, 1)]


def test_a_collapse_that_takes_the_liquidity_with_it_is_reported() -> None:
    path = since_six_minutes(price=100.0, price_source="dexscreener")

    fallen = path.at(361, price=1.0, price_source="dexscreener:thin")

    assert fallen == [("price", "5m", -99.0, 4)]


def test_a_volume_is_measured_against_the_same_window_one_window_ago() -> None:
    path = since_six_minutes(volume_5m=10_000.0)

    assert path.at(361, volume_5m=15_000.0) == []
    assert path.at(362, volume_5m=15_100.0) == [("volume", "5m", 51.0, 1)]
    assert path.at(363, volume_5m=20_100.0) == [("volume", "5m", 101.0, 2)]
    assert path.at(364, volume_5m=99_000.0) == [("volume", "5m", 890.0, 4)]


def test_a_volume_that_falls_is_no_spike() -> None:
    path = since_six_minutes(volume_5m=10_000.0)

    assert path.at(361, volume_5m=10.0) == []
    assert path.at(362, volume_5m=0.0) == []


def test_a_volume_from_nothing_or_from_unknown_has_no_base() -> None:
    for first in (0.0, None):
        path = since_six_minutes(volume_5m=first)
        assert path.at(361, volume_5m=50_000.0) == []


def test_little_money_is_no_spike_until_it_is_more() -> None:
    path = since_six_minutes(volume_5m=10.0)

    assert path.at(361, volume_5m=999.0) == []
    assert path.at(362, volume_5m=1_000.0) == [("volume", "5m", 9900.0, 4)]


def test_a_source_that_joins_is_no_spike() -> None:
    path = since_six_minutes(volume_5m=10_000.0, sources=["jupiter"])

    joined = ["dexscreener", "jupiter"]
    assert path.at(361, volume_5m=40_000.0, sources=joined) == []
    path = since_six_minutes(volume_5m=10_000.0, sources=joined)
    assert path.at(361, volume_5m=40_000.0, sources=["jupiter"]) == [("volume", "5m", 300.0, 3)]


def test_a_token_that_returns_starts_over() -> None:
    path = since_six_minutes(price=100.0)
    path.at(361, price=106.0)
    path.remove()

    assert path.at(362, price=300.0) == []
    assert path.at(392, price=300.0) == []
    assert path.at(700, price=320.0) == [("price", "5m", 6.67, 1)]


def test_a_restart_neither_repeats_nor_loses() -> None:
    path = since_six_minutes(price=100.0)
    path.restart()
    assert path.at(361, price=106.0) == [("price", "5m", 6.0, 1)]
    path.restart()
    assert path.at(362, price=107.0) == []
    path.restart()
    assert path.at(363, price=112.0) == [("price", "5m", 12.0, 2)]


def test_a_new_epoch_keeps_what_was_sent_and_what_was_known() -> None:
    path = since_six_minutes(price=100.0)
    path.at(361, price=106.0)
    path.restart()
    path.row = None  # the store begins with no rows

    assert path.at(392, price=107.0) == []
    assert path.at(393, price=112.0) == [("price", "5m", 12.0, 2)]


def test_what_the_store_has_not_taken_is_judged_again() -> None:
    path = since_six_minutes(price=100.0)
    assert path.row is not None

    first = path.book.judge(TOKEN, path.row, {"price": 106.0}, T0 + 361_000)
    again = path.book.judge(TOKEN, path.row, {"price": 106.0}, T0 + 361_000)

    assert len(first.crossings) == 1
    assert again == first


def test_a_quiet_commit_within_a_slot_stores_nothing() -> None:
    path = since_six_minutes(price=100.0)
    path.at(361, price=101.0)
    assert path.row is not None

    assert path.book.judge(TOKEN, path.row, {"price": 102.0}, T0 + 362_000).tracks == {}


def test_a_history_is_bounded() -> None:
    path = Path(AlertRules())
    for second in range(0, 8000, 7):
        path.at(second, price=100.0 + second % 90, volume_5m=1.0, volume_1h=5.0)

    tracks = path.book.tracks(TOKEN)
    assert {window: len(track.samples) for window, track in tracks.items()} == {
        "5m": SLOTS + 1,
        "1h": SLOTS + 1,
    }


def test_a_clock_that_was_set_back_begins_the_history_again() -> None:
    path = since_six_minutes(price=100.0)

    assert path.at(-7200, price=200.0) == []
    assert path.at(-7199, price=100.0) == []


def test_a_little_step_back_of_the_clock_changes_nothing() -> None:
    path = since_six_minutes(price=100.0)  # until 360 s, where a slot begins

    assert path.at(359, price=106.0) == [("price", "5m", 6.0, 1)]


def test_an_alert_with_a_time_in_the_future_holds_nothing_back() -> None:
    rules = AlertRules()

    arm, reported = turn(Arm(0, 1, T0 + 9_000_000), 6.0, rules.price_levels, T0, rules)

    assert (arm, reported) == (Arm(1, 1, T0), True)


@pytest.mark.parametrize("junk", [b"", b"{}", b"[[1]]", b"null", b'[[["x"]]]', b"\xff"])
def test_a_stored_track_that_cannot_be_read_starts_over(junk: bytes) -> None:
    path = since_six_minutes(price=100.0)
    path.book = AlertBook()
    path.book.load(TOKEN, {"5m": junk, "3d": b"[]"})

    assert path.book.tracks(TOKEN) == {}
    assert path.at(361, price=200.0) == []


def test_a_window_that_is_not_watched_costs_nothing() -> None:
    book = AlertBook(AlertRules(price_windows=(), volume_windows=()))
    judged = book.judge(TOKEN, None, {"price": 1.0}, T0)

    assert (judged.crossings, judged.tracks) == ([], {})


def test_a_track_is_stored_as_short_json() -> None:
    track = Track((PriceSample(7, 1.5, "jupiter", 3.0, "jupiter"), PriceSample(8)), up=Arm(1, 2, 3))

    assert encode_track(track) == (
        b'[[[7,1.5,"jupiter",3.0,"jupiter"],[8,null,"",null,""]],[1,2,3],[0,0,0],[0,0,0]]'
    )
