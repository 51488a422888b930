"""A back-up of a live store, brought back into a new server: nothing old passes for new."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from dexwire.conformance.follower import following
from dexwire.runfile import RunFile
from dexwire.server.backup import backup, restore
from dexwire.server.up.embedded import EmbeddedServer
from dexwire.server.verify import audit
from services.api.settings import ApiSettings
from shared.errors import ConfigError, StoreError
from shared.keys import Keys
from shared.model import Reading
from shared.process.settings import ServiceSettings, read_settings
from shared.redis.connect import Redis, open_redis
from shared.state.store import Store
from tests.testkit.api import serve
from tests.testkit.gateway import is_listening
from tests.testkit.market import aggregator, has_leader, market, publish, reaches
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

KEYS: Final = Keys("")
Servers = Callable[..., EmbeddedServer]


@pytest.fixture
def server(private_server: Servers, tmp_path: Path) -> EmbeddedServer:
    return private_server(data_dir=tmp_path / "data")


@pytest.fixture
async def redis(server: EmbeddedServer) -> AsyncIterator[Redis]:
    client = open_redis(server.url)
    yield client
    await client.aclose()


async def snapshot(server: EmbeddedServer, out: Path) -> None:
    assert await backup(read_settings(ServiceSettings, redis_url=server.url), None, out) == 0


@asynccontextmanager
async def stopped(server: EmbeddedServer, redis: Redis) -> AsyncIterator[Path]:
    """The folder of a server that is stopped until the block ends."""
    assert server.data_dir is not None
    server.stop()
    yield server.data_dir
    server.start()
    await redis.connection_pool.disconnect()


async def bring_back(server: EmbeddedServer, redis: Redis, file: Path) -> None:
    async with stopped(server, redis) as folder:
        assert restore(str(file), folder) == 0


def some(first: int, count: int, seed: int) -> list[Reading]:
    return market(first + count, random.Random(seed))[first:]


async def test_services_that_go_on_lose_nothing_and_begin_an_epoch(
    server: EmbeddedServer, redis: Redis, tmp_path: Path
) -> None:
    store = Store(redis, KEYS)
    async with aggregator(server.url, KEYS):
        await has_leader(store)
        await publish(redis, KEYS, some(0, 10, 1))
        await reaches(store, 10)
        await snapshot(server, tmp_path / "dump.rdb")
        await publish(redis, KEYS, some(10, 10, 2))
        await reaches(store, 20)
        before = await store.meta()
        prices = await price_of_all(store)

        await bring_back(server, redis, tmp_path / "dump.rdb")

        await eventually(lambda: is_whole(store, {before.epoch}, 20), timeout_s=20)
        assert await price_of_all(store) == prices
        assert (await audit(store)).wrong == 0


async def is_whole(store: Store, former: set[str], tokens: int) -> bool:
    meta = await store.meta()
    return bool(meta.epoch) and meta.epoch not in former and meta.tokens == tokens


async def price_of_all(store: Store) -> dict[str, bytes]:
    rows = await store.rows(await store.token_ids())
    return {token: fields["price"] for token, fields in sorted(rows.items())}


@pytest.mark.parametrize("how", ["snapshot", "files"])
async def test_services_that_start_on_a_back_up_have_its_state_under_another_epoch(
    server: EmbeddedServer,
    redis: Redis,
    tmp_path: Path,
    spawn_dexwire: Callable[..., Process],
    how: str,
) -> None:
    store, port = Store(redis, KEYS), free_port()
    settings = ApiSettings(redis_url=server.url, api_rate=0)
    async with aggregator(server.url, KEYS):
        await has_leader(store)
        await publish(redis, KEYS, some(0, 10, 1))
        await reaches(store, 10)
        epochs = {(await store.meta()).epoch}
        async with serve(settings) as served:
            await eventually(lambda: answers_ten(served.client))
            cursor = (await page(served.client, limit=5))["nextCursor"]
    held = {key async for key in redis.scan_iter() if await redis.pttl(key) < 0}  # for good
    readings, prices = await store.readings(await store.token_ids()), await price_of_all(store)
    if how == "snapshot":
        await snapshot(server, tmp_path / "dump.rdb")
    else:  # of a server that is stopped, or from a snapshot of its disk
        async with stopped(server, redis) as folder:
            shutil.copytree(folder / "appendonlydir", tmp_path / "files")
    spawn_dexwire("ws", env={"REDIS_URL": server.url, "WS_PORT": str(port)})
    url = f"ws://127.0.0.1:{port}/ws"
    async with aggregator(server.url, KEYS):  # what the back-up lacks
        await publish_until(store, some(0, 20, 3), 20)
        await eventually(lambda: is_listening(port), timeout_s=20)
        async with following(url, "all") as (seen, _):
            await seen.until("all", (await store.meta()).version, 5)
    epochs.add((await store.meta()).epoch)
    assert seen.rule.versions["all"] > 0

    if how == "snapshot":
        await bring_back(server, redis, tmp_path / "dump.rdb")
    else:
        async with stopped(server, redis) as folder:
            shutil.rmtree(folder / "appendonlydir")
            shutil.copytree(tmp_path / "files", folder / "appendonlydir")
    assert {key async for key in redis.scan_iter()} >= held
    async with aggregator(server.url, KEYS), serve(settings) as served:
        await eventually(lambda: is_whole(store, epochs, 10), timeout_s=20)
        assert await price_of_all(store) == prices
        assert (await store.readings(await store.token_ids())).keys() == readings.keys()
        assert (await audit(store)).wrong == 0
        now = await store.meta()
        async with following(url, before=seen) as (resumed, _):
            await eventually(lambda: resumed.rule.epoch == now.epoch and resumed.snaps)
        assert (resumed.snaps, resumed.complaints) == ({"all": 1}, [])
        await eventually(lambda: answers_ten(served.client))
        gone = await served.client.get("/discover", params={"limit": 5, "cursor": cursor})
        assert (gone.status_code, gone.json()["code"]) == (410, "cursor_expired")


async def publish_until(store: Store, readings: list[Reading], tokens: int) -> None:
    await has_leader(store)
    await publish(store.redis, KEYS, readings)
    await reaches(store, tokens)


async def page(client: httpx.AsyncClient, limit: int) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/discover", params={"limit": limit})).json()
    return found


async def answers_ten(client: httpx.AsyncClient) -> bool:
    return (await page(client, 100)).get("total") == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"SQLite format 3", "this is no snapshot of Redis or Valkey (dump.rdb)"),
        (b"", "this is no snapshot of Redis or Valkey (dump.rdb)"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_is_no_snapshot_changes_nothing(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file, data = tmp_path / "other", tmp_path / "data"
    (data / "appendonlydir").mkdir(parents=True)
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=re.escape(f"{file}: {message}")):
        restore(str(file), data)
    assert [path.name for path in data.iterdir()] == ["appendonlydir"]


async def test_a_folder_for_the_copy_that_is_not_there_is_named(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    out = tmp_path / "nowhere" / "dump.rdb"

    with pytest.raises(ConfigError, match=re.escape(f"--out {out}: there is no folder")):
        await snapshot(server, out)


async def test_a_copy_that_cannot_be_written_says_where_the_snapshot_is(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    out, there = tmp_path / "folder", tmp_path / "data" / "dump.rdb"
    out.mkdir()

    reason = f"--out {out}: Is a directory; the snapshot is {there}"
    with pytest.raises(StoreError, match=re.escape(reason)):
        await snapshot(server, out)


def test_a_folder_that_a_dexwire_runs_on_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0011")
    held = RunFile.claim(tmp_path / "data")
    assert held is not None

    with pytest.raises(ConfigError, match="a dexwire runs on it; stop it first"):
        restore(str(tmp_path / "dump.rdb"), tmp_path / "data")
    held.close()
