"""From a window to commits: what is written, what is published, and that both are the same."""

from __future__ import annotations

import msgspec
import pytest

from services.aggregator.alerts import Crossing, Move
from services.aggregator.commit import Item, Stamp, draft_commit, pieces
from services.aggregator.history import LOG_MAX_BYTES, LogHistory
from services.aggregator.memory import Memory
from services.aggregator.merger import Merger
from services.aggregator.noise import NoiseFloors
from shared.keys import GONE_KEEP_MS, LOG_MAX_ENTRIES, Keys
from shared.merge.policy import MergeRules
from shared.model import METRICS, Reading
from shared.state.messages import decode
from shared.state.replica import Replica

KEYS = Keys("t:")
T0 = 1_790_000_000_000
STAMP = Stamp(fence="1", commit_id="c", ts=T0, horizon=0, log_from=0, seeding=False)


def world() -> Merger:
    replica = Replica()
    replica.reset("e1")
    return Merger(Memory(100), replica, MergeRules(), NoiseFloors())


def hear(window: Merger, address: str, at: int = T0, **fields: object) -> None:
    given = {"chain": "solana", "token_address": address, "observed_ms": at, **fields}
    window.memory.add("jupiter", msgspec.convert(given, Reading), at)


def write(window: Merger, now: int, *, saved: frozenset[str] = frozenset()) -> list[Item]:
    """One window with one commit, applied to the replica as after the store took it."""
    items = list(window.items(window.memory.take_dirty(now), now, saved))
    draft = draft_commit(KEYS, window.replica, items, STAMP)
    window.replica.advance(draft.message, draft.rows)
    return items


@pytest.mark.parametrize(
    ("late_ms", "base", "level"), [(50, 100.0, 3), (200, 120.0, 1)], ids=["soon", "in a new slot"]
)
def test_an_alert_is_of_the_time_of_its_commit(late_ms: int, base: float, level: int) -> None:
    window, slot_ms = world(), 30_000
    start = T0 // slot_ms * slot_ms
    for at, price in (
        (start, 100.0),
        (start + slot_ms + 1, 120.0),
        (start + 2 * slot_ms + 1, 120.1),
    ):
        hear(window, "A", at, price=price)
        window.settle(write(window, at))
    looked = start + 11 * slot_ms + 29_900  # 100 was in force one window before, 120 soon after
    hear(window, "A", looked, price=131.0)
    items = list(window.items(window.memory.take_dirty(looked), looked, frozenset()))
    assert [(c.move.base, c.level) for c in items[0].crossings] == [(100.0, 3)]

    (item,) = window.as_committed(items, looked + late_ms)

    (crossing,) = item.crossings
    assert (crossing.move.base, crossing.move.value, crossing.level) == (base, 131.0, level)
    assert item.tracks["5m"].up.reported_ms == looked + late_ms  # its cool-down begins then


@pytest.mark.parametrize(
    ("fields", "arm"),
    [({"price": 131.0}, "up"), ({"price": 69.0}, "down"), ({"volume_5m": 6e4}, "volume")],
)
def test_a_cooldown_begins_with_the_commit_that_reports(fields: dict[str, float], arm: str) -> None:
    window, calm = world(), {"price": 100.0, "volume_5m": 1e4}
    for at in range(T0, T0 + 360_000, 25_000):
        hear(window, "A", at, **calm)
        window.settle(write(window, at))
    looked = T0 + 360_000
    hear(window, "A", looked, **{**calm, **fields})
    items = list(window.items(window.memory.take_dirty(looked), looked, frozenset()))

    (item,) = window.as_committed(items, looked + 3_000)

    assert getattr(item.tracks["5m"], arm).reported_ms == looked + 3_000
    assert len(item.crossings) == 1


def test_what_the_cooldown_holds_back_at_the_look_is_reported_if_it_ends_before_the_commit() -> (
    None
):
    window, slot_ms = world(), 30_000
    start, prices = T0 // slot_ms * slot_ms, [100.0] * 12
    reported_ms = start + 12 * slot_ms + 10_000
    for at, price in (
        *((start + slot * slot_ms + 5_000, price) for slot, price in enumerate(prices)),
        (reported_ms, 131.0),
        *((reported_ms + slot * slot_ms, 100.0) for slot in range(1, 10)),
    ):
        hear(window, "A", at, price=price)
        window.settle(write(window, at))
    looked = reported_ms + 300_000 - 20
    hear(window, "A", looked, price=131.0)
    items = list(window.items(window.memory.take_dirty(looked), looked, frozenset()))
    assert list(items[0].crossings) == []

    (item,) = window.as_committed(items, looked + 50)

    assert [(c.move.base, c.level) for c in item.crossings] == [(100.0, 3)]


