"""What clients of the stream say: each message is answered as docs/STREAM.md has it."""

from __future__ import annotations

import json
from typing import get_args

import msgspec
from hypothesis import strategies as st

from dexwire.client.frames import decode
from dexwire.stream.closing import BAD_FRAMES, TOO_FAST
from dexwire.stream.messages import Err, ErrorCode, Ok
from services.ws.core.session import Session
from tests.testkit.commits import Ledger, token
from tests.testkit.fuzzing import try_all
from tests.testkit.hub import FakeGateway, FakeSink
from tests.testkit.mutations import mutated, mutated_json

LIST = "list:volume:24h:desc:solana:50"
MESSAGES = tuple(
    json.dumps(message).encode()
    for message in (
        {"op": "sub", "id": 1, "topics": ["all", "chain:eth", LIST, "alerts:L2"]},
        {"op": "sub", "id": "x", "topics": ["token:solana:A"], "since": {"e": "e1", "v": 1}},
        {"op": "unsub", "id": None, "topics": ["all", "tokens"]},
        {"op": "watch", "id": 2, "ids": ["solana:A", "ton:0:" + "b1" * 32], "mode": "add"},
        {"op": "watch", "ids": ["sui:0x2::sui::SUI<0x1::a::B,0x2::c::D>"], "mode": "remove"},
        {"op": "resume", "id": 3, "e": "e1", "topics": {"all": 0, LIST: 1}, "watch": ["solana:A"]},
        {"op": "rate", "id": 4, "max_hz": 5.0},
        {"op": "ping", "id": 5, "ts": 1_790_000_000_000},
        {"op": "sub", "topics": ["alerts:token:solana:A:L4", "alerts:solana"]},
    )
)
ADDRESSES = (
    b"all,chain:eth",
    b"tokens",
    LIST.encode() + b",token:sui:0x2::a::B<0x1::c::D,0x3::e::F>",
    b"alerts:token:solana:A:L3,alerts",
)
PIECES = (b",", b":", b"<", b">", b"L9", b"chain:", b"token:", b"\xe2\x80\xae", b"a" * 300, b"")


def gateway() -> FakeGateway:
    ledger = Ledger()
    ledger.commit(token("A", price=1, volume_24h=5))
    return FakeGateway(ledger)


GATEWAY = gateway()
CODES = frozenset(get_args(ErrorCode))


def answers(sink: FakeSink) -> list[Ok | Err]:
    """Return what answers a request; every frame is one that a client takes."""
    frames = [decode(msgspec.json.encode(frame)) for frame in sink.drain()]
    assert None not in frames
    return [frame for frame in frames if isinstance(frame, Ok | Err)]


def named(answer: Ok | Err) -> str:
    if isinstance(answer, Ok):
        return "ok"
    assert answer.code in CODES
    assert len(answer.msg) <= 300
    return answer.code


def ping(session: Session, sink: FakeSink, now_s: float) -> None:
    """Check that the session answers."""
    assert session.receive('{"op":"ping","id":77}', now_s) is None
    assert [answer.id for answer in answers(sink)] == [77]


def test_a_message_gets_one_answer_and_the_session_goes_on() -> None:
    def outcome(messages: list[bytes]) -> str:
        sink = FakeSink()
        session, last = Session(GATEWAY.hub, sink), ""
        try:
            for number, raw in enumerate(messages):
                closing = session.receive(raw.decode("utf-8", "replace"), float(number))
                (answer,) = answers(sink)
                last = named(answer)
                if closing is not None:
                    assert closing == BAD_FRAMES
                    return str(closing.code)
            ping(session, sink, len(messages) + 1.0)
        finally:
            session.leave()
        assert len(GATEWAY.hub.members) == 0
        return last

    inputs = st.lists(mutated_json(MESSAGES), min_size=1, max_size=6)
    try_all("client messages", inputs, outcome, examples=1_500, most_s=0.5)


def test_the_topics_of_an_address_are_subscribed_or_refused() -> None:
    def outcome(given: tuple[bytes, bytes]) -> str:
        topics, watch = (text.decode("utf-8", "replace") for text in given)
        sink = FakeSink()
        session = Session(GATEWAY.hub, sink)
        try:
            session.greet(topics, watch or None)
            (answer,) = answers(sink)
            ping(session, sink, 1.0)
        finally:
            session.leave()
        return named(answer)

    ids = st.just(b"") | mutated((b"solana:A,ton:0:" + b"b1" * 32, b"sui:0x2::a::B<0x1::c::D>"))
    inputs = st.tuples(mutated(ADDRESSES, PIECES), ids)
    try_all("topics of an address", inputs, outcome, examples=1_000, most_s=0.5)


def test_who_speaks_too_fast_is_closed_whatever_was_sent() -> None:
    def outcome(messages: list[bytes]) -> str:
        session = Session(GATEWAY.hub, FakeSink())
        try:
            found = [session.receive(raw.decode("utf-8", "replace"), 0.0) for raw in messages * 60]
        finally:
            session.leave()
        closings = {closing for closing in found if closing is not None}
        assert TOO_FAST in closings
        return "with bad ones" if BAD_FRAMES in closings else "too fast"

    inputs = st.lists(mutated_json(MESSAGES), min_size=1, max_size=3)
    try_all("fast messages", inputs, outcome, examples=60, most_s=5.0)
