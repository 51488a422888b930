"""The client against a real deployment: what it shows is what the services say."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

import dexwire
from dexwire import Client, Problem, Refused, Snapshot, State, Unreachable
from dexwire.client.client import derive_ws_url
from dexwire.runfile import Running
from tests.testkit.commits import Writer, token
from tests.testkit.gateway import StartGateway
from tests.testkit.process import free_port
from tests.testkit.scripted_gateway import LIST, Visit, diff, gateway, row, snap
from tests.testkit.wait import eventually


@pytest.fixture
async def c(demo: Running) -> AsyncIterator[Client]:
    async with Client(demo.api, ws_url=f"{demo.ws}/ws") as client:
        yield client


@pytest.mark.parametrize(
    ("url", "ws_url"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8001/ws"),
        ("https://dex.example.org", "wss://dex.example.org/ws"),
        ("http://[::1]:9000/", "ws://[::1]:9001/ws"),
    ],
)
def test_the_streams_address_is_derived(url: str, ws_url: str) -> None:
    assert derive_ws_url(url) == ws_url


def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="not an http address"):
        Client("ftp://x")


async def test_a_view_stays_equal_to_the_page(c: Client) -> None:
    async with c.view(sort="volume", window="5m", chain="solana", limit=20, min_price=0) as view:
        await view.ready()

        async def same() -> bool:
            page = await c.page(sort="volume", window="5m", chain="solana", limit=20)
            await eventually(lambda: view.version >= (page.epoch, page.version))
            return view.version == (page.epoch, page.version) and view.rows == page.tokens

        await eventually(same, timeout_s=15)


async def test_changes_come_no_faster_than_the_limit(c: Client) -> None:
    times = []
    async with asyncio.timeout(20):
        async for rows in c.view(limit=500).changes(throttle=0.5):
            assert rows
            times.append(time.monotonic())
            if len(times) == 3:
                break

    assert times[2] - times[0] >= 1.0


async def test_the_recorder_of_a_demo_writes_what_the_client_reads(c: Client) -> None:
    async def is_recorded() -> bool:
        history = (await c.health())["history"]
        return bool(history["state"] == "ok" and history["position"]["version"])

    await eventually(is_recorded, timeout_s=60, every_s=0.5)
    now_ms = (await c.health())["history"]["position"]["at_ms"]
    listed = await c.discover_at(now_ms, sort="liquidity", limit=3)
    token = listed.tokens[0]
    hours = await c.candles(token["id"], interval="1h", limit=5)  # minutes only of the hottest
    shown: dict[str, Any] = {}

    async def has_figures() -> bool:  # a token is shown without them where they take too long
        shown.update(await c.token(token["chain"], token["token_address"]))
        return "history" in shown

    await eventually(has_figures, timeout_s=60, every_s=0.5)
    assert (listed.basis, len(listed.tokens)) == ("sampled", 3)
    assert token["sampled_ms"] <= now_ms
    assert hours.candles[-1].n >= 1
    assert shown["history"]["highest_market_cap"]["value"] > 0


async def test_discover_walks_through_everything_once(c: Client) -> None:
    async def is_filled() -> bool:
        return (await c.page(limit=1)).total >= 400

    await eventually(is_filled, timeout_s=60, every_s=0.2)
    ids = [row["id"] async for row in c.discover(sort="liquidity")]
    page = await c.page(sort="liquidity", limit=1)

    assert len(ids) == len(set(ids))
    assert abs(len(ids) - page.total) <= 50
    assert len([row async for row in c.discover(limit=130)]) == 130


async def test_a_token_comes_with_its_sources(c: Client) -> None:
    row = (await c.page(limit=1)).tokens[0]

    known = await c.token(row["chain"], row["token_address"])

    assert known["token"]["id"] == row["id"]
    with pytest.raises(Problem) as unknown:
        await c.token("solana", "1" * 32)
    assert (unknown.value.status, unknown.value.code) == (404, "unknown_token")


async def test_what_is_posted_with_ack_is_in_a_version(c: Client) -> None:
    mine = {"token_address": "TestTokenOfTheClient1111", "chain": "solana", "price": 1.5}

    receipt = await c.ingest([mine], source="mybot", ack="commit")

    assert receipt.accepted == 1
    assert receipt.version is not None
    with pytest.raises(Problem) as refused:
        await c.ingest([{"token_address": ""}], source="mybot")
    assert refused.value.code == "none_accepted"
    assert refused.value.members["rejected"]


async def test_a_problem_names_the_parameter(c: Client) -> None:
    with pytest.raises(Problem, match="limit must be 0 to 100") as problem:
        await c.page(limit=101)

    assert problem.value.param == "limit"


async def test_search_finds_or_says_clearly_that_it_is_not_served(c: Client) -> None:
    try:
        found = await c.search("SOL", limit=3)
    except Problem as problem:
        assert (problem.status, problem.code) == (404, "not_found")  # noqa: PT017 - either is right
    else:
        assert len(found) <= 3


async def test_nobody_there_is_one_error() -> None:
    async with Client(f"http://127.0.0.1:{free_port()}") as nobody:
        with pytest.raises(Unreachable, match="does not answer"):
            await nobody.page()


async def test_an_error_of_a_proxy_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Client() as c:
        answer = httpx.MockTransport(
            lambda _: httpx.Response(502, text="<h1>Bad Gateway</h1>", headers={"Retry-After": "3"})
        )
        monkeypatch.setattr(c._api, "_http", httpx.AsyncClient(transport=answer))
        with pytest.raises(Problem, match="502 unknown: <h1>Bad Gateway") as problem:
            await c.page()

    assert problem.value.retry_after_s == 3


async def test_a_view_follows_a_list_topic() -> None:
    a, b, d = (row(f"s:{n}", volume_5m=v) for n, v in (("A", 3.0), ("B", 2.0), ("D", 9.0)))

    async def script(visit: Visit) -> None:
        await visit.serve({LIST: snap(LIST, 5, a, b, ids=["s:A", "s:B"])})
        await visit.hear("ping")
        await visit.say(diff(LIST, 5, 6, add=[d], ids=["s:D", "s:A"]))
        await visit.stay()

    async with gateway(script) as url, Client(ws_url=url) as c:
        view = c.view(sort="volume", window="5m", chain="solana", limit=50)
        await view.ready()
        assert view.rows == [a, b]
        await view._runner.connection._ping()
        await eventually(lambda: view.rows == [d, a])

    assert view.version == ("e1", 6)


async def test_a_view_that_receives_nonsense_subscribes_again() -> None:
    async def script(visit: Visit) -> None:
        await visit.serve({LIST: snap(LIST, 5, row("s:A", volume_5m=1.0), ids=["s:A"])})
        await visit.say(diff(LIST, 5, 6, set=[{"id": "s:B", "volume_5m": 2.0}]))
        request = await visit.hear("sub")
        assert request["topics"] == [LIST]
        await visit.say(snap(LIST, 7, row("s:B", volume_5m=2.0), ids=["s:B"]))
        await visit.stay()

    async with gateway(script) as url, Client(ws_url=url) as c:
        view = c.view(sort="volume", window="5m", chain="solana", limit=50)
        await view.ready()
        await eventually(lambda: view.version == ("e1", 7))
        assert [one["id"] for one in view.rows] == ["s:B"]


async def test_a_real_gateway_that_restarts_is_found_again(
    start_gateway: StartGateway, beating: Writer
) -> None:
    await beating.commit(token("A", price=1.5, volume_24h=5.0))
    first = await start_gateway()
    async with Client(ws_url=first.url) as c:
        view = c.view(limit=500)
        await view.ready()
        await first.end()
        await beating.commit(token("B", price=2.5, volume_24h=6.0))
        await start_gateway(ws_port=first.port)
        await eventually(lambda: len(view.rows) == 2, timeout_s=20)
        assert [one["id"] for one in view.rows] == ["solana:B", "solana:A"]


async def test_a_refused_view_says_why(c: Client) -> None:
    with pytest.raises(Refused, match="bad_topic"):
        await c.view(chain="?", limit=500).ready()


# -- without await ---------------------------------------------------------------------------------
def test_the_facade_does_the_same_without_await(demo: Running) -> None:
    with dexwire.connect(demo.api, ws_url=f"{demo.ws}/ws") as d:
        view = d.view(limit=500)
        changed = next(iter(view))
        while len(view.rows()) < 120:  # a demo is ready with its first tokens
            next(iter(view))
        events = d.stream("all")
        kinds = {type(next(events)) for _ in range(3)}

        assert changed
        assert kinds <= {State, Snapshot, dexwire.Diff}
        assert len(list(d.discover(limit=120))) == 120
        assert d.page(limit=3).tokens
        assert d.page(limit=3, quote="SOL", chain="solana").tokens[0]["price_native"] > 0
        assert next(iter(d.discover(limit=1, quote="SOL", chain="solana")))["price_native"] > 0
        ranked = d.page(sort="trending", window="1h", explain=True, not_="suspicious,drained")
        shown = [row["trending"] for row in ranked.tokens]
        assert [sum(each["parts"].values()) for each in shown] == [each["score"] for each in shown]
        assert d.page(limit=0, min_traders=1).total > 0
        assert {row["verified"] for row in d.search("a", has="verified", not_="drained")} == {True}
        assert d.health()["demo"] is True
        with pytest.raises(Problem):
            d.token("solana", "1" * 32)
        view.close()
    d.close()
    with pytest.raises(dexwire.ClientError, match="closed"):
        d.health()


async def test_the_facade_lives_as_long_as_what_it_gave_is_used(demo: Running) -> None:
    view = dexwire.connect(demo.api, ws_url=f"{demo.ws}/ws").view(limit=5)
    events = dexwire.connect(demo.api, ws_url=f"{demo.ws}/ws").stream("all")
    gc.collect()

    assert len(view.rows()) == 5
    assert len(list(dexwire.connect(demo.api).discover(limit=7))) == 7
    assert isinstance(next(events), State | Snapshot)
    del view, events
    gc.collect()
    await eventually(lambda: "dexwire" not in [thread.name for thread in threading.enumerate()])


def test_the_facade_says_when_nobody_is_there() -> None:
    with dexwire.connect(f"http://127.0.0.1:{free_port()}") as d:
        with pytest.raises(Unreachable, match=r"no list within 0\.5 s"):
            d.view().rows(timeout_s=0.5)
        with pytest.raises(Unreachable):
            d.health()
