"""`dexwire doctor` finds each thing that can be wrong, and nothing in what is right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis as sync_redis

from dexwire.runfile import Running
from dexwire.server.doctor import machine
from dexwire.server.doctor.probe import read_facts
from dexwire.server.doctor.result import Result
from dexwire.server.doctor.run import examine
from dexwire.server.doctor.server import Facts, judge
from dexwire.server.doctor.upstream import upstreams
from dexwire.server.settings import UpSettings
from dexwire.server.up.embedded import EmbeddedServer
from dexwire.server.up.net import is_open
from services.api.settings import ApiSettings
from services.fetcher.settings import FetcherSettings
from services.ws.settings import WsSettings
from shared.errors import ConfigError
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from shared.state.meta import Meta
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
INFO = {
    "redis_version": "7.0.15",
    "redis_mode": "standalone",
    "role": "master",
    "connected_slaves": 1,
    "run_id": "r1",
    "master_replid": "p1",
    "maxmemory": 100 << 20,
    "maxmemory_policy": "noeviction",
    "used_memory": 10 << 20,
    "rdb_last_bgsave_status": "ok",
    "aof_enabled": 1,
}
GOOD = Facts(
    where="redis://h:6379/0",
    prefix="",
    info=INFO,
    ours_ms=1_790_000_000_000,
    theirs_ms=1_790_000_000_100,
    round_trip_ms=0.4,
    pubsub_limit="normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    meta=Meta(epoch="e", version=7, run_id="r1:p1", tokens=3, seeding=False,
              committed_ms=1_790_000_000_000),
    logged=True,
    lease_ms=1500,
    sources={"dexscreener": {"state": "ok"}},
)  # fmt: skip


def bad(facts: Facts) -> list[str]:
    return [f"{one.verdict} {one.name}" for one in judge(facts) if one.verdict != "ok"]


def with_info(**changes: object) -> Facts:
    return replace(GOOD, info=INFO | changes)


# -- what a server says of itself ------------------------------------------------------------------
def test_nothing_is_wrong_with_a_good_server() -> None:
    assert bad(GOOD) == []
    assert len(judge(GOOD)) == 12


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (with_info(redis_version="6.2.14"), ["fail redis version"]),
        (with_info(valkey_version="7.2.0"), []),
        (with_info(valkey_version="7.1.9"), ["fail redis version"]),
        (with_info(role="slave", master_host="h", master_port=1), ["fail redis role"]),
        (with_info(maxmemory_policy="allkeys-lru"), ["fail eviction"]),
        (with_info(maxmemory_policy="allkeys-lru", maxmemory=0), ["warn eviction"]),
        (with_info(used_memory=80 << 20), ["warn memory"]),
        (with_info(used_memory=95 << 20), ["fail memory"]),
        (with_info(rdb_last_bgsave_status="err"), ["fail persistence"]),
        (with_info(aof_last_write_status="err"), ["fail persistence"]),
        (with_info(loading=1), ["warn persistence"]),
        (with_info(run_id="r2"), ["warn store"]),
        (with_info(master_replid="p2"), ["warn store"]),
        (replace(GOOD, ours_ms=GOOD.ours_ms + 5_000), ["warn clock"]),
        (replace(GOOD, ours_ms=GOOD.ours_ms - 90_000), ["fail clock"]),
        (replace(GOOD, round_trip_ms=150.0), ["warn redis"]),
        (replace(GOOD, pubsub_limit="pubsub 1048576 1048576 60"), ["warn output buffers"]),
        (replace(GOOD, pubsub_limit="pubsub 0 0 0"), []),
        (replace(GOOD, pubsub_limit=None), []),
        (replace(GOOD, lease_ms=None), ["warn aggregator"]),
        (replace(GOOD, meta=Meta()), ["warn data"]),
        (replace(GOOD, meta=replace(GOOD.meta, committed_ms=0)), ["warn data"]),
        (replace(GOOD, theirs_ms=GOOD.theirs_ms + 300_000, ours_ms=GOOD.ours_ms + 300_000),
         ["fail data"]),
        (replace(GOOD, logged=False), ["fail store"]),
        (replace(GOOD, info={}, meta=Meta(), lease_ms=None, logged=False,
                 denied=frozenset(["info", "data", "aggregator", "store"])), []),
        (replace(GOOD, sources={"jupiter": {"state": "down", "last_error": "HTTP 401"},
                                "dexscreener": {"state": "ok"}}),
         ["fail source jupiter"]),
        (replace(GOOD, sources={"jupiter": {"state": "down"}, "dexscreener": {"state": "off"}}),
         ["fail source jupiter", "fail sources"]),
        (replace(GOOD, sources={"jupiter": {"state": "degraded"}}), ["warn source jupiter"]),
        (replace(GOOD, sources={"jupiter": {"state": "ok", "delivery_error": "HTTP 401"}}),
         ["fail source jupiter"]),
        (replace(GOOD, sources={"jupiter": {"state": "ok", "delivery_error": ""}}), []),
    ],
)  # fmt: skip
def test_each_fault_of_a_server_is_found_and_nothing_else(facts: Facts, found: list[str]) -> None:
    assert bad(facts) == found


@pytest.mark.parametrize(
    ("where", "mode", "seen"),
    [
        ("redis://h:1/0", "standalone", "(single)"),
        ("rediss://h:1/0", "standalone", "(single, TLS)"),
        ("unix:///s", "standalone", "(single)"),
        ("redis+sentinel://h:1/mymaster/0", "standalone", "(sentinel)"),
        ("redis://h:1/0", "cluster", "(cluster)"),
    ],
)
def test_the_kind_of_redis_is_reported(where: str, mode: str, seen: str) -> None:
    facts = replace(with_info(redis_mode=mode), where=where)

    assert seen in judge(facts)[0].seen


def test_whatever_is_wrong_comes_with_what_to_do() -> None:
    worst = Facts(
        where="redis://h:1/0", prefix="", info={"redis_version": "5.0", "role": "slave"},
        ours_ms=0, theirs_ms=10**6, round_trip_ms=900.0, pubsub_limit="pubsub 1 1 1",
    )  # fmt: skip

    assert [one.name for one in judge(worst) if one.verdict != "ok" and not one.fix] == []


# -- real servers ----------------------------------------------------------------------------------
async def seen(url: str, prefix: str = "") -> dict[str, Result]:
    client = open_redis(url)
    try:
        return {one.name: one for one in judge(await read_facts(client, "redis://h/0", prefix))}
    finally:
        await client.aclose()


async def test_a_fresh_server_lacks_only_what_nobody_has_started(
    redis_url: str, redis_prefix: str
) -> None:
    found = await seen(redis_url, redis_prefix)

    assert {name for name, one in found.items() if one.verdict != "ok"} == {"aggregator", "data"}
    assert found["data"].seen == f"nothing was ever committed under the prefix {redis_prefix!r}"


async def test_a_server_that_evicts_and_is_nearly_full_is_found(
    private_server: Callable[..., EmbeddedServer],
) -> None:
    server = private_server()
    with sync_redis.Redis.from_url(server.url) as client:
        info = client.info("memory")
        assert isinstance(info, dict)
        client.config_set("maxmemory", int(info["used_memory"] / 0.8))
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("client-output-buffer-limit", "pubsub 1mb 1mb 60")

    found = await seen(server.url)

    assert found["eviction"].verdict == "fail"
    assert found["memory"].verdict in {"warn", "fail"}
    assert found["output buffers"].seen.startswith("pubsub 1 MiB hard, 1 MiB soft for 60 s")


async def test_a_replica_is_no_server_to_write_to(
    private_server: Callable[..., EmbeddedServer],
) -> None:
    server = private_server()
    with sync_redis.Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", "1")

    found = await seen(server.url)

    assert found["redis role"].seen == "a replica of 127.0.0.1:1; every write is refused"


async def test_the_state_that_services_leave_is_read(redis: Redis, keys: Keys) -> None:
    meta: dict[Any, Any] = {
        "epoch": "e", "version": "9", "run_id": "another", "fence": "1", "commit_id": "c",
        "digest": "0" * 16, "committed_ms": "1", "tokens": "3", "horizon": "0", "seeding": "",
    }  # fmt: skip
    await redis.hset(keys.meta, mapping=meta)
    await redis.xadd(keys.log, {"m": b""}, id="8-0")
    await redis.set(keys.lease, "me", px=60_000)
    await redis.hset(keys.fetch_status("jupiter"), mapping={"state": "down", "last_error": "x"})

    facts = await read_facts(redis, "redis://h/0", keys.prefix)
    found = {one.name: one for one in judge(facts)}

    assert not facts.logged
    assert found["aggregator"].verdict == "ok"
    assert found["data"].verdict == "fail"
    assert found["store"].verdict == "warn"
    assert found["source jupiter"].seen == "down: x"


async def test_a_store_of_a_newer_version_is_found(
    redis_url: str, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    await redis.hset(keys.meta, mapping={"schema": "2", "epoch": "e"})
    monkeypatch.setenv("REDIS_PREFIX", keys.prefix)

    found = await examined(redis_url)

    assert found["store"].verdict == "fail"
    assert found["store"].seen.startswith("the store has schema 2")


async def examined(url: str | None = None, *, clean: bool = False) -> dict[str, Result]:
    return {one.name: one async for one in examine(url, upstream=False, clean=clean)}


async def test_a_server_that_is_not_there_is_reported_without_the_password() -> None:
    port = free_port()

    found = await examined(f"redis://:hush@127.0.0.1:{port}/0")

    assert found["redis"].verdict == "fail"
    assert found["redis"].seen.startswith(f"redis://127.0.0.1:{port}/0: Error 111")
    assert "hush" not in str(found)


async def test_a_wrong_password_is_reported_as_such(
    private_server: Callable[..., EmbeddedServer],
) -> None:
    server = private_server()
    with sync_redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "right")

    found = await examined(f"{server.url}?password=hush-wrong")

    assert found["redis"].verdict == "fail"
    assert "check the user" in found["redis"].fix
    assert "hush" not in str(found)


async def test_without_a_url_the_embedded_server_is_looked_for() -> None:
    found = await examined()

    assert found["redis"].seen.startswith("REDIS_URL is not set")
    assert found["embedded server"].verdict == "ok"


# -- this machine ----------------------------------------------------------------------------------
async def test_a_port_is_free_ours_or_somebody_elses(busy_port: int) -> None:
    here = Running(pid=1, redis_url="", redis_prefix="", demo=True,
                   api=f"http://127.0.0.1:{busy_port}", ws="")  # fmt: skip

    assert (await machine.port("api", "127.0.0.1", free_port(), None)).verdict == "ok"
    assert (await machine.port("api", "127.0.0.1", busy_port, here)).verdict == "ok"
    taken = await machine.port("ws", "127.0.0.1", busy_port, None)
    assert taken.verdict == "fail"
    assert taken.fix == "stop what holds it, or set WS_PORT to a free one"


async def test_wrong_and_misspelt_settings_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_ULR", "redis://h")
    assert (await examined())["settings"].verdict == "warn"
    monkeypatch.setenv("API_PORT", "tcp://10.0.0.1:8000")  # as Kubernetes sets it for a Service
    found = (await examined())["settings"]
    assert found.verdict == "fail"
    assert "API_PORT" in found.seen


@pytest.fixture
def broken_env_file() -> None:
    Path(".env").write_bytes(b"A=\xff")


@pytest.mark.usefixtures("broken_env_file")
async def test_an_env_file_that_is_no_text_is_found() -> None:
    assert (await examined())["settings"].seen.startswith(".env: cannot be read")


def test_more_connections_than_files_are_found() -> None:
    assert machine.open_files(WsSettings(ws_max_connections=1_000_000)).verdict == "warn"
    assert machine.open_files(WsSettings(ws_max_connections=1)).verdict == "ok"


def test_no_embedded_server_matters_only_when_one_is_needed(tmp_path: Path) -> None:
    def none() -> str:
        raise ConfigError("REDIS_URL: no Redis to use. Either …")

    broken = tmp_path / "valkey-server"
    broken.write_text("no program", encoding="utf-8")

    assert machine.embedded_server(needed=True, find=none).verdict == "fail"
    assert machine.embedded_server(needed=False, find=none).verdict == "ok"
    assert machine.embedded_server(needed=True, find=lambda: str(broken)).verdict == "fail"


@pytest.mark.parametrize(
    ("trusted", "public", "verdict"),
    [
        ("", ":8001/ws", "ok"),
        ("10.0.0.0/16", "wss://dex.example/ws", "ok"),
        ("", "wss://dex.example/ws", "warn"),
        ("", "/ws", "warn"),
    ],
)
def test_proxies_that_are_not_named_are_found(trusted: str, public: str, verdict: str) -> None:
    ws = WsSettings.model_construct(trusted_proxies=tuple(trusted.split()))

    assert machine.proxies(ApiSettings(ws_public_url=public), ws).verdict == verdict


def test_a_proxy_list_of_everybody_fails() -> None:
    ws = WsSettings.model_construct(trusted_proxies=("0.0.0.0/0",))

    assert machine.proxies(ApiSettings(), ws).verdict == "fail"


def test_an_open_api_without_keys_or_origins_is_found() -> None:
    open_ = ApiSettings(api_host="0.0.0.0")  # noqa: S104 - the point

    assert machine.exposure(ApiSettings(), WsSettings()).verdict == "ok"
    assert machine.exposure(open_, WsSettings()).verdict == "warn"
    proxied = ApiSettings(ws_public_url="wss://a.example/ws")
    assert machine.exposure(proxied, WsSettings()).verdict == "warn"
    closed = ApiSettings(ws_public_url="wss://a.example/ws", ingest_without_keys="off")
    assert machine.exposure(closed, WsSettings()).verdict == "ok"


def test_a_data_folder_that_cannot_be_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    assert machine.data_folder(UpSettings(), None).verdict == "ok"
    assert machine.data_folder(UpSettings(data_dir=tmp_path / "new" / "data"), None).verdict == "ok"
    assert machine.data_folder(UpSettings(data_dir=tmp_path / "file"), None).verdict == "fail"


# -- the sources ---------------------------------------------------------------------------------
async def test_each_source_is_called_and_its_answer_is_reported(
    monkeypatch: pytest.MonkeyPatch, spawn_dexwire: Spawn
) -> None:
    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(busy, "127.0.0.1", 0) as server:
        replay, nobody = free_port(), free_port()
        spawn_dexwire("replay", env={"REPLAY_PORT": str(replay), "METRICS_PORT": "0"})
        await eventually(partial(is_open, "127.0.0.1", replay), timeout_s=20)
        busy_port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("DEXSCREENER_URL", f"http://127.0.0.1:{replay}/dexscreener")
        monkeypatch.setenv("JUPITER_URL", f"http://127.0.0.1:{nobody}")
        monkeypatch.setenv("GECKOTERMINAL_URL", f"http://127.0.0.1:{busy_port}/api")
        monkeypatch.setenv("GECKOTERMINAL_NETWORKS", "etherium,solana")

        found = {one.name: one for one in await upstreams(FetcherSettings())}

    assert found["upstream dexscreener"].verdict == "ok"
    assert "HTTP 200" in found["upstream dexscreener"].seen
    assert found["upstream jupiter"].verdict == "fail"
    assert found["upstream jupiter"].seen == f"127.0.0.1:{nobody}: ConnectError"
    assert found["upstream geckoterminal"].verdict == "warn"
    assert "etherium" in found["setting of geckoterminal"].seen


async def test_a_source_that_is_off_or_wrongly_set_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEXSCREENER_ENABLED", "false")
    monkeypatch.setenv("JUPITER_ENABLED", "false")
    monkeypatch.setenv("GECKOTERMINAL_URL", "ftp://x")

    found = await upstreams(FetcherSettings())

    assert [(one.name, one.verdict) for one in found] == [
        ("upstream dexscreener", "ok"),
        ("upstream geckoterminal", "fail"),
        ("upstream jupiter", "ok"),
    ]


# -- the command -----------------------------------------------------------------------------------
def test_the_command_exits_0_on_a_bare_machine_and_1_when_something_fails(
    spawn_dexwire: Spawn,
) -> None:
    ports = {"API_PORT": "0", "WS_PORT": "0"}

    good = spawn_dexwire("doctor", env=ports)
    bad_ = spawn_dexwire("doctor", "--json", env={**ports, "WINDOW_MS": "0"})

    assert good.wait(40) == 0, good.output()
    assert " 0 failed, " in good.lines()[-1]
    assert bad_.wait(40) == 1
    found = {one["name"]: one["verdict"] for one in json.loads(bad_.output())}
    assert found["settings"] == "fail"
