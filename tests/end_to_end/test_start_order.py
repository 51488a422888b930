"""No order of starting is needed: the first ones wait, and all become ready."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from dexwire.server.up.embedded import EmbeddedServer
from dexwire.server.up.net import http_get, is_open
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]


async def ready(port: int) -> bool:
    try:
        return (await http_get("127.0.0.1", port, "/readyz"))[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("ws", "api", "fetcher", "aggregator"), ()),
        (("fetcher",), ("ws", "aggregator", "api")),
    ],
)
async def test_services_may_be_started_in_any_order_and_before_redis(
    spawn_dexwire: Spawn, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    server = EmbeddedServer()
    ports = {name: free_port() for name in ("api", "ws", "replay")}
    env = {
        "REDIS_URL": server.url,
        "METRICS_PORT": "0",
        "FETCH_RATE_FACTOR": "10",
        "FETCH_REPLAY_URL": f"http://127.0.0.1:{ports['replay']}",
        **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
    started: dict[str, Process] = {}

    async def waits_patiently(name: str) -> bool:
        if name in ports:
            return await is_open("127.0.0.1", ports[name])
        return bool(started[name].output())

    try:
        for name in ("replay", *before):  # the sources are always there
            started[name] = spawn_dexwire(name, env=env)
        for name in started:  # each is up, and has found out that there is no Redis
            await eventually(partial(waits_patiently, name), timeout_s=30)
        server.start()
        for name in after:
            started[name] = spawn_dexwire(name, env=env)

        for name in ("api", "ws"):
            await eventually(partial(ready, ports[name]), timeout_s=40, every_s=0.1)

        assert {name: process.poll() for name, process in started.items()} == dict.fromkeys(started)
        assert all("Traceback" not in process.output() for process in started.values())
        lines = {name: process.output().count("\n") for name, process in started.items()}
        assert max(lines.values()) <= 25, lines
    finally:
        for process in started.values():
            process.kill()
        server.close()
