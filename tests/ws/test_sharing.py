"""What is done once for all (compression, joins), and the pace that a client may choose."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from services.ws.core import frames
from services.ws.core.member import Member
from services.ws.core.session import Session
from services.ws.core.topics import parse_topic, watch_topic
from tests.testkit.commits import Ledger, Writer, token
from tests.testkit.gateway import StartGateway, joined, receive
from tests.testkit.hub import FakeGateway, FakeSink
from tests.testkit.reference_client import ReferenceClient

LONG = "long " * 200


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.commit(token("A", text=LONG))
    return ledger


@pytest.fixture
def gateway(ledger: Ledger) -> FakeGateway:
    return FakeGateway(ledger)


@pytest.fixture
def deflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what was compressed, in order."""
    sizes: list[int] = []
    deflate = frames.deflated_frame

    def counted(payload: bytes) -> bytes:
        sizes.append(len(payload))
        return deflate(payload)

    monkeypatch.setattr(frames, "deflated_frame", counted)
    return sizes


def enter(gateway: FakeGateway, *names: str, deflate: bool) -> tuple[Member, FakeSink]:
    sink = FakeSink(deflate=deflate)
    member = gateway.hub.enter(sink)
    gateway.hub.subscribe(member, {parse_topic(name): None for name in names})
    gateway.hub.serve(member)
    return member, sink


def test_a_shared_frame_is_compressed_once_for_all_who_take_it(
    ledger: Ledger, gateway: FakeGateway, deflated: list[int]
) -> None:
    packed = [enter(gateway, "all", deflate=True)[1] for _ in range(5)]
    plain = [enter(gateway, "all", deflate=False)[1] for _ in range(5)]
    assert len(deflated) == 1  # the snapshot

    gateway.follow(ledger.commit(token("A", text=LONG + "er")))

    assert len(deflated) == 2
    assert len({id(sink.unsent[-1]) for sink in packed}) == 1
    assert len({id(sink.unsent[-1]) for sink in plain}) == 1
    assert packed[0].unsent[-1][0] == 0xC1
    assert len(packed[0].unsent[-1]) < len(plain[0].unsent[-1]) / 4
    assert packed[0].drain() == plain[0].drain()


def test_joined_frames_are_shared_in_both_encodings(
    ledger: Ledger, gateway: FakeGateway, deflated: list[int]
) -> None:
    sinks = [enter(gateway, "all", "chain:solana", deflate=n % 2 == 0)[1] for n in range(6)]
    for sink in sinks:
        sink.drain()

    gateway.follow(ledger.commit(token("A", text=LONG + "er")))

    assert [len(sink.unsent) for sink in sinks] == [1] * 6
    assert len({id(sink.unsent[0]) for sink in sinks}) == 2
    assert len(deflated) == 4  # two snapshots, two diffs


def test_short_frames_stay_plain(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "all", deflate=True)
    sink.drain()

    gateway.follow(ledger.commit(token("A", price=1)))

    assert sink.unsent[0][0] == 0x81
    assert frames.deflated_frame(b"x" * 511) == frames.text_frame(b"x" * 511)


def test_what_only_one_client_receives_is_not_compressed(
    ledger: Ledger, gateway: FakeGateway, deflated: list[int]
) -> None:
    sink = FakeSink(deflate=True)
    member = gateway.hub.enter(sink)
    gateway.hub.subscribe(member, {watch_topic(("solana:A",), "1"): None})
    gateway.hub.serve(member)

    gateway.follow(ledger.commit(token("A", text=LONG + "er")))

    assert [frame["t"] for frame in sink.drain()] == ["snap", "d"]
    assert deflated == []


def test_a_compressed_frame_is_what_the_extension_says() -> None:
    payload = b'{"t":"d","k":"all"}' * 100

    frame = frames.deflated_frame(payload)

    assert frame[0] == 0xC1  # FIN, RSV1, text
    body = frame[2:] if frame[1] < 126 else frame[4:]
    assert zlib.decompressobj(-15).decompress(body + b"\x00\x00\xff\xff") == payload


async def test_a_library_client_reads_compressed_and_plain_frames_in_any_mix(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", text=LONG))
    gateway = await start_gateway()
    state = ReferenceClient()

    async with joined(f"{gateway.url}?topics=all", compression="deflate") as client:
        state.rx(await receive(client, "snap"))
        for n in range(10):
            await writer.commit(token("A", text=LONG * (n % 2), price=n))
            state.rx(await receive(client, "d"))

    assert state.rows["all"] == writer.ledger.topic("all", "e1", 11)


# -- rate -----------------------------------------------------------------------------------------
def session(gateway: FakeGateway, max_hz: float) -> FakeSink:
    sink = FakeSink()
    caller = Session(gateway.hub, sink)
    caller.receive('{"op":"sub","topics":["all"]}', 0.0)
    caller.receive(f'{{"op":"rate","max_hz":{max_hz}}}', 0.0)
    sink.drain()
    return sink


def test_a_client_may_ask_to_be_sent_less_often(ledger: Ledger, gateway: FakeGateway) -> None:
    sink = session(gateway, 1)
    gateway.follow(ledger.commit(token("A", price=0)))
    assert [frame["t"] for frame in sink.drain()] == ["d"]

    for n in range(1, 6):
        gateway.world.now += 190
        gateway.follow(ledger.commit(token("A", price=n)))
    assert sink.drain() == []
    gateway.world.now += 50
    gateway.beat()

    opening, folded, beat = sink.drain()
    assert [opening["v"], folded["pv"], folded["v"], folded["cf"]] == [2, 2, 7, 5]
    assert (beat["t"], beat["v"]) == ("hb", 7)


def test_while_it_rests_its_heartbeats_name_what_it_was_sent(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    sink = session(gateway, 0.1)
    gateway.follow(ledger.commit(token("A", price=0)))
    gateway.world.now += 1_000
    gateway.follow(ledger.commit(token("A", price=1)))
    sink.drain()

    gateway.beat()

    assert [(frame["t"], frame["v"]) for frame in sink.drain()] == [("hb", 2)]


def test_the_others_are_served_as_ever(ledger: Ledger, gateway: FakeGateway) -> None:
    session(gateway, 1)
    _, sink = enter(gateway, "all", deflate=False)
    sink.drain()

    for n in range(3):
        gateway.follow(ledger.commit(token("A", price=n)))

    found: list[dict[str, Any]] = sink.drain()
    assert [(frame["pv"], frame["v"]) for frame in found] == [(1, 2), (2, 3), (3, 4)]


def test_who_rests_and_asks_for_more_is_brought_up_to_date(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    sink = FakeSink()
    caller = Session(gateway.hub, sink)
    for message in ('{"op":"sub","topics":["all"]}', '{"op":"rate","max_hz":0.1}'):
        caller.receive(message, 0.0)
    for n in range(3):
        gateway.follow(ledger.commit(token("A", price=n)))
    sink.drain()

    caller.receive('{"op":"sub","topics":["chain:solana"]}', 0.0)

    assert [(f["t"], f.get("k"), f.get("v")) for f in sink.drain()] == [
        ("ok", None, None),
        ("hb", None, 2),
        ("d", "all", 4),
        ("snap", "chain:solana", 4),
    ]
