"""docs/schemas is what the structs say, and what the gateway really sends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from dexwire.runfile import Running
from dexwire.stream.schemas import schemas
from tests.testkit.commits import Writer, token
from tests.testkit.gateway import StartGateway, joined
from tests.testkit.process import ROOT
from tests.testkit.schema_subset import faults

FOLDER = ROOT / "docs" / "schemas"
SCHEMAS: dict[str, Any] = {
    path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
    for path in FOLDER.glob("*.json")
}


def wrong(frame: dict[str, Any]) -> list[str]:
    """What a frame has that its schema does not allow, unknown fields included."""
    schema = SCHEMAS[f"server.{frame['t']}"]
    shape = schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    unknown = [f"unknown field {name}" for name in frame.keys() - shape["properties"].keys()]
    return [*faults(frame, schema, schema), *unknown]


def test_every_message_has_a_schema_and_no_other_is_committed() -> None:
    """tests/documents compares what they say; `make documents` renews them."""
    assert {path.name for path in FOLDER.glob("*.json")} == schemas().keys()


def test_a_wrong_frame_is_reported() -> None:
    assert wrong({"t": "hb", "e": "x", "v": "5"}) == ["$.v: '5' is no integer"]
    assert wrong({"t": "hb", "e": "x", "v": 5, "st": "fine"}) != []
    assert wrong({"t": "hb", "v": 5, "mood": 1}) == ["$: e is missing", "unknown field mood"]
    assert wrong({"t": "bye", "retry_ms": [1, 2, 3]}) != []


async def test_every_kind_of_frame_of_a_real_gateway_is_valid(
    start_gateway: StartGateway, beating: Writer
) -> None:
    await beating.commit(token("A", price=1.5, sources=["x"], stale=False))
    gateway = await start_gateway()
    kinds: set[str] = set()
    async with joined(f"{gateway.url}?topics=all") as socket:

        async def see(*wanted: str) -> None:
            async with asyncio.timeout(10):
                while not kinds.issuperset(wanted):
                    frame = json.loads(await socket.recv())
                    assert wrong(frame) == []
                    kinds.add(frame["t"])

        await see("hello", "ok", "snap")
        await socket.send('{"id":1,"op":"sub","topics":["nonsense"]}')
        await beating.commit({**token("A", price=None), **token("B", price=2)}, [])
        await beating.commit({}, ["solana:B"])
        await see("err", "d", "hb")
        gateway.stop.set()
        await see("bye")


async def test_the_demos_frames_are_valid(demo: Running) -> None:
    seen = 0
    async with joined(f"{demo.ws}/ws?topics=all") as socket, asyncio.timeout(20):
        while seen < 10:
            frame = json.loads(await socket.recv())
            assert wrong(frame) == []
            seen += frame["t"] == "d"
