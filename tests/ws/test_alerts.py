"""Alerts on the stream: who gets which, what is sent again, what is lost and reported as lost."""

from __future__ import annotations

from typing import Any

import pytest

from services.ws.alert_history import read_history
from shared import keys as keys_
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.commits import Ledger, Level, Writer, token
from tests.testkit.gateway import StartGateway, joined, receive
from tests.testkit.hub import FakeGateway, enter
from tests.testkit.wait import eventually

A, B = "solana:A", "base:B"


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.commit(token("A", price=1) | token("B", "base", price=1))
    return ledger


@pytest.fixture
def gateway(ledger: Ledger) -> FakeGateway:
    return FakeGateway(ledger)


def alert_ids(frames: list[dict[str, Any]]) -> list[str]:
    return [event["i"] for frame in frames for event in frame.get("ev", ())]


@pytest.mark.parametrize(
    ("topic", "heard"),
    [
        ("alerts", ["2.0", "2.1", "2.2"]),
        ("alerts:L2", ["2.1", "2.2"]),
        ("alerts:L4", []),
        ("alerts:solana", ["2.0", "2.2"]),
        ("alerts:solana:L2", ["2.2"]),
        ("alerts:token:base:B", ["2.1"]),
        ("alerts:token:base:B:L3", []),
    ],
)
def test_a_topic_receives_its_alerts_of_its_level_and_above(
    ledger: Ledger, gateway: FakeGateway, topic: str, heard: list[str]
) -> None:
    _, sink = enter(gateway, topic)
    assert [(f["t"], f["rows"], f["v"]) for f in sink.drain()] == [("snap", [], 1)]

    gateway.follow(ledger.commit(token("A", price=2), alerts=[(A, 1), (B, 2), (A, 3)]))

    frames = sink.drain()
    assert alert_ids(frames) == heard
    assert all((f["t"], f["k"], f["pv"], f["v"]) == ("ev", topic, 1, 2) for f in frames)


@pytest.mark.parametrize(
    ("topic", "heard"),
    [
        ("alerts", ["2.0", "2.2", "2.3"]),
        ("alerts:L2", []),
        ("alerts:listed", ["2.1"]),
        ("alerts:graduated", ["2.2", "2.3"]),
        ("alerts:solana", ["2.0", "2.2"]),
        ("alerts:solana:graduated", ["2.2"]),
        ("alerts:token:solana:A:listed", []),
        ("alerts:token:base:B:listed", ["2.1"]),
        ("alerts:token:base:B", ["2.3"]),
    ],
)
def test_what_is_listed_comes_only_where_it_is_named(
    ledger: Ledger, gateway: FakeGateway, topic: str, heard: list[str]
) -> None:
    _, sink = enter(gateway, topic)
    sink.drain()

    alerts: list[tuple[str, Level]] = [(A, 1), (B, "listed"), (A, "graduated"), (B, "graduated")]
    gateway.follow(ledger.commit(token("A", price=2), alerts=alerts))

    assert alert_ids(sink.drain()) == heard
    _, late = enter(gateway, topic, since=("e1", 1))
    assert alert_ids(late.drain()) == heard


def test_a_resume_is_sent_what_it_missed(ledger: Ledger, gateway: FakeGateway) -> None:
    for _ in range(3):
        gateway.follow(ledger.commit(alerts=[(A, 1), (B, 4)]))

    _, sink = enter(gateway, "alerts:L4", since=("e1", 2))

    frames = sink.drain()
    assert [(f["t"], f["pv"], f["v"]) for f in frames] == [("ev", 2, 4)]
    assert alert_ids(frames) == ["3.1", "4.1"]


def test_a_gateway_that_comes_later_sends_what_the_log_holds(ledger: Ledger) -> None:
    ledger.commit(alerts=[(A, 1)])
    ledger.commit(alerts=[(B, 1)])
    late = FakeGateway(ledger)

    _, sink = enter(late, "alerts", since=("e1", 1))

    assert alert_ids(sink.drain()) == ["2.0", "3.0"]


def test_what_the_log_no_longer_holds_is_reported_as_lost(ledger: Ledger) -> None:
    ledger.commit(alerts=[(A, 1)])
    ledger.commit(alerts=[(A, 2)])
    ledger.alerts_floor = 2
    late = FakeGateway(ledger)

    _, sink = enter(late, "alerts", since=("e1", 1))

    lost, events = sink.drain()
    assert lost == {"t": "lost", "k": "alerts", "from": 1, "to": 2}
    assert (events["pv"], events["v"], alert_ids([events])) == (1, 3, ["3.0"])


