"""One connection's protocol: what each message is answered, what ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dexwire.stream.closing import BAD_FRAMES, TOO_FAST, Closing
from services.ws.core.session import Session
from tests.testkit.commits import Ledger, token
from tests.testkit.hub import FakeGateway, FakeSink


class Talk:
    """A session on a gateway that holds one token, at version 1 of e1."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.ledger.commit(token("A", price=1))
        self.gateway = FakeGateway(self.ledger)
        self.sink = FakeSink()
        self.session = Session(self.gateway.hub, self.sink)
        self.now_s = 0.0
        self.closing: Closing | None = None

    def say(self, message: object, *, after_s: float = 1.0) -> list[dict[str, Any]]:
        """Send a message, as it is when it is text; return what comes back."""
        self.now_s += after_s
        text = message if isinstance(message, str) else json.dumps(message)
        self.closing = self.session.receive(text, self.now_s)
        return self.sink.drain()


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_hello_says_where_the_gateway_is_and_its_limits(talk: Talk) -> None:
    talk.session.greet(None)

    assert talk.sink.drain() == [
        {
            "t": "hello",
            "proto": 1,
            "e": "e1",
            "v": 1,
            "st": "live",
            "window_ms": 200,
            "hb_ms": 1000,
            "ts": 1_790_000_000_000,
            "limits": {"topics": 64, "ids": 500, "in_per_s": 10, "in_bytes": 16384},
        }
    ]


def test_hello_before_there_is_data_says_so(talk: Talk) -> None:
    talk.gateway.world.is_loaded = False

    talk.session.greet("all")

    hello, ok = talk.sink.drain()
    assert (hello["e"], hello["v"], hello["st"]) == ("", 0, "resync")
    assert ok == {"t": "ok", "topics": {"all": "wait"}}


def test_topics_of_the_address_are_subscribed_at_once(talk: Talk) -> None:
    talk.session.greet("all,chain:eth")

    assert [frame["t"] for frame in talk.sink.drain()] == ["hello", "ok", "snap", "snap"]
    assert talk.session.subscribed


def test_a_bad_topic_of_the_address_is_reported_after_hello(talk: Talk) -> None:
    talk.session.greet("all,nonsense")

    hello, err = talk.sink.drain()
    assert hello["t"] == "hello"
    assert err["code"] == "bad_topic"
    assert not talk.session.subscribed


def test_a_subscription_is_answered_then_served(talk: Talk) -> None:
    ok, snap = talk.say({"id": 1, "op": "sub", "topics": ["chain:solana"]})

    assert ok == {"t": "ok", "id": 1, "topics": {"chain:solana": "snap"}}
    assert (snap["t"], snap["k"], snap["v"]) == ("snap", "chain:solana", 1)


def test_a_topic_is_answered_by_its_canonical_name(talk: Talk) -> None:
    ok, _ = talk.say({"op": "sub", "topics": ["chain:eth", "chain:ethereum"]})

    assert ok == {"t": "ok", "topics": {"chain:ethereum": "snap"}}


@pytest.mark.parametrize(
    ("since", "answers"),
    [
        ({"e": "e1", "v": 1}, ["diff", "d"]),
        ({"e": "e1", "v": 2}, ["live"]),
        ({"e": "e1", "v": 99}, ["live"]),
        ({"e": "other", "v": 2}, ["snap", "snap"]),
        (None, ["snap", "snap"]),
    ],
)
def test_since_saves_the_snapshot_when_it_can(
    talk: Talk, since: object, answers: list[str]
) -> None:
    talk.gateway.follow(talk.ledger.commit(token("A", price=2)))

    ok, *frames = talk.say({"op": "sub", "topics": ["all"], "since": since})

    assert [ok["topics"]["all"], *[frame["t"] for frame in frames]] == answers


@pytest.mark.parametrize(
    "since",
    [
        {"e": "e1", "v": -1},
        {"e": "e1", "v": 1.5},
        {"e": "e1", "v": 2**53},
        {"e": "e1", "v": 2**64},
        {"e": "e1", "v": "1"},
        {"e": "e1", "v": True},
        {"e": 1, "v": 1},
        {"e": "e1"},
        {"v": 1},
        [],
        "e1",
        5,
    ],
)
def test_a_malformed_since_is_refused(talk: Talk, since: object) -> None:
    (err,) = talk.say({"id": "x", "op": "sub", "topics": ["all"], "since": since})

    assert (err["t"], err["id"], err["code"], err["retry"]) == ("err", "x", "bad_since", False)
    assert not talk.session.subscribed


def test_a_resume_starts_each_topic_from_its_own_version(talk: Talk) -> None:
    talk.gateway.follow(talk.ledger.commit(token("A", price=2)))
    topics = {"all": 1, "chain:solana": 2}

    ok, diff = talk.say({"id": 4, "op": "resume", "e": "e1", "topics": topics})

    assert ok["topics"] == {"all": "diff", "chain:solana": "live"}
    assert (diff["t"], diff["k"], diff["pv"], diff["v"]) == ("d", "all", 1, 2)


