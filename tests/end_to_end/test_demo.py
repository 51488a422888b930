"""The whole pipeline as a newcomer meets it: `make demo`, look, Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import websockets

from dexwire.runfile import find_running
from dexwire.server.up.net import http_get
from tests.testkit.process import Process
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
DEMO = (
    "up",
    "--demo",
    "--api-port",
    "0",
    "--ws-port",
    "0",
    "--replay-port",
    "0",
    "--images-port",
    "0",
)


async def get(origin: str, path: str) -> Any:  # noqa: ANN401 - JSON
    status, body = await http_get("127.0.0.1", int(origin.rpartition(":")[2]), path)
    assert status == 200, body[:200]
    return json.loads(body)


def files_in(folder: Path) -> list[str]:
    return [str(file) for file in folder.iterdir()]


async def diffs(url: str, how_many: int) -> list[Any]:
    """The first diffs of the whole stream, after its snapshot."""
    found: list[Any] = []
    async with asyncio.timeout(20), websockets.connect(url, max_size=None) as stream:
        assert json.loads(await stream.recv())["t"] == "hello"
        while len(found) < how_many:
            frame = json.loads(await stream.recv())
            if frame["t"] == "d":
                found.append(frame)
    return found


async def test_the_demo_shows_merged_moving_tokens_and_leaves_a_clean_store(
    spawn_dexwire: Spawn,
) -> None:
    process = spawn_dexwire(*DEMO, env={"RECORD_STATE": "on"})
    await eventually(lambda: "ready after" in process.output(), timeout_s=60)
    running = find_running(Path(".dexwire"))
    assert running is not None

    async def merged() -> Any:  # noqa: ANN401 - JSON
        page = await get(running.api, "/discover?limit=100")
        chains = {token["chain"] for token in page["tokens"]}
        several = [token for token in page["tokens"] if len(token["sources"]) > 1]
        return page if len(chains) > 1 and several and len(page["tokens"]) == 100 else None

    page = await eventually(merged, timeout_s=60, every_s=0.25)
    volumes = [token.get("volume_24h") for token in page["tokens"]]
    assert volumes == sorted(volumes, reverse=True)

    first, second, third = await diffs(f"{running.ws}/ws?topics=all", 3)
    assert first["v"] == second["pv"]
    assert second["v"] == third["pv"]

    health = await get(running.api, "/health")
    assert health["demo"] is True
    assert health["status"] == "ok", health
    assert {"dexscreener", "jupiter", "geckoterminal"} <= set(health["sources"])

    async def past() -> Any:  # noqa: ANN401 - JSON
        listed = await get(running.api, "/discover?limit=50&spark=24h")
        sparks = {each["id"]: each.get("spark", [None] * 24) for each in listed["tokens"]}
        full = [token for token, spark in sparks.items() if spark.count(None) < 2]
        return full if len(full) > 25 else None

    token = (await eventually(past, timeout_s=60, every_s=1))[0].replace(":", "/")
    candles = await get(running.api, f"/tokens/{token}/candles?interval=1h&limit=24")
    origins = [candle.get("origin") for candle in candles["candles"]]
    assert origins.count("replay") >= 22

    audit = spawn_dexwire("verify")
    assert audit.wait(60) == 0, audit.output()
    assert audit.output().endswith("\nclean\n")

    process.send(signal.SIGINT)
    assert process.wait(15) == 0
    output = process.output()
    assert "DEMO: replayed market, not live data" in output
    assert "Traceback" not in output
    assert "starting it again" not in output
    made_again = spawn_dexwire("history", "verify-log", *files_in(Path(".dexwire/state-log")))
    assert made_again.wait(60) == 0
    assert "every digest is right" in made_again.output()
