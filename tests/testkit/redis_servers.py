"""Redis servers with options of a test's own: users, TLS, Sentinels, nodes of a cluster."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis as sync_redis

from dexwire.server.up.children import start_child
from dexwire.server.up.embedded import find_server

_READY_S: Final = 10.0


def server_binary() -> str:
    """The binary under test: named, or the kind that `TEST_REDIS_URL` asks for, or the bundled."""
    named = os.environ.get("TEST_REDIS_BINARY")
    if named is None and os.environ.get("TEST_REDIS_URL"):
        named = shutil.which("redis-server")
    return named or find_server()


class RedisServer:
    """A server process with these options; `--port` and folder are the caller's business."""

    def __init__(
        self,
        folder: Path,
        options: Mapping[str, str],
        *,
        url: str,
        sentinel: bool = False,
        binary: str | None = None,
    ) -> None:
        """`url` is where it answers us, who may do everything."""
        self.folder, self.url = folder, url
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} {value}" for name, value in options.items()]
        self._config = folder / "redis.conf"
        self._config.write_text("\n".join([*lines, f"dir {folder}", ""]), encoding="utf-8")
        self._sentinel = sentinel
        self._binary = binary or server_binary()
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it answers."""
        command = [self._binary, str(self._config)]
        if self._sentinel:
            command.append("--sentinel")
        with (self.folder / "log").open("ab") as log:
            self.popen = start_child(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                with sync_redis.Redis.from_url(self.url, socket_timeout=1) as client:
                    client.ping()
                    return
            except sync_redis.RedisError as error:
                if self.popen.poll() is not None or time.monotonic() > deadline:
                    tail = (self.folder / "log").read_text(encoding="utf-8")[-2000:]
                    raise AssertionError(f"{self.url} does not answer: {error}\n{tail}") from None
            time.sleep(0.01)

    def send(self, signum: int) -> None:
        """Signal it. Raises ProcessLookupError when it does not run."""
        if self.popen is None:
            raise ProcessLookupError(self.url)
        self.popen.send_signal(signum)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.popen is not None:
            self.popen.send_signal(signal.SIGKILL)
            self.popen.wait(10)
            self.popen = None

    @contextmanager
    def client(self) -> Iterator[sync_redis.Redis]:
        """A client who may do everything."""
        with connected(self.url) as client:
            yield client


@contextmanager
def connected(url: str) -> Iterator[sync_redis.Redis]:
    """A client with plain text for replies."""
    with sync_redis.Redis.from_url(url, socket_timeout=3, decode_responses=True) as client:
        yield client


ROOT_PASSWORD = "the tests' own"


def password(user: str) -> str:
    return f"password of {user}"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Guarded:
    """A server that only knows our users, and `root`, who is the test."""

    def __init__(self, server: RedisServer, socket: Path, prefix: str) -> None:
        self.server, self.socket, self.prefix = server, socket, prefix

    def url(self, user: str) -> str:
        return f"unix://{user}@{self.socket}"

    def environ(self, user: str) -> dict[str, str]:
        return {
            "REDIS_URL": self.url(user),
            "REDIS_PASSWORD": password(user),
            "REDIS_PREFIX": self.prefix,
        }

    def refused(self) -> list[tuple[str, str]]:
        """What was refused since the last time: user, and the command, key or channel."""
        with self.server.client() as root:
            found = [(str(e["username"]), str(e["object"])) for e in root.acl_log(1000)]
            root.acl_log_reset()
            return found
