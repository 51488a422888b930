"""CPU of the gateway per write, and the delay from the commit to the client.

Run: `python -m bench.fanout [--tree FOLDER ...] [--connections N ...] [--seconds S]`. Each folder
is a checkout of dexwire (the default: this one) with a server, an aggregator and a gateway of its
own; a market commits 20 changed tokens five times a second, some 3 KB a message. The clients are
one process that reads without decoding (`bench/readers.py`).

Beside it run `websockets.broadcast` and the kernel's `send` alone (`bench/broadcast.py`) with
messages of the size that the gateway's had. A write is counted where it is read: a client that has
fallen behind reads two at once. Memory is what each connection of the second half added to the
process: the first half takes what the loading of the rows left behind. Of `watchlists` each client
has 50 tokens of its own, one of which changes in every other commit.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.figures import note
from bench.process import exact_cpu_s, resident_mib
from bench.running import ROOT, Services, free_port, market, running, tree_parser, trees_of
from dexwire.server.up.children import start_child

TOKENS: Final = 2_000
CHANGES: Final = 20
TOPICS: Final = {
    "all": ["all"],
    "list": ["list:volume:24h:desc:*:100"],
    "lists": [
        f"list:{sort}:{window}:{order}:*:{size}"
        for sort, window in (("volume", "24h"), ("liquidity", "-"), ("price_change", "1h"))
        for order in ("asc", "desc")
        for size in (25, 50, 100)
    ],
    "watchlists": ["watch:50"],
}


class Figures(NamedTuple):
    """One contender's: CPU in microseconds a write, delays in ms, KiB a connection."""

    writes: int
    size: int
    cpu_us: float
    p50_ms: float
    p99_ms: float
    memory_kib: float
    lost: int  # connections that ended


class Clients:
    """A process of readers."""

    def __init__(self, port: int, count: int, topics: list[str], *, first: int = 0) -> None:
        self.count = count
        command = [
            sys.executable, "-P", "-m", "bench.readers", str(port), str(first), str(count), *topics
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii",
        )  # fmt: skip
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("the readers have no pipes")
        self._in, self._out = self._process.stdin, self._process.stdout
        if self._line() != ["ready"]:
            raise SystemExit("the readers did not start")

    def _line(self) -> list[str]:
        return self._out.readline().split()

    def report(self) -> list[float]:
        """Return reads, bytes, p50, p99 and open connections since the last call."""
        self._in.write("\n")
        self._in.flush()
        return [float(figure) for figure in self._line()]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def watch(port: int, pid: int, count: int, topics: list[str], seconds: float) -> Figures:
    """Connect clients and return what a process does for them in so many seconds."""
    half = count // 2
    early = Clients(port, half, topics)
    time.sleep(1.0)  # snapshots
    half_mib = resident_mib(pid)
    late = Clients(port, count - half, topics, first=half)
    try:
        time.sleep(2.0)
        memory_kib = (resident_mib(pid) - half_mib) * 1024 / (count - half)
        early.report()
        late.report()
        before = exact_cpu_s(pid)
        time.sleep(seconds)
        used = exact_cpu_s(pid) - before
        first, second = early.report(), late.report()
        reads, size, still_open = (first[place] + second[place] for place in (0, 1, 4))
        p50, p99 = (max(first[place], second[place]) for place in (2, 3))
        return Figures(
            writes=int(reads),
            size=round(size / max(reads, 1)),
            cpu_us=used / max(reads, 1) * 1e6,
            p50_ms=p50,
            p99_ms=p99,
            memory_kib=memory_kib,
            lost=count - int(still_open),
        )
    finally:
        early.end()
        late.end()


@contextmanager
def beside(kind: str, size: int) -> Iterator[tuple[int, int]]:
    """Run a process of `bench/broadcast.py`; yield its port and process id."""
    port = free_port()
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "KIND": kind, "PORT": str(port),
        "SIZE": str(size),
    }  # fmt: skip
    command = [sys.executable, "-P", "-m", "bench.broadcast"]
    process = start_child(command, env=env, cwd=ROOT, stdout=None, stderr=None)
    try:
        time.sleep(1.5)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def gateway(found: Services, count: int, topics: list[str], seconds: float) -> Figures:
    with market(found, TOKENS, changes=CHANGES):
        pid = found.processes["ws"].pid
        return watch(found.ports["ws"], pid, count, topics, seconds)


def measure(name: str, count: int, trees: dict[str, Path], seconds: float) -> None:
    """Print the table of one kind of topics and so many connections."""
    topics = TOPICS[name]
    found: dict[str, Figures] = {}
    for label, tree in trees.items():
        with running(label, tree, TOKENS, "ws") as services:
            found[label] = gateway(services, count, topics, seconds)
    size = next(iter(found.values())).size
    for kind in ("broadcast", "send"):
        with beside(kind, max(min(size, 60_000), 200)) as (port, pid):
            found[kind] = watch(port, pid, count, [], seconds)
    print(f"\n{count:,} connections, {name}")
    print(f"{'':<12}{'writes':>9}{'bytes':>8}{'µs a write':>11}{'of send':>9}"
          f"{'p50 ms':>9}{'p99 ms':>9}{'KiB a connection':>18}{'lost':>6}")  # fmt: skip
    for label, each in found.items():
        print(
            f"{label:<12}{each.writes:>9,}{each.size:>8,}{each.cpu_us:>11.1f}"
            f"{each.cpu_us / found['send'].cpu_us:>9.2f}{each.p50_ms:>9.1f}{each.p99_ms:>9.1f}"
            f"{each.memory_kib:>18.1f}{each.lost:>6}"
        )
        if label in trees:
            note(f"{name} {count} send", each.cpu_us / found["send"].cpu_us)
            note(f"{name} {count} p99", each.p99_ms)
            note(f"{name} {count} kib", each.memory_kib)
            note(f"{name} {count} lost", each.lost)


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--connections", type=int, nargs="+", default=[1_000, 5_000])
    parser.add_argument("--topics", nargs="+", choices=sorted(TOPICS), default=sorted(TOPICS))
    parser.add_argument("--seconds", type=float, default=5.0)
    chosen = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    trees = trees_of(chosen)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {chosen.seconds:g} s each")
    for name in chosen.topics:
        for count in chosen.connections:
            measure(name, count, trees, chosen.seconds)


if __name__ == "__main__":
    main()
