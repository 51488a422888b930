"""A PostgreSQL server of a test's own: Debian's binaries, or a container where an engine answers.

It runs as an unprivileged user, on a free loopback port, in a folder that is removed. What a crash
of the machine would lose is not kept (fsync is off); a crash of the server loses nothing.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from testcontainers.community.postgres import PostgresContainer

from tests.testkit.containers import engine_answers
from tests.testkit.process import free_port_range, require

_BINARIES: Final = "/usr/lib/postgresql"
_READY_S: Final = 30.0
_IMAGE: Final = "postgres:17"
_OPTIONS: Final = {
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_connections": "40",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


# Of a test whose fixture `history_url` gives either.
on_both_engines: Final = pytest.mark.parametrize(
    "history_url", ["sqlite", "postgresql"], indirect=True
)


def empty_history(request: pytest.FixtureRequest, folder: Path) -> str:
    """Return what `history_url` gives: a file, unless the test is `on_both_engines`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{folder}/history.sqlite"
    return make_database(request.getfixturevalue("postgres"))


def postgres_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: on the PATH, or where Debian keeps the newest."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path(_BINARIES).glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class PostgresServer:
    """A server process in a folder of its own."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="dexwire-postgres-"))
        self._user = None if os.getuid() else _unprivileged()
        if self._user is not None:
            os.chown(self._folder, self._user, -1)
        self.port = free_port_range(1)
        self._data = self._folder / "data"
        self._popen: subprocess.Popen[bytes] | None = None
        words = "-U dexwire -A trust --no-sync -E UTF8 --locale=C"
        command = [str(binaries / "initdb"), "-D", str(self._data), *words.split()]
        done = subprocess.run(
            command, user=self._user, cwd=self._folder, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()

    def start(self) -> None:
        """Start it and return once it answers; after a crash, once it has recovered."""
        options = [f"-c{name}={value}" for name, value in _OPTIONS.items()]
        where = ["-D", str(self._data), "-k", str(self._folder), "-p", str(self.port)]
        command = [str(self._binaries / "postgres"), *where, "-h", "127.0.0.1", *options]
        with (self._folder / "log").open("ab") as log:
            self._popen = subprocess.Popen(
                command, user=self._user, cwd=self._folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _READY_S
        while subprocess.run(
            [self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False,
        ).returncode:
            assert self._popen.poll() is None, (self._folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)

    def url(self, database: str) -> str:
        return f"postgresql://dexwire@127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """End it at once, as a crash would: its processes end with the first one."""
        if self._popen is not None:
            self._popen.send_signal(signal.SIGKILL)
            self._popen.wait(10)
            self._popen = None

    def stop(self) -> None:
        """End it in order, with its connections."""
        if self._popen is not None:
            self._popen.send_signal(signal.SIGINT)
            self._popen.wait(30)
            self._popen = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _unprivileged() -> int:
    """The server refuses to run as root."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise AssertionError("there is no user that PostgreSQL could run as")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server of Debian's binaries."""
    binaries = postgres_binaries()
    require("initdb", there=binaries is not None, by="deploy/ci-packages postgresql")
    assert binaries is not None
    server = PostgresServer(binaries)
    try:
        server.start()
        yield server
    finally:
        server.close()


@contextmanager
def postgres_databases() -> Iterator[str]:
    """The address of a server on which databases can be made, without a database's name."""
    if postgres_binaries() is not None:
        with postgres_server() as server:
            yield server.url("")
        return
    if not engine_answers():
        require("initdb", there=False, by="deploy/ci-packages postgresql")
    with PostgresContainer(_IMAGE, username="dexwire", dbname="postgres", driver=None) as container:
        yield container.get_connection_url().rpartition("/")[0] + "/"


def make_database(server: str) -> str:
    """Make an empty database on a server; return its address."""
    name = f"history_{secrets.token_hex(6)}"

    async def make() -> None:
        connection = await asyncpg.connect(f"{server}postgres")
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()

    asyncio.run(make())
    return server + name
