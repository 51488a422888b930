"""The watchlist: one per connection, edited, resumed with its ids, sent to the fetchers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from services.ws.core.session import Session
from services.ws.core.turns import in_turn
from services.ws.watched import KEEP_MS, choose, publish_watched
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.commits import Ledger, Writer, token
from tests.testkit.gateway import StartGateway, ask, joined, receive
from tests.testkit.hub import FakeGateway, FakeSink
from tests.testkit.wait import eventually


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.commit(token("A", price=1) | token("B", price=2) | token("C", price=3))
    return ledger


@pytest.fixture
def gateway(ledger: Ledger) -> FakeGateway:
    return FakeGateway(ledger)


class Caller:
    """A session, and what it is sent."""

    def __init__(self, gateway: FakeGateway, room: int = 1 << 30) -> None:
        self.sink = FakeSink(room)
        self.session = Session(gateway.hub, self.sink)

    def say(self, **message: object) -> list[dict[str, Any]]:
        """Send a message; return what was written since."""
        assert self.session.receive(json.dumps({"id": 1, **message}), 0.0) is None
        return self.sink.drain()


def rows_of(frame: dict[str, Any]) -> list[str]:
    return sorted(row["id"] for row in frame["rows"])


def test_every_edit_is_answered_and_then_shown(gateway: FakeGateway) -> None:
    caller = Caller(gateway)

    first = caller.say(op="watch", ids=["solana:A", "solana:Later"])
    added = caller.say(op="watch", mode="add", ids=["solana:B"])
    removed = caller.say(op="watch", mode="remove", ids=["solana:A"])

    assert [frame["t"] for frame in first + added + removed] == ["ok", "snap"] * 3
    assert rows_of(first[1]) == ["solana:A"]
    assert rows_of(added[1]) == ["solana:A", "solana:B"]
    assert rows_of(removed[1]) == ["solana:B"]


def test_only_what_is_watched_is_sent(ledger: Ledger, gateway: FakeGateway) -> None:
    caller = Caller(gateway)
    caller.say(op="watch", ids=["solana:A", "solana:Later"])

    gateway.follow(ledger.commit(token("B", price=9)))
    gateway.follow(ledger.commit(token("A", price=9) | token("Later", price=1), ["solana:C"]))
    gateway.follow(ledger.commit(remove=["solana:A"]))

    changed, gone = caller.sink.drain()
    assert (changed["k"], changed["pv"], changed["v"]) == ("tokens", 1, 3)
    assert [row["id"] for row in changed["set"]] == ["solana:A"]
    assert [row["id"] for row in changed["add"]] == ["solana:Later"]
    assert gone["del"] == ["solana:A"]


def test_each_connection_has_its_own(ledger: Ledger, gateway: FakeGateway) -> None:
    one, two = Caller(gateway), Caller(gateway)
    one.say(op="watch", ids=["solana:A"])
    two.say(op="watch", ids=["solana:B"])

    gateway.follow(ledger.commit(token("A", price=9)))

    assert [frame["k"] for frame in one.sink.drain()] == ["tokens"]
    assert two.sink.drain() == []


def test_a_resume_with_its_ids_gets_what_was_missed(ledger: Ledger, gateway: FakeGateway) -> None:
    gateway.follow(ledger.commit(token("A", price=9)))

    answer = Caller(gateway).say(
        op="resume", e="e1", topics={"tokens": 1}, watch=["solana:A", "solana:B"]
    )

    ok, diff = answer
    assert ok["topics"] == {"tokens": "diff"}
    assert (diff["pv"], diff["v"], [row["id"] for row in diff["add"]]) == (1, 2, ["solana:A"])


def test_a_resume_that_does_not_say_its_ids_gets_a_snapshot(gateway: FakeGateway) -> None:
    ok, snap = Caller(gateway).say(op="resume", e="e1", topics={"tokens": 1})

    assert ok["topics"] == {"tokens": "snap"}
    assert snap["rows"] == []


def test_the_address_may_name_the_watchlist(gateway: FakeGateway) -> None:
    caller = Caller(gateway)

    caller.session.greet("all", "solana:A,solana:B")

    _, ok, *snaps = caller.sink.drain()
    assert ok["topics"] == {"all": "snap", "tokens": "snap"}
    assert {snap["k"]: len(snap["rows"]) for snap in snaps} == {"all": 3, "tokens": 2}


def test_a_list_too_long_is_refused_and_the_old_one_stays(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    caller = Caller(gateway)
    caller.say(op="watch", ids=["solana:A", *(f"base:T{n}" for n in range(499))])

    (err,) = caller.say(op="watch", mode="add", ids=["solana:B"])
    gateway.follow(ledger.commit(token("A", price=9)))

    assert err["code"] == "limit"
    assert [frame["k"] for frame in caller.sink.drain()] == ["tokens"]


def test_unsubscribing_ends_the_watchlist(ledger: Ledger, gateway: FakeGateway) -> None:
    caller = Caller(gateway)
    caller.say(op="watch", ids=["solana:A"])

    caller.say(op="unsub", topics=["tokens"])
    gateway.follow(ledger.commit(token("A", price=9)))

    assert caller.sink.drain() == []
    assert len(gateway.hub.rooms) == 0


def test_while_older_frames_are_on_their_way_the_answer_waits_for_its_snapshot(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    caller = Caller(gateway, room=200)
    caller.say(op="sub", topics=["all"])
    caller.say(op="watch", ids=["solana:A"])
    gateway.apply(ledger.commit(token("A", price=9, text="x" * 300)))  # not sent yet

    caller.say(op="watch", mode="add", ids=["solana:B"])
    gateway.sweep()
    frames = caller.sink.drain()
    gateway.sweep()
    frames += caller.sink.drain()

    at = [frame["t"] for frame in frames].index("ok")
    assert [(f["t"], f.get("k")) for f in frames[at:]] == [("ok", None), ("snap", "tokens")]


def test_an_edit_while_the_state_is_loading_shows_no_older_list(gateway: FakeGateway) -> None:
    caller = Caller(gateway)
    caller.say(op="watch", ids=["solana:A"])
    gateway.world.is_loaded = False
    caller.say(op="watch", ids=["solana:B"])

    gateway.load()
    gateway.sweep()

    assert [rows_of(frame) for frame in caller.sink.drain()] == [["solana:B"]]


async def test_what_is_watched_is_published_for_the_fetchers_and_forgotten_in_time(
    redis: Redis, keys: Keys
) -> None:
    await publish_watched(redis, keys, ["base:old"], now_ms=1_000)
    await publish_watched(redis, keys, [], now_ms=2_000)
    await publish_watched(redis, keys, ["base:new"], now_ms=1_001 + KEEP_MS)

    assert await redis.zrange(keys.watched, 0, -1, withscores=True) == [(b"base:new", 900_000.0)]


def test_places_are_shared_among_addresses_and_known_tokens_stand_before_junk() -> None:
    watched = {
        "192.0.2.1": [f"base:junk{n}" for n in range(9_000)],
        "192.0.2.2": ["base:a", "base:junk1", "base:b"],
        "192.0.2.3": ["base:a", "base:c"],
    }

    known, unknown = choose(watched, {"base:a", "base:b", "base:c"})

    assert known == ["base:a", "base:c", "base:b"]
    assert unknown[:3] == ["base:junk0", "base:junk1", "base:junk2"]
    assert len(unknown) == 500


def test_places_are_bounded_by_bytes_too() -> None:
    long = [f"base:{n:03d}{'x' * 247}" for n in range(900)]

    assert len(in_turn({"a": long}, most=2_000, most_bytes=128 * 1024)) == 514


async def test_what_all_gateways_report_is_bounded_the_oldest_first(
    redis: Redis, keys: Keys
) -> None:
    for number in range(6):
        ids = [f"base:{number}-{n}" for n in range(2_000)]
        await publish_watched(redis, keys, ids, now_ms=100_000 + number * 10_000)

    assert await redis.zcard(keys.watched) == 10_000
    assert await redis.zscore(keys.watched, "base:0-5") is None


async def test_known_tokens_of_a_gateway_are_newer_than_junk_of_another(
    redis: Redis, keys: Keys
) -> None:
    await publish_watched(redis, keys, ["base:a"], now_ms=100_000)
    await publish_watched(redis, keys, [], ["base:junk"], now_ms=109_000)

    assert await redis.zrange(keys.watched, 0, -1) == [b"base:junk", b"base:a"]


async def test_a_gateway_reports_its_watchlists_and_token_topics(
    start_gateway: StartGateway,
    writer: Writer,
    redis: Redis,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.ws.watched.keep_watched.__defaults__", (0.05,))
    await writer.commit(token("A", price=1))
    gateway = await start_gateway()

    async with joined(f"{gateway.url}?watch=solana:A&topics=token:base:T1") as client:
        assert (await receive(client, "ok"))["topics"].keys() == {"tokens", "token:base:T1"}
        assert (await ask(client, op="watch", mode="add", ids=["solana:B"]))["t"] == "ok"

        async def is_sent() -> bool:
            client: Any = redis
            found = dict(await client.zrange(keys.watched, 0, -1, withscores=True))
            recent = (time.time() - 60) * 1000
            return found.keys() == {b"solana:A", b"solana:B", b"base:T1"} and all(
                score > recent for score in found.values()
            )

        await eventually(is_sent)
