"""The recorder beside a real store, on both engines: faults of every part, and what is recorded."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select

from dexwire.server.up.embedded import EmbeddedServer
from services.recorder.app import run
from services.recorder.settings import RecorderSettings
from shared.history import schema
from shared.history.answers import CandlePage
from shared.history.engine import DATABASE_ERRORS, open_engine
from shared.history.reader import Reader
from shared.keys import Keys
from shared.redis.connect import UNREACHABLE, Redis, open_redis
from tests.testkit.commits import Writer, token
from tests.testkit.history import MS0
from tests.testkit.postgres import make_database, postgres_server
from tests.testkit.process import Process
from tests.testkit.wait import PATIENCE_S, eventually

Spawn = Callable[..., Process]
MINUTE = 60_000
KILLS = int(os.environ.get("HISTORY_KILLS", "3"))  # of each kind; `make history-kills`: 50


@asynccontextmanager
async def recording(redis_url: str, keys: Keys, url: str, **settings: Any) -> AsyncIterator[None]:  # noqa: ANN401
    """A recorder in this process; it writes what is left when the block ends."""
    stop = asyncio.Event()
    chosen: dict[str, Any] = {
        "redis_url": redis_url, "redis_prefix": keys.prefix, "history_url": url,
        "history_write_s": 0.05, **settings,
    }  # fmt: skip
    job = asyncio.create_task(run(RecorderSettings(**chosen), stop))
    try:
        yield
    finally:
        stop.set()
        await job


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Reader]:
    engine = open_engine(url, writes=False)
    yield Reader(engine)
    await engine.dispose()


async def recorded(reader: Reader, writer: Writer) -> bool:
    """Whether everything that was committed is written; not while there is no database yet."""
    try:
        position = await reader.position()
    except DATABASE_ERRORS:
        return False
    return (position.epoch, position.version) == (writer.ledger.epoch, writer.version)


async def page(reader: Reader, interval: Any, *, to_ms: int, limit: int) -> CandlePage:  # noqa: ANN401
    found = await reader.candles("solana:A", interval, to_ms=to_ms, limit=limit)
    assert found is not None
    return found


def seen(ts: int, price: float, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """A row of A, observed at its commit."""
    return token("A", price=price, price_source="jupiter", observed_ms=ts, **fields)


@pytest.fixture
async def writer(redis: Redis, keys: Keys) -> Writer:
    writer = Writer(redis, keys)
    await writer.begin()
    return writer


async def test_each_kind_of_nothing_is_named(
    redis: Redis,
    keys: Keys,
    redis_url: str,
    writer: Writer,
    history_url: str,
) -> None:
    sources: dict[str, Any] = {"sources": ["jupiter"]}
    async with recording(redis_url, keys, history_url), reading(history_url) as reader:
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        await writer.commit(seen(MS0, 2.0, **sources), ts=MS0)
        await writer.commit(token("B", price=1.0), ts=MS0 + 25_000)
        for second in range(50, 110, 25):  # A is read again, and does not move
            ts = MS0 + second * 1000
            await writer.commit(seen(ts, 2.0, **sources), ts=ts)
        for second in range(120, 180, 25):  # others are read
            await writer.commit(token("B", price=float(second)), ts=MS0 + second * 1000)
        # Nothing for a minute, then A once more; then its source is down.
        await writer.commit(seen(MS0 + 4 * MINUTE, 3.0, **sources), ts=MS0 + 4 * MINUTE)
        down = {"state": "down", "last_ok_ms": MS0 + 5 * MINUTE}
        store: Any = redis
        await store.hset(keys.fetch_status("jupiter"), mapping=down)
        for second in range(325, 420, 25):
            await writer.commit(token("B", price=float(second)), ts=MS0 + second * 1000)
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)

        async def explained() -> CandlePage:
            found = await page(reader, "1m", to_ms=MS0 + 6 * MINUTE, limit=6)
            assert [gap.kind for gap in found.gaps] == ["unseen", "outage", "outage"]
            return found

        found = await eventually(explained, PATIENCE_S)

    assert [(each.t - MS0, each.kind) for each in found.candles] == [
        (0, "seen"),
        (MINUTE, "flat"),
        (4 * MINUTE, "seen"),
    ]
    assert [(gap.from_ms - MS0, gap.why) for gap in found.gaps] == [
        (2 * MINUTE, "nobody requested this token"),
        (3 * MINUTE, "nothing was committed, and no heartbeat came"),
        (5 * MINUTE, "jupiter was down"),
    ]


async def test_what_was_committed_while_it_was_away_is_read_from_the_log(
    keys: Keys, redis_url: str, writer: Writer, history_url: str
) -> None:
    for start in (0, 10, 20):
        async with recording(redis_url, keys, history_url), reading(history_url) as reader:
            await eventually(lambda: recorded(reader, writer), PATIENCE_S)
            for n in range(start, start + 5):
                await writer.commit(seen(MS0 + n, 1.0 + n), ts=MS0 + n)
            await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        for n in range(start + 5, start + 10):
            await writer.commit(seen(MS0 + n, 1.0 + n), ts=MS0 + n)
    async with recording(redis_url, keys, history_url), reading(history_url) as reader:
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        (candle,) = (await page(reader, "1m", to_ms=MS0 + MINUTE, limit=1)).candles

    assert (candle.o, candle.h, candle.l, candle.c, candle.n) == (1.0, 30.0, 1.0, 30.0, 30)


async def test_a_new_epoch_is_an_outage_and_its_rows_are_recorded(
    keys: Keys, redis_url: str, writer: Writer, history_url: str
) -> None:
    async with recording(redis_url, keys, history_url), reading(history_url) as reader:
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        await writer.commit(seen(MS0, 1.0), ts=MS0)
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        await writer.begin("e2")
        later = MS0 + 3 * MINUTE
        await writer.commit(seen(later, 2.0), ts=later)
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        found = await page(reader, "1m", to_ms=later + MINUTE, limit=4)

    assert [(each.t - MS0, each.c) for each in found.candles] == [(0, 1.0), (3 * MINUTE, 2.0)]
    assert [(gap.kind, gap.why) for gap in found.gaps] == [("outage", "a new epoch began")]


async def test_a_removed_token_keeps_its_last_row_and_its_alerts(
    keys: Keys, redis_url: str, writer: Writer, history_url: str
) -> None:
    async with recording(redis_url, keys, history_url), reading(history_url) as reader:
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        rows = seen(MS0, 1.0, token_ticker="AAA", market_cap=5.0)
        await writer.commit(rows, ts=MS0, alerts=[("solana:A", 3)])
        await writer.commit(remove=["solana:A"], ts=MS0 + 1_000)
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        record = await reader.token("solana:A")
        alerts = await reader.alerts("solana:A", from_ms=0, to_ms=MS0 + 1, limit=9)

    assert record is not None
    assert (record.gone_ms, record.cap_high, record.cap_high_ms) == (MS0 + 1_000, 5.0, MS0)
    assert b'"token_ticker":"AAA"' in (record.row or b"")
    assert [(alert.at_ms, alert.kind) for alert in alerts or []] == [(MS0, "price")]


async def test_the_second_recorder_waits_and_takes_over(
    keys: Keys, redis_url: str, writer: Writer, history_url: str
) -> None:
    async with reading(history_url) as reader, recording(redis_url, keys, history_url):
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        async with recording(redis_url, keys, history_url):
            for n in range(20):
                await writer.commit(seen(MS0 + n, 1.0 + n), ts=MS0 + n)
            await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        for n in range(20, 40):
            await writer.commit(seen(MS0 + n, 1.0 + n), ts=MS0 + n)
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        (candle,) = (await page(reader, "1m", to_ms=MS0 + MINUTE, limit=1)).candles
    assert (candle.n, candle.c) == (40, 40.0)


# -- a database that fails -------------------------------------------------------------------------
async def keeps_committing(writer: Writer, start: int, process: Process | None = None) -> None:
    """The pipeline goes on, whatever the recorder's database does."""
    for n in range(start, start + 10):
        await writer.commit(seen(MS0 + n, 1.0 + n), ts=MS0 + n)
        assert process is None or process.poll() is None
        await asyncio.sleep(0.02)


