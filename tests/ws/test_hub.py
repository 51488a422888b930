"""The hub: who is sent what, in which bytes, and what a slow connection costs."""

from __future__ import annotations

from typing import Any

import pytest

from services.ws.core.frames import PRIVATE_PART
from services.ws.core.member import ClientPosition
from services.ws.core.register import Full
from services.ws.core.topics import parse_topic
from shared.edge.rates import Rates
from tests.testkit.commits import Ledger, token
from tests.testkit.hub import FakeGateway, FakeSink, enter


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.commit(token("A", price=1) | token("0xb", "base", price=2))
    return ledger


@pytest.fixture
def gateway(ledger: Ledger) -> FakeGateway:
    return FakeGateway(ledger)


def kinds(frames: list[dict[str, Any]]) -> list[tuple[str, str | None, int]]:
    return [(frame["t"], frame.get("k"), frame["v"]) for frame in frames]


def test_each_topic_is_sent_its_own_part(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "chain:solana", "token:base:0xb")
    sink.drain()

    gateway.follow(ledger.commit(token("A", price=5)))
    gateway.follow(ledger.commit(token("0xb", "base", price=6)))

    assert kinds(sink.drain()) == [("d", "chain:solana", 2), ("d", "token:base:0xb", 3)]


def test_a_topics_chain_skips_the_commits_that_do_not_concern_it(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, "chain:solana")
    sink.drain()

    for put in (token("A", price=5), token("0xb", "base", price=6), token("A", price=7)):
        gateway.follow(ledger.commit(put))

    assert [(f["pv"], f["v"]) for f in sink.drain()] == [(1, 2), (2, 4)]


