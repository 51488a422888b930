"""The stream's shell against a gateway that follows a script."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import pytest

from dexwire import Alert, Client, Diff, Event, Gap, Refused, Snapshot, State, Stream
from dexwire.client import retry
from tests.testkit.process import free_port
from tests.testkit.scripted_gateway import HELLO, LIST, Visit, beat, diff, ev, gateway, row, snap
from tests.testkit.wait import eventually

A1 = row("s:A", price=1.0)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back at once: what is tested is that it does."""
    monkeypatch.setattr(retry, "BASE_S", 0.01)
    monkeypatch.setattr(retry, "CAP_S", 0.05)


T = TypeVar("T", Alert, Diff, Gap, Snapshot, State)


async def first(stream: AsyncIterator[Event], kind: type[T]) -> T:
    """The next event of a kind; others are passed over."""
    async with asyncio.timeout(5):
        async for event in stream:
            if isinstance(event, kind):
                return event
    raise AssertionError("the stream ended")


def client(ws_url: str) -> Client:
    return Client("http://127.0.0.1:1", ws_url=ws_url)


async def test_it_subscribes_and_yields_what_the_gateway_says() -> None:
    async def script(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5, A1)})
        await visit.say(diff("all", 5, 6, set=[{"id": "s:A", "price": 2.0}]))
        await visit.say(ev("alerts", 0, 6, "6.0"), beat(6))
        await visit.stay()

    async with gateway(script) as url, client(url) as c:
        stream = c.stream("all", "alerts")
        state = await anext(stream)
        snapshot = await first(stream, Snapshot)
        await eventually(lambda: stream.state.version == 6)

    assert isinstance(state, State)
    assert (snapshot.topic, snapshot.epoch) == ("all", "e1")
    assert [one["id"] for one in snapshot.rows] == ["s:A"]


async def test_after_a_broken_connection_it_resumes_what_it_holds() -> None:
    requests: list[dict[str, Any]] = []

    async def breaks(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5, A1)})
        await visit.say(beat(7))
        await visit.close(1012)

    async def resumes(visit: Visit) -> None:
        await visit.say(HELLO)
        requests.append(await visit.hear("resume"))
        await visit.say(diff("all", 7, 9, add=[row("s:B")], cf=2))
        await visit.stay()

    async with gateway(breaks, resumes) as url, client(url) as c:
        stream = c.stream("all")
        await first(stream, Snapshot)
        event = await first(stream, Diff)

    assert (event.prev, event.version, event.commits) == (7, 9, 2)
    assert [(request["e"], request["topics"]) for request in requests] == [("e1", {"all": 7})]


async def test_a_gap_is_reported_and_repaired_on_the_same_connection() -> None:
    async def script(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5, A1)})
        await visit.say(diff("all", 6, 7), beat(8))
        request = await visit.hear("resume")
        assert request["topics"] == {"all": 5}
        await visit.say({"t": "ok", "id": request["id"], "topics": {"all": "diff"}})
        await visit.say(diff("all", 5, 8, add=[row("s:B")]))
        await visit.stay()

    async with gateway(script) as url, client(url) as c:
        stream = c.stream("all")
        gap = await first(stream, Gap)
        await eventually(lambda: stream._runner.connection._rule.versions == {"all": 8})

    assert gap == Gap(reason="missed", topic="all", since=5, until=7)


@pytest.mark.parametrize("code", [1001, 1011, 4002, 4003, 4499])
async def test_these_closing_codes_are_tried_again(code: int) -> None:
    async def closes(visit: Visit) -> None:
        await visit.say(HELLO)
        await visit.close(code)

    async def serves(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5)})
        await visit.stay()

    async with gateway(closes, serves) as url, client(url) as c:
        assert (await first(c.stream("all"), Snapshot)).version == 5


@pytest.mark.parametrize("code", [4500, 4501, 4504, 4999])
async def test_these_closing_codes_are_final(code: int) -> None:
    visits = 0

    async def closes(visit: Visit) -> None:
        nonlocal visits
        visits += 1
        await visit.say(HELLO)
        await visit.close(code, "go away")

    async with gateway(closes) as url, client(url) as c:
        with pytest.raises(Refused, match="go away") as refused:
            await first(c.stream("all"), Snapshot)
        await asyncio.sleep(0.1)

    assert refused.value.code == str(code)
    assert visits == 1


