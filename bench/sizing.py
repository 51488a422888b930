"""What each service costs: memory and CPU with a replayed market, and per client of the stream.

    python -m bench.sizing --tokens 5000 --clients 500

Starts `dexwire up --demo` on free ports, lets it settle, and reads /proc: resident memory, and CPU
seconds used within a span, which other work on the machine hardly changes. Then clients subscribe
to a list of 50 and read; what the gateway needs more is divided by their number. The replayed
sources are polled 10 to 33 times as often as the live ones allow. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import websockets

from bench.process import cpu_s, resident_mib
from dexwire.runfile import DEFAULT_FOLDER, Running, find_running

LIST = "list:volume:24h:desc:*:50"


def children(pid: int) -> dict[str, int]:
    """Service name → process id, the embedded server as `redis`."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(") ")[2].split()[1])
            command = (stat.parent / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            name = "redis" if "valkey" in command[0] or "redis" in command[0] else command[-2]
            found[name] = int(stat.parent.name)
    return found


async def used(pids: dict[str, int], span_s: float) -> dict[str, tuple[float, float]]:
    """Service → (resident MiB, percent of a core) over a span."""
    before, started = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    await asyncio.sleep(span_s)
    took = time.monotonic() - started
    return {
        name: (resident_mib(pid), 100 * (cpu_s(pid) - before[name]) / took)
        for name, pid in pids.items()
    }


@contextmanager
def demo(folder: Path, tokens: int) -> Iterator[tuple[dict[str, int], Running]]:
    """Run a demo until everything is there."""
    command = [sys.executable, "-m", "dexwire", "up", "--demo", "--tokens", str(tokens)]
    command += [word for name in ("api", "ws", "replay") for word in (f"--{name}-port", "0")]
    env = {
        **os.environ,
        "MAX_CONNS_PER_ADDRESS": "1000000",
        "WS_SNAPSHOT_RATE": "0",
        "METRICS_PORT": "0",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        while "ready after" not in (folder / "log").read_text(encoding="utf-8"):
            time.sleep(0.2)
        running = find_running(folder / DEFAULT_FOLDER)
        if running is None:
            sys.exit("the demo does not run any more")
        yield children(process.pid), running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def read(url: str, counts: list[int]) -> None:
    async with websockets.connect(url, max_size=None, compression=None) as stream:
        async for frame in stream:
            counts[0] += 1
            counts[1] += len(frame)


async def measure(pids: dict[str, int], running: Running, given: argparse.Namespace) -> None:
    await asyncio.sleep(given.settle)
    alone = await used(pids, given.span)
    with redis.Redis.from_url(running.redis_url) as client:
        info: Any = client.info()
        known: Any = client.hget("state:meta", "tokens")
    print(f"{given.tokens} tokens wanted, {int(known or 0)} known")
    for service, (mib, percent) in alone.items():
        print(f"  {service:<11} {mib:6.0f} MiB  {percent:5.1f} % of a core")
    print(f"  its data    {info['used_memory'] / (1 << 20):6.0f} MiB in Redis")
    counts = [0, 0]
    url = f"{running.ws}/ws?topics={LIST}"
    tasks = [asyncio.create_task(read(url, counts)) for _ in range(given.clients)]
    await asyncio.sleep(10)
    counts[:] = [0, 0]
    mib, percent = (await used({"ws": pids["ws"]}, given.span))["ws"]
    rate = counts[0] / given.span / given.clients
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    size_kib = 1024 * (mib - alone["ws"][0]) / given.clients
    frame_us = 10_000 * (percent - alone["ws"][1]) / given.clients / rate
    print(f"  {given.clients} clients of {LIST}, {rate:.1f} frames/s each:")
    print(f"  ws          {mib:6.0f} MiB  {percent:5.1f} % of a core")
    print(f"  a client    {size_kib:6.1f} KiB  {frame_us:5.1f} us a frame")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tokens", type=int, default=500)
    options.add_argument("--clients", type=int, default=500)
    options.add_argument("--settle", type=float, default=60, help="seconds before the first look")
    options.add_argument("--span", type=float, default=30, help="seconds of one look")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name, demo(Path(name), given.tokens) as (pids, running):
        asyncio.run(measure(pids, running, given))


if __name__ == "__main__":
    main()
