"""A store that cannot write to its disk refuses writes, and PING: services start and read on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.testkit.full_disk import fill_disk, free_disk, server_with_a_disk
from tests.testkit.process import Process
from tests.testkit.stack import Stack, post
from tests.testkit.wait import eventually


@pytest.mark.timeout(120)
async def test_services_start_and_pages_go_on_while_the_stores_disk_is_full(
    tmp_path: Path, spawn_dexwire: Callable[..., Process]
) -> None:
    server = server_with_a_disk(tmp_path / "store", tmp_path / "s.sock")
    server.start()
    try:
        stack = Stack(spawn_dexwire, lambda _: {"REDIS_URL": server.url})
        stack.start("aggregator", "api")
        async with stack.client() as client:
            await eventually(lambda: posts(client, 200), timeout_s=40)
            fill_disk(server)
            await eventually(lambda: posts(client, 503), timeout_s=20)
            for name in ("api", "aggregator"):
                stack.processes[name][0].kill()
            stack.start("aggregator", "api", "fetcher", "ws")
            await eventually(lambda: shows(client), timeout_s=40)
            refused = await post(client, "Mine", 9.0)
            ready = await client.get("/readyz")
            free_disk(server)
            await eventually(lambda: posts(client, 200), timeout_s=40)
        started = [stack.processes[name][-1] for name in ("aggregator", "api", "fetcher", "ws")]
        codes = [process.poll() for process in started]
    finally:
        server.kill()

    assert refused.json()["code"] == "storage_readonly"
    assert (ready.status_code, ready.json()["code"]) == (503, "storage_readonly")
    assert codes == [None] * 4
    assert not [p for p in started if "service_failed" in p.output()]


async def posts(client: httpx.AsyncClient, status: int) -> bool:
    """Return whether a post is answered so."""
    try:
        return (await post(client, "Mine", 7.5)).status_code == status
    except httpx.HTTPError:
        return False


async def shows(client: httpx.AsyncClient) -> bool:
    """Return whether the list is there."""
    try:
        return (await client.get("/discover")).status_code == 200
    except httpx.HTTPError:
        return False