async def test_a_refused_topic_is_an_error_with_its_code() -> None:
    async def refuses(visit: Visit) -> None:
        await visit.say(HELLO)
        request = await visit.hear("sub")
        await visit.say({"t": "err", "id": request["id"], "code": "bad_topic", "msg": "no"})
        await visit.stay()

    async with gateway(refuses) as url, client(url) as c:
        with pytest.raises(Refused) as refused:
            await first(c.stream("nonsense"), Snapshot)

    assert refused.value.code == "bad_topic"


async def test_a_full_server_is_tried_again_a_forbidden_one_not() -> None:
    async def serves(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5)})
        await visit.stay()

    async with gateway(serves, refusals=2, status=503) as url, client(url) as c:
        assert (await first(c.stream("all"), Snapshot)).version == 5
    async with gateway(serves, refusals=1, status=403) as url, client(url) as c:
        with pytest.raises(Refused, match="not now"):
            await first(c.stream("all"), Snapshot)


async def test_silence_of_three_heartbeats_is_an_error() -> None:
    async def falls_silent(visit: Visit) -> None:
        await visit.say({**HELLO, "hb_ms": 50})
        await visit.hear("sub")
        await visit.say(snap("all", 5))
        await visit.stay()

    async with gateway(falls_silent) as url, client(url) as c:
        stream = c.stream("all")
        await first(stream, Snapshot)
        started = time.monotonic()
        while True:
            state = await first(stream, State)
            if state.status == "offline":
                break

    assert state.error == "silent for 0.15 s"
    assert time.monotonic() - started < 2


async def test_nobody_there_is_a_state_and_somebody_later_is_found() -> None:
    async def serves(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5)})
        await visit.stay()

    url = f"ws://127.0.0.1:{free_port()}/ws"
    async with client(url) as c:
        stream = c.stream("all")
        while (await first(stream, State)).status != "offline":
            pass
        assert stream.state.error


async def test_a_slow_consumer_gets_the_present_folded() -> None:
    async def floods(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 0, A1)})
        for v in range(1, 5_001):
            await visit.say(diff("all", v - 1, v, set=[{"id": "s:A", "price": float(v)}]))
        await visit.stay()

    async with gateway(floods) as url, client(url) as c:
        stream = c.stream("all")
        await first(stream, Snapshot)
        await eventually(lambda: stream._runner.connection._rule.versions["all"] == 5_000)
        event = await first(stream, Diff)

    assert event.version == 5_000
    assert event.commits == 5_000 - event.prev > 100
    assert [patch.get("price") for patch in event.set] == [5_000.0]


async def test_a_watchlist_is_sent_in_pieces_that_fit_and_resumed_when_short() -> None:
    ids = [f"solana:{number:044d}" for number in range(400)]
    heard: list[dict[str, Any]] = []

    async def script(visit: Visit) -> None:
        await visit.say(HELLO)
        heard.append(await visit.hear("watch"))
        heard.append(await visit.hear("watch"))
        await visit.say(snap("tokens", 4), {"t": "ok", "id": heard[-1]["id"]}, snap("tokens", 5))
        heard.append(await visit.hear("watch"))
        await visit.say(snap("tokens", 6), {"t": "ok", "id": heard[-1]["id"]}, snap("tokens", 7))
        await visit.close(1012)

    async def again(visit: Visit) -> None:
        await visit.say(HELLO)
        heard.append(await visit.hear("resume"))
        await visit.stay()

    async with gateway(script, again) as url, client(url) as c:
        stream = c.stream("tokens", watch=ids)
        assert (await first(stream, Snapshot)).version == 5
        await stream.watch("solana:X", mode="set")
        await eventually(lambda: len(heard) == 4)

    assert [request.get("mode") for request in heard] == ["set", "add", "set", None]
    assert [*heard[0]["ids"], *heard[1]["ids"]] == ids
    assert heard[3]["watch"] == ["solana:X"]
    assert heard[3]["topics"] == {"tokens": 7}


