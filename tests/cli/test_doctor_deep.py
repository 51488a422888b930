"""`dexwire doctor --deep`: a canary through a whole deployment, and the hop that loses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dexwire.client import Client
from dexwire.runfile import Running
from dexwire.server.doctor.deep import CHAIN, deep
from dexwire.server.doctor.result import Result
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.store import Store
from tests.testkit.market import has_leader
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
TRADED = "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"
STEPS = (
    *("deep health", "deep post", "deep token", "deep page", "deep search", "deep stream"),
    *("deep snapshot", "deep watch list", "deep diff", "deep alerts", "deep clean-up"),
)


async def lost(api: str, ws: str, *, commits: bool = False) -> dict[str, str]:
    """What fails, by step; `commits`: the market goes on after each step."""
    found: list[Result] = []
    async with Client(api, ws_url=ws) as client:
        async for result in deep(client, None):
            found.append(result)
            if commits:
                token = {"token_address": TRADED, "price": len(found)}
                await client.ingest([token], source="market", ack="commit")
    return {result.name: result.seen for result in found if result.verdict != "ok"}


async def a_source_answered(api: str) -> bool:
    """Whether /health knows of one: its status is written a moment after its first tokens."""
    async with httpx.AsyncClient(base_url=api) as client:
        sources = (await client.get("/health")).json()["sources"]
    return any("age_ms" in source for source in sources.values())


async def test_a_canary_goes_through_a_live_deployment_and_leaves_nothing(
    demo: Running, spawn_dexwire: Spawn
) -> None:
    at = ("--url", demo.api, "--ws-url", f"{demo.ws}/ws")
    await eventually(lambda: a_source_answered(demo.api), timeout_s=20)

    doctor = spawn_dexwire("doctor", "--deep", "--json", *at)

    assert doctor.wait(40) == 0, doctor.output()
    found = json.loads(doctor.output())
    assert [one["name"] for one in found] == list(STEPS)
    assert {one["verdict"] for one in found} == {"ok"}
    assert all(one["seen"].endswith(" ms") for one in found)
    async with httpx.AsyncClient(base_url=demo.api) as client:
        left = (await client.get("/discover", params={"chain": CHAIN})).json()
    assert left["tokens"] == []


@pytest.fixture
def started(
    spawn_service: Callable[..., Process],
) -> tuple[dict[str, Process], str, str]:
    """A deployment without fetchers: its processes, the api's address, the stream's."""
    api, ws = free_port(), free_port()
    processes = {
        "aggregator": spawn_service("aggregator"),
        "api": spawn_service("api", env={"API_PORT": str(api)}),
        "ws": spawn_service("ws", env={"WS_PORT": str(ws)}),
    }
    return processes, f"http://127.0.0.1:{api}", f"ws://127.0.0.1:{ws}/ws"


@pytest.mark.timeout(90)
async def test_the_hop_that_loses_the_canary_is_named(
    redis: Redis, keys: Keys, started: tuple[dict[str, Process], str, str]
) -> None:
    processes, api, ws = started
    await has_leader(Store(redis, keys))
    await eventually(lambda: listens(api), timeout_s=20)
    await eventually(lambda: listens(ws.replace("ws:", "http:")), timeout_s=20)

    found = await lost(api, ws)
    assert found == {"deep health": "lost at fetcher: no source has answered yet"}
    assert await lost(api, ws, commits=True) == found

    processes["ws"].kill()
    found = await lost(api, ws)
    assert sorted(found) == ["deep health", "deep stream"]
    assert found["deep stream"].startswith("lost at gateway: ")

    processes["aggregator"].kill()
    await eventually(lambda: is_free(redis, keys))
    found = await lost(api, ws)
    assert found["deep post"].startswith("lost at aggregator: none is active: 503 no_consumer")

    processes["api"].kill()
    found = await lost(api, ws)
    assert found["deep health"].startswith("lost at api: ")


async def listens(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return bool((await client.get(url)).status_code)
        except httpx.TransportError:
            return False


async def is_free(redis: Redis, keys: Keys) -> bool:
    return not await redis.exists(keys.lease)


def test_a_key_file_that_cannot_be_read_is_a_wrong_option(
    spawn_dexwire: Spawn, tmp_path: Path
) -> None:
    doctor = spawn_dexwire(
        "doctor", "--deep", "--url", "http://127.0.0.1:9", "--key-file", str(tmp_path / "none")
    )

    assert doctor.wait(20) == 78
    assert "--key-file" in doctor.output()
