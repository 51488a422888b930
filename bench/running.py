"""Services of a checkout on a server of their own, filled with tokens, for benchmarks."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import redis

from bench.readings import BATCH, MOST, PREFIX, batches
from dexwire.server.up.children import start_child
from dexwire.server.up.embedded import EmbeddedServer

ROOT: Final = Path(__file__).resolve().parents[1]
# What bounds one address has nothing to do with speed.
UNBOUNDED: Final = {
    "API_RATE": "0",
    "API_COST_PCT": "0",
    "API_CONNS_PER_ADDRESS": "100000",
    "API_WALKS_PER_ADDRESS": "0",
    "WS_MAX_CONNECTIONS": "20000",
    "MAX_CONNS_PER_ADDRESS": "20000",
    "WS_HANDSHAKE_RATE": "0",
    "WS_SNAPSHOT_RATE": "0",
}
_READY_S: Final = 30.0


def tree_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with `--tree`; its description is the first line of a docstring."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--tree", type=Path, action="append", default=[])
    return parser


def trees_of(chosen: argparse.Namespace) -> dict[str, Path]:
    """Return the checkouts that were named, by a short name; this one when none was.

    Raises SystemExit when two would have the same short name.
    """
    paths = [path.resolve() for path in chosen.tree] or [ROOT]
    trees = {path.name[:11]: path for path in paths}
    if len(trees) < len(paths):
        raise SystemExit("the folders of --tree must differ in the first 11 letters of their names")
    return trees


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Services:
    """A server and the services of one checkout, each a process."""

    name: str
    tree: Path
    server: EmbeddedServer
    client: Any  # redis-py's types name every way of decoding; ours are bytes
    bounds: Mapping[str, str] = field(default_factory=lambda: UNBOUNDED)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def start(
        self,
        name: str,
        settings: Mapping[str, str],
        *,
        command: Sequence[str] = ("-m", "dexwire"),
        label: str = "",
    ) -> None:
        """Start a service; the api and the gateway get a port. `label`: one of several."""
        label = label or name
        port = self.ports[label] = free_port()
        env = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(self.tree), "LOG_LEVEL": "WARNING",
            "REDIS_URL": self.server.url, "REDIS_PREFIX": PREFIX, "METRICS_PORT": "0",
            "API_PORT": str(port), "WS_PORT": str(port), **self.bounds, **settings,
        }  # fmt: skip
        self.processes[label] = start_child(
            [sys.executable, "-P", *command, name],
            env=env, cwd=self.server.socket_path.parent, stdout=None, stderr=None,
        )  # fmt: skip

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def publish(self, numbers: range, step: int) -> None:
        """Publish one reading of each token: price and figures, 1 % above the step before."""
        for message in batches("a", numbers, step, f"a-{step}-{numbers.start}"):
            self.client.publish(f"{PREFIX}raw_tokens", message)

    def fill(self, tokens: int) -> None:
        """Make so many tokens known; return when the store has them all."""
        for start in range(0, tokens, MOST // 2):
            self.publish(range(start, min(start + MOST // 2, tokens)), 0)
            time.sleep(0.5)
        self.wait(lambda: self._total() >= tokens, f"{tokens} tokens")

    def _total(self) -> int:
        meta = self.client.hget(f"{PREFIX}state:meta", "tokens")
        return int(meta or 0)

    def wait(self, probe: Callable[[], bool], what: str) -> None:
        """Wait until it is true. Raises SystemExit after half a minute."""
        deadline = time.monotonic() + _READY_S
        while not probe():
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.name}: not within {_READY_S:.0f} s: {what}")
            time.sleep(0.05)

    def wait_ready(self, name: str) -> None:
        def probe() -> bool:
            try:
                return httpx.get(f"{self.url(name)}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        self.wait(probe, f"{name} is ready")

    def listens(self, channel: str) -> bool:
        name = f"{PREFIX}{channel}".encode()
        return bool(dict(self.client.pubsub_numsub(name.decode()))[name])


@contextmanager
def start_server(
    name: str, tree: Path, bounds: Mapping[str, str] = UNBOUNDED
) -> Iterator[Services]:
    """Run a server for services of a checkout, which end with the block.

    `bounds` are settings of all services; none: as the product ships them.
    """
    server = EmbeddedServer()
    server.start()
    client = redis.Redis(unix_socket_path=str(server.socket_path))
    found = Services(name, tree, server, client, bounds)
    try:
        yield found
    finally:
        for process in found.processes.values():
            process.kill()
            process.wait()
        client.close()
        server.close()


@contextmanager
def running(
    name: str, tree: Path, tokens: int, *services: str, **settings: str
) -> Iterator[Services]:
    """Run an aggregator and services of a checkout, with so many tokens known."""
    with start_server(name, tree) as found:
        start_all(found, tokens, *services, **settings)
        yield found


def start_all(found: Services, tokens: int, *services: str, **settings: str) -> None:
    """Start an aggregator, make so many tokens known, then start the services."""
    found.start("aggregator", {"MAX_TOKENS": str(tokens + 1_000), **settings})
    found.wait(lambda: found.listens("raw_tokens"), "the aggregator listens")
    time.sleep(1.0)  # the lease
    found.fill(tokens)
    for service in services:
        found.start(service, settings)
        found.wait_ready(service)


@contextmanager
def repeating(action: Callable[[], None], every_s: float) -> Iterator[None]:
    """Do something again and again, on a thread, until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(every_s):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def market(
    found: Services, tokens: int, *, changes: int = BATCH, every_s: float = 0.2
) -> Iterator[None]:
    """Publish readings of `changes` tokens five times a second until the block ends."""
    step, start = 1, 0

    def publish() -> None:
        nonlocal step, start
        found.publish(range(start, min(start + changes, tokens)), step)
        start += changes
        if start >= tokens:
            step, start = step + 1, 0

    with repeating(publish, every_s):
        yield