def test_a_new_rooms_chain_starts_where_its_first_listener_does(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    gateway.follow(ledger.commit(token("A", price=5)))
    _, sink = enter(gateway, "all")
    sink.drain()

    gateway.follow(ledger.commit(token("A", price=6)))

    assert [(f["pv"], f["v"]) for f in sink.drain()] == [(2, 3)]


def test_listeners_of_equal_topics_are_written_the_same_bytes(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    sinks = [enter(gateway, "all", "chain:solana")[1] for _ in range(3)]
    assert len({id(data) for sink in sinks for data in sink.unsent}) == 2  # two snapshots
    for sink in sinks:
        sink.drain()

    gateway.follow(ledger.commit(token("A", price=5)))

    assert [len(sink.unsent) for sink in sinks] == [1, 1, 1]  # both frames in one write
    assert len({id(sink.unsent[0]) for sink in sinks}) == 1
    assert kinds(sinks[0].drain()) == [("d", "all", 2), ("d", "chain:solana", 2)]


def test_listeners_of_different_topics_share_the_frames_of_those_they_have_in_common(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    (_, one), (_, two) = enter(gateway, "all"), enter(gateway, "all", "token:base:0xb")
    one.drain()
    two.drain()

    gateway.follow(ledger.commit(token("A", price=5)))

    assert one.unsent[0] is two.unsent[0]


def test_nothing_is_written_above_the_mark(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "all", room=10)

    for price in range(5, 10):
        gateway.follow(ledger.commit(token("A", price=price)))
        gateway.beat()

    assert kinds(sink.drain()) == [("snap", "all", 1)]


def test_a_reader_that_falls_far_behind_gets_one_folded_diff_a_topic(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    member, sink = enter(gateway, "all", "chain:solana", "chain:bsc", room=250)
    while sink.paused:
        sink.drain()
        gateway.hub.serve(member)
    sink.write(b"\x81\x7d" + b" " * 123 + b"{}")
    sink.held += 1000  # full
    for price in range(100, 120):
        gateway.follow(ledger.commit(token("A", price=price)))
    gateway.follow(ledger.commit(remove=["base:0xb"]))

    sink.held -= 1000
    sink.drain()
    gateway.hub.serve(member)

    frames = sink.drain()
    gateway.hub.serve(member)
    frames += sink.drain()
    assert kinds(frames) == [("hb", None, 1), ("d", "all", 22), ("d", "chain:solana", 22)]
    assert [(f["pv"], f["cf"]) for f in frames[1:]] == [(1, 21), (1, 21)]
    assert [row["price"] for row in frames[1]["add"]] == [119]
    assert frames[1]["del"] == ["base:0xb"]


def test_no_heartbeat_names_a_version_that_was_not_written(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    member, sink = enter(gateway, "all")
    sink.drain()
    gateway.apply(ledger.commit(token("A", price=5)))

    gateway.beat()

    assert kinds(sink.drain()) == [("d", "all", 2), ("hb", None, 2)]
    assert member.sent_v == 2


def test_a_resume_gets_what_changed_and_what_was_removed(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    gateway.follow(ledger.commit(token("C", price=1)))
    gateway.follow(ledger.commit(remove=["solana:A"]))

    _, sink = enter(gateway, "all", "chain:base", since=("e1", 1))

    frames = sink.drain()
    assert kinds(frames) == [("d", "all", 3), ("d", "chain:base", 3)]
    assert [(f["pv"], f["cf"]) for f in frames] == [(1, 2), (1, 2)]
    assert [row["id"] for row in frames[0]["add"]] == ["solana:C"]
    assert frames[0]["del"] == ["solana:A"]
    assert "add" not in frames[1]  # sent even when empty


@pytest.mark.parametrize("since", [("e0", 1), ("e1", 1)])
def test_a_cursor_of_another_epoch_or_below_the_horizon_gets_a_snapshot(
    ledger: Ledger, gateway: FakeGateway, since: tuple[str, int]
) -> None:
    ledger.horizon = 2
    gateway.follow(ledger.commit(token("C", price=1)))

    _, sink = enter(gateway, "all", "token:solana:A", since=since)

    assert kinds(sink.drain()) == [("snap", "all", 2), ("snap", "token:solana:A", 2)]


def test_a_cursor_ahead_of_this_gateway_just_registers(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    ahead = [ledger.commit(token("A", price=price)) for price in (5, 6)]
    _, sink = enter(gateway, "all", since=("e1", 2))

    assert kinds(sink.drain()) == []
    for commit in ahead:
        gateway.follow(commit)
    assert [(f["pv"], f["v"]) for f in sink.drain()] == [(1, 2), (2, 3)]


def test_a_new_epoch_is_one_snapshot_a_topic_once_it_is_seeded(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, "all", "chain:solana")
    sink.drain()

    ledger.begin("e2")
    gateway.follow(ledger.commit(token("A", price=1), seeding=True))
    gateway.beat()
    gateway.follow(ledger.commit(token("B", price=1), seeding=True))
    assert [(f["e"], f["v"], f["st"]) for f in sink.drain()] == [("e1", 1, "resync")]
    gateway.follow(ledger.commit(token("C", price=1)))
    gateway.follow(ledger.commit(token("C", price=2)))

    frames = sink.drain()
    assert kinds(frames) == [
        ("snap", "all", 3),
        ("snap", "chain:solana", 3),
        ("d", "all", 4),
        ("d", "chain:solana", 4),
    ]
    assert frames[0]["e"] == "e2"
    assert [row["id"] for row in frames[0]["rows"]] == ["solana:A", "solana:B", "solana:C"]


def test_while_reloading_a_heartbeat_names_what_the_client_holds(gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "all")
    sink.drain()
    gateway.world.is_loaded = False
    gateway.replica.reset("e9")
    gateway.replica.version = 77

    gateway.beat()

    assert [(f["e"], f["v"], f["st"]) for f in sink.drain()] == [("e1", 1, "resync")]


def test_who_asks_while_nothing_is_loaded_is_served_when_it_is(ledger: Ledger) -> None:
    gateway = FakeGateway(ledger)
    gateway.world.is_loaded = False
    sink = FakeSink()
    member = gateway.hub.enter(sink)

    how = gateway.hub.subscribe(
        member, {parse_topic("all"): ClientPosition("e1", 1), parse_topic("chain:base"): None}
    )
    gateway.beat()
    gateway.load()
    gateway.sweep()

    assert how == {"all": "wait", "chain:base": "wait"}
    frames = sink.drain()
    assert kinds(frames) == [("hb", None, 0), ("snap", "chain:base", 1)]
    assert frames[0]["e"] == "e1"  # what the client claims to hold


@pytest.mark.parametrize(("age_ms", "status"), [(0, "live"), (3_000, "live"), (3_001, "stale")])
def test_silence_of_three_seconds_is_reported(
    gateway: FakeGateway, age_ms: int, status: str
) -> None:
    _, sink = enter(gateway, "all")
    sink.drain()
    gateway.world.age = age_ms

    gateway.beat()

    assert [(f["age_ms"], f["st"]) for f in sink.drain()] == [(age_ms, status)]


def test_an_aggregator_that_was_never_seen_has_no_age(gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "all")
    sink.drain()
    gateway.world.age = None

    gateway.beat()

    assert [("age_ms" in frame, frame["st"]) for frame in sink.drain()] == [(False, "stale")]


def test_a_gap_that_the_log_fills_is_sent_commit_by_commit(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, "all")
    sink.drain()

    for price in range(5, 10):
        gateway.apply(ledger.commit(token("A", price=price)))
    gateway.sweep()

    assert [(f["pv"], f["v"]) for f in sink.drain()] == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]


def test_private_parts_are_small_and_made_as_the_buffer_drains(ledger: Ledger) -> None:
    ledger.commit({k: v for n in range(400) for k, v in token(f"T{n}", text="x" * 600).items()})
    gateway = FakeGateway(ledger)

    member, sink = enter(gateway, "all", since=("e1", 1), room=64 * 1024)
    parts = 0
    while sink.unsent:
        parts += len(sink.drain(1))
        gateway.hub.serve(member)

    assert parts == 5  # of 260 KB
    assert sink.most_held <= 64 * 1024 + PRIVATE_PART + 100


def test_a_topic_can_be_left_and_rooms_end_with_their_last_listener(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    (one, sink), (two, _) = enter(gateway, "all", "chain:solana"), enter(gateway, "all")
    sink.drain()

    gateway.hub.unsubscribe(one, ["all", "chain:nowhere"])
    gateway.follow(ledger.commit(token("A", price=5)))
    assert kinds(sink.drain()) == [("d", "chain:solana", 2)]
    gateway.hub.leave(one)
    gateway.hub.leave(two)
    gateway.hub.leave(two)

    assert list(gateway.hub.rooms) == []
    assert gateway.hub.members == {}


def test_a_connection_that_left_in_the_middle_of_a_sweep_is_not_written(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    entered = [enter(gateway, "all") for _ in range(300)]
    for _, sink in entered:
        sink.drain()
    gateway.apply(ledger.commit(token("A", price=5)))

    sweep = gateway.hub.sweep()
    next(sweep)
    for member, _ in entered[256:]:
        gateway.hub.leave(member)
    list(sweep)

    assert [len(sink.unsent) for _, sink in entered] == [1] * 256 + [0] * 44


def test_commits_that_arrive_during_a_sweep_reach_everyone_in_order(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    sinks = [enter(gateway, "all")[1] for _ in range(300)]
    for sink in sinks:
        sink.drain()
    gateway.apply(ledger.commit(token("A", price=5)))

    sweep = gateway.hub.sweep()
    next(sweep)
    gateway.apply(ledger.commit(token("A", price=6)))
    list(sweep)
    gateway.sweep()

    assert {tuple(f["v"] for f in sink.drain()) for sink in sinks} == {(2, 3)}


def test_who_resumes_from_the_same_version_is_written_the_same_bytes(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    gateway.follow(ledger.commit(token("A", price=5)))

    (_, one), (_, two) = (
        enter(gateway, "all", since=("e1", 1)),
        enter(gateway, "all", since=("e1", 1)),
    )

    assert one.unsent[0] is two.unsent[0]


def test_a_room_keeps_the_folded_diffs_of_sixteen_starting_points(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    for price in range(20):
        gateway.follow(ledger.commit(token("A", price=price)))
    sinks = [enter(gateway, "all", since=("e1", version))[1] for version in (*range(1, 19), 1)]

    assert [sink.drain()[0]["pv"] for sink in sinks] == [*range(1, 19), 1]
    assert len(gateway.hub.rooms["all"]._folds) == 16


def test_a_resume_over_commits_that_did_not_concern_a_topic_writes_nothing_of_it(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    member, sink = enter(gateway, "chain:bsc")
    sink.drain()
    sink.held = sink.room + 1  # full
    for price in range(20):
        gateway.follow(ledger.commit(token("A", price=price)))

    sink.held = 0
    gateway.hub.serve(member)
    gateway.beat()

    assert kinds(sink.drain()) == [("hb", None, 21)]


def test_heartbeats_pause_after_each_256_connections(gateway: FakeGateway) -> None:
    sinks = [enter(gateway, "all")[1] for _ in range(300)]
    for sink in sinks:
        sink.drain()

    beating = gateway.hub.beat()
    next(beating)

    assert [len(sink.unsent) for sink in sinks] == [1] * 256 + [0] * 44


def test_a_commit_after_a_silent_jump_is_not_made_of_the_commits_before_it(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, "all")
    sink.drain()
    gateway.apply(ledger.commit(token("A", price=5)))
    gateway.replica.apply(ledger.commit(token("B", price=6)))  # the hub did not hear of it

    gateway.follow(ledger.commit(token("A", price=7)))

    frames = sink.drain()
    assert kinds(frames) == [("hb", None, 1), ("d", "all", 4)]
    assert frames[1]["cf"] == 3


def test_a_reader_that_was_stalled_below_the_horizon_gets_a_snapshot(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    member, sink = enter(gateway, "all")
    sink.drain()
    sink.held = sink.room + 1  # full
    ledger.horizon = 5
    for price in range(20):
        gateway.follow(ledger.commit(token("A", price=price)))

    sink.held = 0
    gateway.hub.serve(member)

    assert kinds(sink.drain()) == [("hb", None, 1), ("snap", "all", 21)]


def test_while_seeding_a_heartbeat_does_not_name_the_new_epochs_version(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, "all")
    sink.drain()
    ledger.begin("e2")
    for price in range(5):
        gateway.follow(ledger.commit(token("A", price=price), seeding=True))

    gateway.beat()

    assert [(f["e"], f["v"]) for f in sink.drain()] == [("e1", 1)]


def test_one_address_begins_only_so_many_large_snapshots(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    gateway.hub.snapshot_rates = Rates(0.5, 2)
    gateway.follow(ledger.commit(token("A", price=1)))
    _, sink = enter(gateway, "all", address="192.0.2.1")
    enter(gateway, "chain:solana", address="192.0.2.1")

    with pytest.raises(Full, match="too many snapshots for one address; again in 2 s"):
        enter(gateway, "all", address="192.0.2.1")
    enter(gateway, "token:solana:A", address="192.0.2.1")  # a small one
    enter(gateway, "all", address="192.0.2.2")
    gateway.world.now += 2_000
    enter(gateway, "all", address="192.0.2.1")

    assert [frame["t"] for frame in sink.drain()] == ["snap"]
