"""`dexwire backup` and `dexwire restore`: a snapshot of the store, and a folder made of one.

A snapshot is one file, whole and of one moment. The servers here keep an append-only file, and one
that does ignores a `dump.rdb`: so the snapshot is put in as the base of a new append-only file.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from redis.exceptions import NoPermissionError, RedisError

from dexwire.runfile import RunFile
from dexwire.server.up.net import check_redis
from dexwire.server.verify import store_address
from shared.errors import ConfigError, StoreError
from shared.process.settings import ServiceSettings
from shared.redis.connect import UNREACHABLE, Redis, open_redis

_WRITTEN_S: Final = 600.0
_FOLDER: Final = "appendonlydir"
_BASE: Final = "appendonly.aof.1.base.rdb"
_MANIFEST: Final = f"file {_BASE} seq 1 type b\n"
_MAGIC: Final = (b"REDIS", b"VALKEY")


# -- making one ------------------------------------------------------------------------------------
async def backup(settings: ServiceSettings, data_dir: Path | None, out: Path | None) -> int:
    """Have the server write a snapshot and say where it is; with `out`, copy it there.

    Raises StoreError, ConfigError.
    """
    if out is not None and not await asyncio.to_thread(out.parent.is_dir):
        raise ConfigError(f"--out {out}: there is no folder {out.parent}")
    address, _ = store_address(settings, data_dir)
    await check_redis(address)
    async with open_redis(address) as client:
        try:
            await write_snapshot(client)
            path = await _snapshot_path(client)
        except (*UNREACHABLE, RedisError) as error:
            raise StoreError(f"no snapshot: {error}") from None
    if out is None:
        print(f"Redis has written a snapshot: {path or 'dump.rdb in its folder (`dir`)'}")
        return 0
    if path is None:
        raise StoreError(
            "the snapshot is dump.rdb in the folder of Redis, which this user may not see: copy "
            "it from there (docs/OPERATIONS.md)"
        )
    if not await asyncio.to_thread(path.is_file):
        raise StoreError(f"the snapshot is {path} on the machine of Redis: copy it from there")
    try:
        await asyncio.to_thread(shutil.copyfile, path, out)
    except OSError as error:
        raise StoreError(f"--out {out}: {error.strerror}; the snapshot is {path}") from None
    print(f"{out}: a snapshot of the store")
    return 0


async def write_snapshot(client: Redis, within_s: float = _WRITTEN_S) -> None:
    """Return once the server has written a snapshot that was begun now. Raises StoreError."""
    redis: Any = client  # its reply types name every way of decoding
    deadline = time.monotonic() + within_s
    before = await _idle(redis, 0, deadline)  # one that is being written is of an earlier moment
    await redis.bgsave(schedule=True)  # after a rewrite of the append-only file that goes on
    after = await _idle(redis, int(before["rdb_saves"]) + 1, deadline)
    if after["rdb_last_bgsave_status"] != "ok":
        raise StoreError("Redis could not write a snapshot; the end of its log says why")


async def _idle(redis: Any, saves: int, deadline: float) -> dict[str, Any]:  # noqa: ANN401 - see above
    """Wait until so many snapshots were begun and none is being written."""
    while True:
        state: dict[str, Any] = await redis.info("persistence")
        if int(state["rdb_saves"]) >= saves and not int(state["rdb_bgsave_in_progress"]):
            return state
        if time.monotonic() > deadline:
            raise StoreError("Redis takes too long to write a snapshot")
        await asyncio.sleep(0.05)


async def _snapshot_path(client: Redis) -> Path | None:
    """Return where the server writes it; None when this user may not see that."""
    redis: Any = client
    try:
        found = await redis.config_get("dir", "dbfilename")
    except NoPermissionError:
        return None
    text = {_text(name): _text(value) for name, value in found.items()}
    return Path(text["dir"]) / text["dbfilename"]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


# -- bringing it back ------------------------------------------------------------------------------
def restore(source: str, data_dir: Path) -> int:
    """Make a stopped server's folder of a snapshot; `-`: read it from standard input.

    What is there is kept beside it. Raises ConfigError.
    """
    held = RunFile.claim(data_dir)
    if held is None:
        raise ConfigError(f"--data-dir {data_dir}: a dexwire runs on it; stop it first")
    try:
        with _opened(source) as snapshot:
            kept = put_in(snapshot, source, data_dir)
    except OSError as error:
        raise ConfigError(f"{error.filename or source}: {error.strerror}") from None
    finally:
        held.close()
    print(f"{data_dir}: the snapshot is in its place" + (f"; before: {kept}" if kept else ""))
    print("start Redis; the services begin a new epoch by themselves")
    return 0


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
        return
    with Path(source).open("rb") as file:
        yield file


def put_in(snapshot: BinaryIO, source: str, data_dir: Path) -> Path | None:
    """Write the folder of an append-only file; return where the former one is kept.

    `source` is what errors call it. Raises ConfigError, OSError.
    """
    head = snapshot.read(9)
    if not head.startswith(_MAGIC):
        raise ConfigError(f"{source}: this is no snapshot of Redis or Valkey (dump.rdb)")
    made, folder = data_dir / f"{_FOLDER}.new", data_dir / _FOLDER
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    with (made / _BASE).open("wb") as base:
        base.write(head)
        shutil.copyfileobj(snapshot, base)
    (made / "appendonly.aof.manifest").write_text(_MANIFEST, encoding="ascii")
    kept = None
    if folder.exists():
        kept = data_dir / f"{_FOLDER}.before-{time.time_ns() // 1_000_000}"
        folder.rename(kept)
    made.rename(folder)
    return kept