def test_when_the_store_cannot_say_everything_before_is_lost(ledger: Ledger) -> None:
    ledger.commit(alerts=[(A, 1)])
    gateway = FakeGateway(ledger)
    gateway.hub.on_reset()
    _, sink = enter(gateway, "alerts", since=("e1", 1))
    assert sink.drain() == []

    gateway.hub.alerts.give_up()
    gateway.sweep()

    lost, events = sink.drain()
    assert (lost["from"], lost["to"]) == (1, 2)
    assert "ev" not in events


def test_a_load_costs_no_alert(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "alerts", "all")
    sink.drain()
    ledger.commit(alerts=[(A, 1)])

    gateway.load()
    gateway.sweep()

    frames = sink.drain()
    assert [(f["t"], f.get("k"), f["v"]) for f in frames] == [
        ("hb", None, 1),
        ("ev", "alerts", 2),
        ("snap", "all", 2),
    ]
    assert alert_ids(frames) == ["2.0"]


def test_a_new_epoch_starts_the_topic_again(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "alerts")
    sink.drain()
    ledger.begin("e2")

    gateway.follow(ledger.commit(token("A", price=1)))
    gateway.follow(ledger.commit(alerts=[(A, 1)]))

    snap, events = sink.drain()
    assert (snap["t"], snap["e"], snap["rows"]) == ("snap", "e2", [])
    assert alert_ids([events]) == ["2.0"]


def test_a_slow_reader_gets_them_all_in_one_frame(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "alerts", room=100)
    gateway.follow(ledger.commit(alerts=[(A, 1)]))
    for _ in range(20):
        gateway.follow(ledger.commit(alerts=[(A, 2)]))
    sink.drain()

    gateway.sweep()

    opening, events = sink.drain()
    assert (opening["t"], opening["v"]) == ("hb", 2)
    assert (events["pv"], events["v"], len(events["ev"])) == (2, 22, 20)


def test_an_event_that_is_not_understood_is_passed_over(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    ledger.alerts.append((1, b'{"i":"1.0","type":"moon"}'))
    gateway.load()

    _, sink = enter(gateway, "alerts", since=("e1", 0))

    assert alert_ids(sink.drain()) == []


def test_so_many_alerts_are_kept(
    ledger: Ledger, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ws.core.alerts.ALERTS_MAX_ENTRIES", 3)
    for _ in range(5):
        gateway.follow(ledger.commit(alerts=[(A, 1)]))

    _, sink = enter(gateway, "alerts", since=("e1", 2))

    lost, events = sink.drain()
    assert (lost["from"], lost["to"]) == (2, 3)
    assert alert_ids([events]) == ["4.0", "5.0", "6.0"]


async def test_the_history_says_how_far_back_it_is_whole(
    writer: Writer, redis: Redis, keys: Keys
) -> None:
    assert (await read_history(redis, keys)).floor == 0
    for _ in range(4):
        await writer.commit(alerts=[(A, 1), (A, 2)])
    whole = await read_history(redis, keys)
    await redis.xtrim(keys.alerts_log, maxlen=3, approximate=False)
    trimmed = await read_history(redis, keys)
    await redis.xtrim(keys.alerts_log, maxlen=0, approximate=False)
    empty = await read_history(redis, keys)

    assert (whole.epoch, whole.floor, len(whole.events)) == ("e1", 0, 8)
    assert (trimmed.floor, [event.v for event in trimmed.events]) == (3, [3, 4, 4])
    assert (empty.floor, empty.events) == (4, ())


async def test_a_restarted_gateway_replays_from_the_log(
    start_gateway: StartGateway, writer: Writer
) -> None:
    assert keys_.ALERTS_MAX_ENTRIES >= 1_000
    await writer.commit(token("A", price=1), alerts=[(A, 1)])
    await writer.commit(alerts=[(A, 2)])
    gateway = await start_gateway()
    await eventually(lambda: gateway.gateway is not None and gateway.gateway.hub.ready)

    async with joined(gateway.url) as client:
        await client.send('{"op":"resume","e":"e1","topics":{"alerts":1}}')
        events = await receive(client, "ev")
        await writer.commit(alerts=[(A, 3)])
        live = await receive(client, "ev")

    assert alert_ids([events]) == ["2.0"]
    assert alert_ids([live]) == ["3.0"]


async def test_a_log_that_cannot_be_read_holds_nobody_up(
    start_gateway: StartGateway, writer: Writer, redis: Redis, keys: Keys
) -> None:
    await writer.commit(token("A", price=1))
    await redis.set(keys.alerts_log, "not a stream")
    gateway = await start_gateway()

    async with joined(gateway.url) as client:
        await client.send('{"op":"resume","e":"e1","topics":{"alerts":0,"all":0}}')
        lost = await receive(client, "lost")

    assert (lost["from"], lost["to"]) == (0, 1)