@pytest.mark.parametrize("topics", [{"all": -1}, {"all": 1.5}, {"all": None}, ["all"], None])
def test_a_malformed_resume_is_refused(talk: Talk, topics: object) -> None:
    (err,) = talk.say({"id": 4, "op": "resume", "e": "e1", "topics": topics})

    assert err["code"] == "bad_since"


def test_a_ping_is_answered_with_both_clocks(talk: Talk) -> None:
    assert talk.say({"id": 6, "op": "ping", "ts": 5}) == [
        {"t": "ok", "id": 6, "ts": 5, "now": 1_790_000_000_000}
    ]


def test_a_topic_that_was_left_is_sent_no_more(talk: Talk) -> None:
    talk.say({"op": "sub", "topics": ["all"]})

    assert talk.say({"id": 3, "op": "unsub", "topics": ["all"]}) == [{"t": "ok", "id": 3}]
    talk.gateway.follow(talk.ledger.commit(token("A", price=2)))
    talk.gateway.beat()

    assert talk.sink.drain() == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "bad_json"),
        ("{", "bad_json"),
        ("[]", "bad_json"),
        ("null", "bad_json"),
        ('{"op":"ping"} x', "bad_json"),
        ("[" * 16_000, "bad_json"),
        ('{"op":' + "[" * 16_000, "bad_json"),
        ("{}", "bad_op"),
        ({"op": 5}, "bad_op"),
        ({"op": "dance"}, "bad_op"),
        ({"op": "sub"}, "bad_request"),
        ({"op": "sub", "topics": "all"}, "bad_request"),
        ({"op": "sub", "topics": [1]}, "bad_request"),
        ({"op": "sub", "topics": ["nope"]}, "bad_topic"),
        ({"op": "sub", "topics": ["all", "nope"]}, "bad_topic"),
        ({"op": "unsub", "topics": {}}, "bad_request"),
        ({"op": "unsub", "topics": ["nope"]}, "bad_topic"),
        ({"op": "resume", "topics": {}}, "bad_request"),
        ({"op": "resume", "e": None, "topics": {}}, "bad_request"),
        ({"op": "resume", "e": "e1", "topics": {"nope": 1}}, "bad_topic"),
        ({"op": "ping", "ts": "now"}, "bad_request"),
        ({"op": "ping", "id": 1.5}, "bad_request"),
        ({"op": "ping", "id": "x" * 65}, "bad_request"),
        ({"op": "watch"}, "bad_request"),
        ({"op": "watch", "ids": ["solana:A"], "mode": "toggle"}, "bad_request"),
        ({"op": "watch", "ids": ["solana"]}, "bad_topic"),
        ({"op": "watch", "ids": [f"base:T{n}" for n in range(501)]}, "limit"),
        ({"op": "resume", "e": "e1", "topics": {}, "watch": ["a b"]}, "bad_topic"),
        ({"op": "rate", "max_hz": 0}, "bad_request"),
        ({"op": "rate"}, "bad_request"),
        ({"op": "sub", "topics": [f"token:base:T{n}" for n in range(65)]}, "limit"),
        ({"op": "sub", "topics": [f"token:base:T{n}" for n in range(10_000)]}, "limit"),
    ],
)
def test_a_bad_message_is_answered_with_its_code(talk: Talk, message: object, code: str) -> None:
    (err,) = talk.say(message)

    assert (err["t"], err["code"]) == ("err", code)
    assert len(json.dumps(err)) < 512
    assert talk.closing is None
    assert not talk.session.subscribed


def test_the_limit_counts_the_topics_that_are_there(talk: Talk) -> None:
    talk.say({"op": "sub", "topics": [f"token:base:T{n}" for n in range(64)]})

    assert talk.say({"op": "sub", "topics": ["all"]})[0]["code"] == "limit"
    assert talk.say({"op": "sub", "topics": ["token:base:T1"]})[0]["t"] == "ok"


def test_five_bad_messages_in_a_row_end_the_connection(talk: Talk) -> None:
    for _ in range(4):
        talk.say("nonsense")
    talk.say({"op": "ping"})
    for _ in range(4):
        talk.say("nonsense")
        assert talk.closing is None

    talk.say("nonsense")

    assert talk.closing == BAD_FRAMES


def test_a_burst_of_thirty_is_taken_and_ten_a_second_after_it(talk: Talk) -> None:
    for _ in range(30):
        talk.say({"op": "ping"}, after_s=0)
        assert talk.closing is None
    for _ in range(50):
        talk.say({"op": "ping"}, after_s=0.1)
        assert talk.closing is None

    talk.say({"op": "ping"}, after_s=0.05)

    assert talk.closing == TOO_FAST


def test_goodbye_says_when_to_come_back(talk: Talk) -> None:
    talk.session.bye()

    assert talk.sink.drain() == [{"t": "bye", "why": "drain", "retry_ms": [500, 8000]}]


def test_no_goodbye_is_written_to_who_does_not_read(talk: Talk) -> None:
    talk.sink.held = talk.sink.room + 1

    talk.session.bye()

    assert not talk.sink.unsent