async def test_names_are_those_that_the_gateway_gives() -> None:
    heard = []

    async def script(visit: Visit) -> None:
        await visit.say(HELLO)
        request = await visit.hear("sub")
        await visit.say({"t": "ok", "id": request["id"], "topics": {"chain:ethereum": "snap"}})
        await visit.say(snap("chain:ethereum", 5))
        await visit.close(1012)

    async def again(visit: Visit) -> None:
        await visit.say(HELLO)
        heard.append(await visit.hear("resume"))
        await visit.say(diff("chain:ethereum", 5, 6), beat(6))
        await visit.stay()

    async with gateway(script, again) as url, client(url) as c:
        stream = c.stream("chain:eth")
        await first(stream, Snapshot)
        await first(stream, Diff)

    assert [request["topics"] for request in heard] == [{"chain:ethereum": 5}]


async def test_alerts_come_one_by_one() -> None:
    async def script(visit: Visit) -> None:
        await visit.serve({})
        await visit.say(ev("alerts:solana", 3, 5, "5.0", "5.1"))
        await visit.stay()

    async with gateway(script) as url, client(url) as c:
        stream = c.stream("alerts:solana")
        alerts = [await first(stream, Alert), await first(stream, Alert)]

    assert [one.key for one in alerts] == ["5.0", "5.1"]


async def test_a_bye_names_when_to_come_back() -> None:
    backoff = retry.Backoff()
    backoff.set_range((700, 500))

    assert 0.5 <= backoff.next_s() <= 0.7
    assert backoff.next_s() <= retry.CAP_S


async def test_leaving_the_client_ends_every_connection() -> None:
    gone = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5)})
        await visit.stay()
        gone.set()

    async with gateway(script) as url:
        async with client(url) as c:
            stream = c.stream("all")
            await first(stream, Snapshot)
        await asyncio.wait_for(gone.wait(), 5)
        async with asyncio.timeout(5):
            left = [event async for event in stream]  # what was left; then it ends
        assert not any(isinstance(event, Snapshot) for event in left)


async def test_a_stream_that_nobody_holds_ends_by_itself() -> None:
    gone = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5)})
        await visit.stay()
        gone.set()

    async with gateway(script) as url, client(url) as c:
        async for event in c.stream("all"):
            if isinstance(event, Snapshot):
                break
        gc.collect()
        assert await asyncio.wait_for(gone.wait(), 5)


async def test_cancelling_a_consumer_leaves_the_stream_usable() -> None:
    async def script(visit: Visit) -> None:
        await visit.serve({"all": snap("all", 5)})
        await visit.hear("ping")
        await visit.say(diff("all", 5, 6))
        await visit.stay()

    async with gateway(script) as url, client(url) as c:
        stream = c.stream("all")
        await first(stream, Snapshot)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first(stream, Gap), 0.05)
        await stream._runner.connection._ping()
        assert (await first(stream, Diff)).version == 6


async def test_closing_twice_is_no_error_and_a_closed_stream_does_not_start() -> None:
    stream = Stream("ws://127.0.0.1:1/ws", ("all",))
    await stream.close()
    await stream.close()

    with pytest.raises(Exception, match="closed"):
        await anext(stream)


def test_waiting_grows_to_a_bound_and_starts_over_after_a_good_connection() -> None:
    class Highest:
        def uniform(self, _low: float, high: float) -> float:
            return high

    backoff = retry.Backoff(Highest())  # type: ignore[arg-type]
    waits = [backoff.next_s() for _ in range(8)]
    backoff.lasted(retry.HEALTHY_S)
    backoff.at_least(5)

    assert waits == sorted(waits)
    assert waits[-1] == retry.CAP_S
    assert backoff.next_s() == 5 + retry.BASE_S


def test_patience_doubles_with_each_silent_connection_up_to_a_bound() -> None:
    assert [retry.silence_s(1000, n) for n in (0, 1, 2, 9)] == [3, 6, 12, 30]


def test_a_list_topic_is_passed_on_as_it_is() -> None:
    assert Stream("ws://x/ws", (LIST, LIST))._runner.connection._subscription.topics == (LIST,)
    with pytest.raises(ValueError, match="at least one"):
        Stream("ws://x/ws", ())