def test_a_new_token_is_written_and_published_whole() -> None:
    window = world()
    hear(window, "A", price=2.0, volume_24h=10.0)
    items = list(window.items(["solana:A"], T0, frozenset()))

    draft = draft_commit(KEYS, window.replica, items, STAMP)
    plan, message = draft.plan, draft.message

    readings, _, event, cleared, row, score = plan.commands
    assert (plan.pv, plan.tokens) == (0, 1)
    assert readings[:3] == ("HSET", "t:reading:solana:A", "jupiter")
    assert event[:2] == ("XADD", "t:alerts:log")
    assert cleared == ("DEL", "t:token:solana:A")
    assert row[:4] == ("HSET", "t:token:solana:A", "id", '"solana:A"')
    assert row[-2:] == ("rv", "1")
    assert score == ("ZADD", "t:index:volume_24h", "10.0", "solana:A")
    assert len(message.add) == 1
    assert decode(plan.message) == message


def test_a_change_is_written_and_published_by_its_fields_alone() -> None:
    window = world()
    hear(window, "A", price=2.0, volume_24h=10.0)
    write(window, T0)
    hear(window, "A", T0 + 5, price=3.0, volume_24h=None)
    items = list(window.items(["solana:A"], T0 + 5, frozenset()))

    draft = draft_commit(KEYS, window.replica, items, STAMP)
    plan, message = draft.plan, draft.message

    assert [bytes(raw) for raw in message.set] == [
        b'{"id":"solana:A","price":3.0,"volume_24h":null,"observed_ms":1790000000005,"rv":2}'
    ]
    assert [c for c in plan.commands if ":alerts:" not in c[1]][1:] == [
        ("HSET", "t:token:solana:A", "price", "3.0", "observed_ms", "1790000000005", "rv", "2"),
        ("HDEL", "t:token:solana:A", "volume_24h"),
        ("ZREM", "t:index:volume_24h", "solana:A"),
    ]


def test_what_is_below_the_noise_is_neither_written_nor_published() -> None:
    window = world()
    hear(window, "A", price=2.0)
    write(window, T0)
    hear(window, "A", T0 + 5, price=2.0001)

    assert list(window.items(["solana:A"], T0 + 5, frozenset())) == []
    waited_for = list(window.items(["solana:A"], T0 + 5, frozenset({"solana:A"})))
    assert [(item.changed, list(item.readings)) for item in waited_for] == [({}, ["jupiter"])]


def test_a_dead_token_leaves_everything() -> None:
    window = world()
    hear(window, "A", price=2.0)
    write(window, T0)
    end = T0 + window.rules.dead_after_ms

    items = list(window.items(["solana:A"], end, frozenset()))
    draft = draft_commit(KEYS, window.replica, items, STAMP)
    plan, message = draft.plan, draft.message

    assert (message.del_, plan.tokens) == (["solana:A"], 0)
    assert plan.commands == [
        ("DEL", "t:token:solana:A", "t:reading:solana:A", "t:alerts:base:solana:A"),
        ("ZADD", "t:state:gone", "2", "solana:A"),
        *[("ZREM", f"t:index:{metric}", "solana:A") for metric in METRICS],
    ]
    assert plan.digest == "0" * 16
    assert window.memory.tokens() == []


def test_a_dead_token_that_was_never_written_is_just_forgotten() -> None:
    window = world()
    hear(window, "A", price=2.0)

    assert list(window.items(["solana:A"], T0 + window.rules.dead_after_ms, frozenset())) == []
    assert window.memory.tokens() == []


def test_a_token_that_returns_is_no_longer_gone() -> None:
    window = world()
    hear(window, "A", price=2.0)
    write(window, T0)
    end = T0 + window.rules.dead_after_ms
    window.memory.touch(["solana:A"], end)
    write(window, end)
    hear(window, "A", end + 1, price=4.0)
    items = list(window.items(["solana:A"], end + 1, frozenset()))

    plan = draft_commit(KEYS, window.replica, items, STAMP).plan

    assert ("ZREM", "t:state:gone", "solana:A") in plan.commands


def test_a_stored_id_without_a_reading_is_removed() -> None:
    window = world()
    hear(window, "A", price=2.0)
    write(window, T0)
    window.memory.forget("solana:A")

    assert list(window.items(["solana:A"], T0, frozenset())) == [Item("solana:A", removed=True)]
    assert list(window.items(["solana:unknown"], T0, frozenset())) == []


