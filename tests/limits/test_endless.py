"""Each element of HTTP/1.1's grammar without an end, before anybody has shown a key.

Refused early: it costs next to no memory, and other clients notice nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from tests.testkit.entries import (
    Edge,
    Entry,
    ask,
    connected,
    get,
    handshake,
    new_address,
    post,
)
from tests.testkit.process import ROOT
from tests.testkit.wait import eventually

FLOOD = ROOT / "tests" / "testkit" / "flood.py"
CHUNKED = post("Transfer-Encoding: chunked", key="nobody.at-all")
LIVEZ = get("/livez").replace(b"Connection: close\r\n", b"")
PAGE = get("/tokens/solana/Token00001").replace(b"Connection: close\r\n", b"")
# What is sent first, and what is repeated after it.
ELEMENTS = {
    "empty lines": (b"", b"\r\n" * 4_096),
    "request line": (b"GET /", b"x" * 8_192),
    "header": (get()[:-2] + b"X: ", b"y" * 8_192),
    "headers": (get()[:-2], b"a1: b\r\n" * 1_024),
    "chunk size": (CHUNKED, b"0" * 8_192),
    "chunk extension": (CHUNKED + b"1;a=", b"b" * 8_192),
    "small chunks": (CHUNKED, b"1;a=bbbbbbbbbbbbbbbb\r\nx\r\n" * 300),
    "body": (CHUNKED, b"2000\r\n" + b" " * 8_192 + b"\r\n"),
    "trailer": (CHUNKED + b"0\r\nX: ", b"y" * 8_192),
    "trailers": (CHUNKED + b"0\r\n", b"a1: b\r\n" * 1_024),
    "trailers of a page": (
        PAGE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        b"a1: b\r\n" * 1_024,
    ),
    "pipelined queue": (b"", PAGE * 100),
    "pipelined probes": (b"", LIVEZ * 200),
}
REPEATED = 1_000  # times, some 8 MB
HEADS = ("request line", "header", "headers", "empty lines")


def rss_mb(pid: int) -> float:
    """Return the memory of a process that is not shared, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("RssAnon"))
    return int(kilobytes) / 1024


async def attack(port: int, first: bytes, repeated: bytes, connections: int) -> None:
    """Send it from another process, until it is all sent or refused, or some seconds are over."""
    command = [sys.executable, "-S", str(FLOOD), str(port), str(connections), "3"]
    command += [first.hex(), repeated.hex(), str(REPEATED)]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def times(port: int, until: asyncio.Task[None] | None = None) -> list[float]:
    """Return times of `/livez` in seconds, sorted: a hundred, or more `until` a task is done."""
    took: list[float] = []
    while len(took) < 100 or (until and not until.done()):
        answer = await ask(port, get("/livez"))
        assert answer.status == 200
        took.append(answer.seconds)
        await asyncio.sleep(0.002)
    return sorted(took)


async def attacked(port: int, pid: int, element: str, connections: int = 4) -> None:
    first, repeated = ELEMENTS[element]
    alone, before, peak = await times(port), rss_mb(pid), 0.0
    attacking = asyncio.create_task(attack(port, first, repeated, connections))

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, rss_mb(pid))
            await asyncio.sleep(0.002)

    watching = asyncio.create_task(watch())
    beside = await times(port, attacking)
    watching.cancel()
    await attacking

    p99, p90 = (beside[int(share * len(beside))] for share in (0.99, 0.9))
    print(f"{element}: +{peak - before:.2f} MB; others' p99 {p99 * 1e3:.1f} ms of {len(beside)}")
    assert peak - before <= 1.0 * connections
    assert p90 < max(0.02, 3 * alone[-2])  # the machine is others' too


@pytest.mark.parametrize("element", ELEMENTS)
async def test_an_endless_element_costs_the_api_nothing(stack: Edge, element: str) -> None:
    entry: Entry = stack.entries["bare"]

    await attacked(entry.http, stack.processes[0].pid, element)


@pytest.mark.parametrize("element", HEADS)
async def test_an_endless_handshake_costs_the_gateway_nothing(stack: Edge, element: str) -> None:
    await attacked(stack.entries["bare"].ws, stack.processes[1].pid, element)


async def test_one_address_has_only_so_many_handshakes_under_way(stack: Edge) -> None:
    """The stack lets one address have five connections of the stream."""
    port, source = stack.entries["bare"].ws, new_address()
    async with contextlib.AsyncExitStack() as held:
        for _ in range(5):
            _, writer = await held.enter_async_context(connected(port, source))
            writer.write(handshake()[:-2])
            await writer.drain()
        refused = await ask(port, handshake(), source=source)
        other = await ask(port, handshake(), until=b"\r\n\r\n")

    async def again() -> bool:
        return (await ask(port, get("/livez"), source=source)).status == 200

    assert (refused.status, other.status) == (429, 101)
    assert 3 <= int(refused.header("retry-after")) <= 8
    await eventually(again)
