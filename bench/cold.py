"""Seconds from a start to the first answer: each service by itself, and the whole demo.

Run: `python -m bench.cold [--tree FOLDER ...] [--passes N]`. Each folder is a checkout of dexwire
(the default: this one). A service is ready when it answers /livez or listens to its channel; the
demo (`dexwire up --demo`) when `/discover` lists 50 tokens.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import httpx

from bench.figures import note
from bench.readings import PREFIX
from bench.running import Services, free_port, start_server, tree_parser, trees_of
from dexwire.server.up.children import start_child

_DEADLINE_S: Final = 60.0


def seconds_until(probe: Callable[[], bool], what: str) -> float:
    """Return how long it took until it was true."""
    began = time.perf_counter()
    while not probe():
        if time.perf_counter() - began > _DEADLINE_S:
            raise SystemExit(f"not within {_DEADLINE_S:.0f} s: {what}")
        time.sleep(0.005)
    return time.perf_counter() - began


def answers(url: str, tokens: int = 0) -> bool:
    """Return whether an address answers 200, with at least so many tokens."""
    try:
        answer = httpx.get(url, timeout=2)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and (not tokens or answer.json()["total"] >= tokens)


def service(found: Services, name: str) -> float:
    """Return the seconds that a service took."""
    began = time.perf_counter()
    found.start(name, {})
    if name == "aggregator":
        seconds_until(lambda: bool(found.client.exists(f"{PREFIX}aggregator:lease")), name)
    else:
        seconds_until(lambda: answers(f"{found.url(name)}/livez"), name)
    took = time.perf_counter() - began
    found.processes[name].kill()
    found.processes[name].wait()
    return took


def demo(tree: Path) -> float:
    """Return the seconds from `dexwire up --demo` to a list of 50 tokens."""
    port = free_port()
    ports = ["--api-port", str(port), "--ws-port", "0", "--replay-port", "0"]
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree), "METRICS_PORT": "0"}
    with tempfile.TemporaryDirectory() as folder:
        env = {**base, "HOME": folder}
        with Path(folder, "demo.log").open("wb") as log:
            process = start_child(
                [sys.executable, "-P", "-m", "dexwire", "up", "--demo", *ports],
                env=env, cwd=Path(folder), stdout=log, stderr=log,
            )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}/discover?limit=50"
            return seconds_until(lambda: answers(url, 50), "the demo lists 50 tokens")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--passes", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; median of {chosen.passes}")
    print(f"{'':<12}{'':<12}{'seconds':>9}")
    for name, path in trees_of(chosen).items():
        for each in ("aggregator", "api", "ws"):
            took = []
            for _ in range(chosen.passes):
                with start_server(name, path) as found:
                    took.append(service(found, each))
            print(f"{name:<12}{each:<12}{median(took):>9.2f}")
            note(each, median(took))
        seconds = median(demo(path) for _ in range(chosen.passes))
        print(f"{name:<12}{'demo':<12}{seconds:>9.2f}")
        note("demo", seconds)


if __name__ == "__main__":
    main()
