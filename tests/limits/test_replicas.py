"""Two replicas behind the proxy: one is killed, one is stopped politely, one comes back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from shared.connect import Redis
from shared.keys import Keys
from tests.api.writer import Writer, row
from tests.limits.doors import connected, new_address, start_caddy, upgrade, wait_for
from tests.limits.names import name_server
from tests.support import Process, eventually, free_port

ADDRESSES = ("127.0.0.2", "127.0.0.3")


@contextlib.asynccontextmanager
async def front(folder: Path, name: str, port: int) -> AsyncIterator[int]:
    """Run Caddy, which finds the replicas by name as it would in a container network."""
    async with name_server() as names:
        names.addresses = list(ADDRESSES)
        look_up = f"refresh 1s\nresolvers udp/127.0.0.1:{names.port}"
        upstream = {f"{name.upper()}_UPSTREAM": f"{name}.test {port}"}
        proxy, door = start_caddy(folder, {"refresh 2s": look_up}, **upstream)
        try:
            await until_open(door)
            yield door
        finally:
            proxy.kill()


async def until_open(port: int) -> None:
    """Wait for the proxy."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                async with connected(port, new_address()):
                    return
            await asyncio.sleep(0.02)


async def test_a_replica_of_the_api_that_goes_costs_no_get(
    redis: Redis, keys: Keys, spawn_service: Callable[..., Process], tmp_path: Path
) -> None:
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit([row(n) for n in range(50)])
    port = free_port()

    def replica(host: str) -> Process:
        env = {"API_HOST": host, "API_PORT": str(port), "API_RATE": "0"}
        return spawn_service("api", env={**env, "API_DRAIN_GRACE_S": "0.5"})

    first, second = (replica(host) for host in ADDRESSES)
    for process, host in ((first, ADDRESSES[0]), (second, ADDRESSES[1])):
        await asyncio.to_thread(wait_for, port, process, "/discover", host)
    seen: Counter[object] = Counter()
    slowest_s = 0.0
    asking = True

    async def reader(client: httpx.AsyncClient) -> None:
        nonlocal slowest_s
        while asking:
            began = time.monotonic()
            try:
                answer = await client.get("/discover?limit=5")
                seen[answer.status_code] += 1
            except httpx.TransportError as error:
                seen[repr(error)] += 1
            slowest_s = max(slowest_s, time.monotonic() - began)
            await asyncio.sleep(0.005)

    async def more_pages() -> None:
        enough = seen.total() + 30
        await eventually(lambda: seen.total() >= enough, timeout_s=20)

    async with (
        front(tmp_path, "api", port) as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{door}", timeout=20) as client,
    ):
        readers = [asyncio.create_task(reader(client)) for _ in range(6)]
        await more_pages()
        first.kill()
        await more_pages()
        first = replica(ADDRESSES[0])
        await asyncio.to_thread(wait_for, port, first, "/discover", ADDRESSES[0])
        second.send(signal.SIGTERM)
        await asyncio.to_thread(second.wait)
        await more_pages()
        asking = False
        await asyncio.gather(*readers)

    print(f"{seen[200]} pages over a kill and a restart, the slowest {slowest_s:.2f} s")
    assert set(seen) == {200}
    assert seen[200] > 50


async def test_a_gateway_that_goes_costs_no_handshake(
    redis: Redis, keys: Keys, spawn_service: Callable[..., Process], tmp_path: Path
) -> None:
    await Writer(redis, keys).begin()
    port = free_port()
    gateways = []
    for host in ADDRESSES:
        env = {"WS_HOST": host, "WS_PORT": str(port), "WS_HANDSHAKE_RATE": "0"}
        gateways.append(spawn_service("ws", env={**env, "MAX_CONNS_PER_ADDRESS": "100"}))
        await asyncio.to_thread(wait_for, port, gateways[-1], "/livez", host)

    async def knock(count: int) -> Counter[int]:
        said: Counter[int] = Counter()
        for _ in range(count):
            async with connected(door, new_address()) as (reader, writer):
                said[(await upgrade(reader, writer)).status] += 1
        return said

    async with front(tmp_path, "ws", port) as door:
        both = await knock(10)
        gateways[0].kill()
        one = await knock(10)

    assert (both, one) == ({101: 10}, {101: 10})


@pytest.mark.parametrize("path", ["/discover", "/ws"])
async def test_with_no_replica_at_all_the_proxy_says_so_as_a_problem(
    tmp_path: Path, path: str
) -> None:
    changes = {"lb_try_duration 8s": "lb_try_duration 300ms"}
    nowhere = f"127.0.0.1 {free_port()}"
    proxy, port = start_caddy(tmp_path, changes, API_UPSTREAM=nowhere, WS_UPSTREAM=nowhere)
    try:
        await until_open(port)
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}{path}")
    finally:
        proxy.kill()

    assert (answer.status_code, answer.json()["code"]) == (502, "proxy")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