async def test_a_locked_database_costs_nothing_once_it_is_free(
    keys: Keys, redis_url: str, writer: Writer, tmp_path: Path
) -> None:
    file = tmp_path / "history.sqlite"
    async with recording(redis_url, keys, f"sqlite:///{file}"), reading(f"sqlite:///{file}") as r:
        await eventually(lambda: recorded(r, writer), PATIENCE_S)
        await keeps_committing(writer, 0)
        await eventually(lambda: recorded(r, writer), PATIENCE_S)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await keeps_committing(writer, 10)
        assert not await recorded(r, writer)
        other.execute("ROLLBACK")
        other.close()
        await eventually(lambda: recorded(r, writer), PATIENCE_S)
        (candle,) = (await page(r, "1m", to_ms=MS0 + MINUTE, limit=1)).candles
    assert candle.n == 20


async def test_a_full_disk_costs_nothing_once_there_is_room(
    spawn_service: Spawn, writer: Writer, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/history.sqlite"
    process = spawn_service("recorder", env=_env(url))
    async with reading(url) as reader:
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        await keeps_committing(writer, 0, process)
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        await asyncio.to_thread(_limit, process, 65_536)
        await keeps_committing(writer, 10, process)
        await eventually(lambda: "history_behind" in process.output(), PATIENCE_S)
        assert not await recorded(reader, writer)
        await asyncio.to_thread(_limit, process, resource.RLIM_INFINITY)
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        (candle,) = (await page(reader, "1m", to_ms=MS0 + MINUTE, limit=1)).candles
    assert candle.n == 20


def _limit(process: Process, size: int) -> None:
    """Let no file of the process grow beyond so many bytes; its log is shorter."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def test_a_damaged_file_is_named_left_alone_and_harms_nothing(
    spawn_service: Spawn, writer: Writer, tmp_path: Path
) -> None:
    content = b"no database at all, and long enough to be read as one" * 90
    file = tmp_path / "history.sqlite"
    file.write_bytes(content)
    process = spawn_service("recorder", env=_env(f"sqlite:///{file}"))
    await eventually(lambda: "is no SQLite database" in process.output(), PATIENCE_S)
    await keeps_committing(writer, 0, process)
    assert file.read_bytes() == content
    file.unlink()
    async with reading(f"sqlite:///{file}") as reader:
        await eventually(lambda: recorded(reader, writer), PATIENCE_S)


async def test_a_file_that_cannot_be_opened_is_named_and_harms_nothing(
    writer: Writer, spawn_service: Spawn, tmp_path: Path
) -> None:
    (tmp_path / "no-folder").write_text("", encoding="utf-8")
    process = spawn_service("recorder", env=_env(f"sqlite:///{tmp_path}/no-folder/h.sqlite"))
    await eventually(lambda: "it cannot be opened" in process.output(), PATIENCE_S)
    await keeps_committing(writer, 0, process)


async def test_a_database_that_takes_no_writes_is_named_and_harms_nothing(
    writer: Writer, spawn_service: Spawn
) -> None:
    with postgres_server() as server:
        url = await asyncio.to_thread(make_database, server.url(""))
        connection = await asyncpg.connect(url)
        name = url.rpartition("/")[2]
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        process = spawn_service("recorder", env=_env(url))
        await eventually(lambda: "the database is read-only" in process.output(), PATIENCE_S)
        await keeps_committing(writer, 0, process)
        await connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await connection.close()
        async with reading(url) as reader:
            await eventually(lambda: recorded(reader, writer), PATIENCE_S)


# -- kills -----------------------------------------------------------------------------------------
def _env(url: str) -> dict[str, str]:
    return {"HISTORY_URL": url, "HISTORY_WRITE_S": "0.05", "METRICS_PORT": "0"}


async def commits(writer: Writer, chance: random.Random, for_s: float) -> None:
    """Commit A as fast as that goes for a moment."""
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        ts = MS0 + writer.version
        await writer.commit(seen(ts, chance.uniform(1, 9)), ts=ts)
        await asyncio.sleep(0.002)


async def test_no_look_is_lost_or_doubled_by_kills_of_the_recorder_and_its_database(
    spawn_service: Spawn, writer: Writer
) -> None:
    chance = random.Random(KILLS)
    with postgres_server() as server:
        url = await asyncio.to_thread(make_database, server.url(""))
        process = spawn_service("recorder", env=_env(url))
        async with reading(url) as reader:
            await eventually(lambda: recorded(reader, writer), PATIENCE_S)
        for kill in range(2 * KILLS):
            await commits(writer, chance, chance.uniform(0.05, 0.6))
            if kill % 2:
                await asyncio.to_thread(server.kill)
                await commits(writer, chance, chance.uniform(0.0, 0.3))
                server.start()
            else:
                process.send(signal.SIGKILL)
                await commits(writer, chance, chance.uniform(0.0, 0.3))
                process = spawn_service("recorder", env=_env(url))
        async with reading(url) as reader:
            await eventually(lambda: recorded(reader, writer), PATIENCE_S)
            found = await page(reader, "1h", to_ms=MS0 + 60 * MINUTE, limit=1)
            day = await page(reader, "1d", to_ms=MS0 + 60 * MINUTE, limit=1)
        assert [candle.n for candle in found.candles] == [writer.version]
        assert [candle.n for candle in day.candles] == [writer.version]
        process.send(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 15) == 0


async def test_a_redis_that_is_killed_is_an_outage_and_doubles_nothing(
    private_server: Callable[..., EmbeddedServer], spawn_dexwire: Spawn, tmp_path: Path
) -> None:
    server, chance, count = private_server(tmp_path / "redis"), random.Random(KILLS), 0
    url = f"sqlite:///{tmp_path}/history.sqlite"
    process = spawn_dexwire("recorder", env={**_env(url), "REDIS_URL": server.url})
    writer: Writer | None = None
    async with reading(url) as reader:
        for epoch in range(KILLS + 1):
            client = open_redis(server.url)
            writer = Writer(client, Keys()) if writer is None else writer.through(client)
            await eventually(lambda: _reached(writer, epoch), PATIENCE_S)  # noqa: B023 - at once
            await eventually(lambda: _is_followed(reader, writer), PATIENCE_S)  # noqa: B023
            for _ in range(chance.randint(5, 40)):
                count += 1
                ts = MS0 + 100 * count
                await writer.commit(seen(ts, chance.uniform(1, 9)), ts=ts)
            await eventually(lambda: recorded(reader, writer), PATIENCE_S)  # noqa: B023
            await client.aclose()
            if epoch < KILLS:
                server.kill()
                server.spawn()
        async with reader.engine.connect() as connection:
            looks = (await connection.execute(select(schema.candles["1d"].c.n))).scalars().all()
            why = (await connection.execute(select(schema.gaps.c.why))).scalars().all()
    assert looks == [count]
    assert why == ["a new epoch began"] * KILLS
    assert process.poll() is None


async def _reached(writer: Writer | None, epoch: int) -> bool:
    """Begin an epoch, once the server is there again."""
    assert writer is not None
    try:
        await writer.begin(f"e{epoch}")
    except UNREACHABLE:
        return False
    return True


async def _is_followed(reader: Reader, writer: Writer | None) -> bool:
    """Whether the recorder follows the empty epoch, of which heartbeats say."""
    assert writer is not None
    await writer.heartbeat()
    return await recorded(reader, writer)