def test_a_row_that_stays_is_looked_at_again_when_a_bound_is_crossed() -> None:
    window = world()
    hear(window, "A", price=2.0)
    write(window, T0)

    assert window.memory.take_dirty(T0 + window.rules.price_stale_ms - 1) == []
    assert window.memory.take_dirty(T0 + window.rules.price_stale_ms) == ["solana:A"]


def test_a_draft_makes_of_the_replica_what_its_message_makes_of_others() -> None:
    window, other = world(), Replica()
    other.reset("e1")
    for step, price in enumerate((1.0, 2.0, None)):
        hear(window, "A", T0 + step, price=price, volume_24h=5.0)
        hear(window, f"B{step}", T0 + step, liquidity=1.0 + step)
        items = list(window.items(window.memory.take_dirty(T0 + step), T0 + step, frozenset()))
        draft = draft_commit(KEYS, window.replica, items, STAMP)
        window.replica.advance(draft.message, draft.rows)
        other.apply(draft.message)

    assert other.rows == window.replica.rows
    assert other.digest == window.replica.digest
    assert other.orders.order("liquidity") == window.replica.orders.order("liquidity")


def test_a_window_is_cut_into_pieces_within_the_budget() -> None:
    items = [Item(f"solana:{n}", changed={"price": b"1"}) for n in range(10)]  # 6 fields each

    cut = list(pieces(items, budget=14))

    assert [len(piece) for piece in cut] == [2, 2, 2, 2, 2]
    assert [item for piece in cut for item in piece] == items
    assert list(pieces([], budget=14)) == []
    assert [len(piece) for piece in pieces(items[:2], budget=1)] == [1, 1]


def test_the_log_keeps_so_many_entries() -> None:
    history = LogHistory()

    assert history.log_from(1, 10) == max(0, 1 - LOG_MAX_ENTRIES + 1)
    for version in range(2, LOG_MAX_ENTRIES + 2):
        oldest = history.log_from(version, 10)
    assert oldest == 2


def test_the_log_keeps_so_many_bytes() -> None:
    history = LogHistory()
    for version in range(1, 5):
        oldest = history.log_from(version, LOG_MAX_BYTES // 3)

    assert oldest == 2
    assert history.log_from(5, LOG_MAX_BYTES * 2) == 5


def test_the_horizon_follows_fifteen_minutes_behind() -> None:
    history = LogHistory(horizon=7)
    history.tick(10, T0)
    history.tick(11, T0 + 1000)  # too soon for a sample of its own
    history.tick(20, T0 + 60_000)

    history.tick(30, T0 + GONE_KEEP_MS - 1)
    assert history.horizon == 7
    history.tick(30, T0 + GONE_KEEP_MS)
    assert history.horizon == 10
    history.tick(31, T0 + GONE_KEEP_MS + 60_000)
    assert history.horizon == 20


RISE = Crossing("price", "5m", Move(50.0, 2.0, 3.0), 3)


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, {"token_name": "Cat", "token_ticker": "CAT"}),
        ({"token_name": b'"Dog"'}, {"token_name": "Dog", "token_ticker": "CAT"}),
        ({"token_ticker": b"null"}, {"token_name": "Cat"}),
        (
            {"token_name": b'"\\ud83d\\udc31 \\"x\\""'},
            {"token_name": '🐱 "x"', "token_ticker": "CAT"},
        ),
    ],
    ids=["as before", "renamed by this commit", "ticker became unknown", "escaped"],
)
def test_an_alert_names_its_token_as_the_row_of_its_commit_does(
    changed: dict[str, bytes], names: dict[str, str]
) -> None:
    window = world()
    hear(window, "A", price=2.0, token_name="Cat", token_ticker="CAT")
    write(window, T0)

    message = draft_commit(
        KEYS, window.replica, [Item("solana:A", changed=changed, crossings=[RISE])], STAMP
    ).message

    (event,) = [msgspec.json.decode(raw) for raw in message.ev]
    assert event.items() >= {"i": "2.0", "type": "price", "id": "solana:A", "lvl": 3}.items()
    assert {name: event[name] for name in event if name.startswith("token_")} == names


def test_an_alert_of_a_token_without_a_name_has_none() -> None:
    window = world()
    hear(window, "A", price=2.0)
    write(window, T0)

    message = draft_commit(
        KEYS, window.replica, [Item("solana:A", crossings=[RISE])], STAMP
    ).message

    assert b"token_" not in bytes(message.ev[0])
