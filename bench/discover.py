"""Requests a second of `/discover`, beside a bare route, a sequential one and Redis itself.

Run: `python -m bench.discover [--tree FOLDER ...] [--tokens N ...] [--seconds S]`. Each folder is a
checkout of dexwire (the default: this one) with a server, an aggregator and an api of its own. wrk
calls with 16 connections; passes of all contenders take turns, so figures of one run compare.

Beside them run, on the same uvicorn settings: `bare`, a Starlette route that returns the bytes of a
page from memory, and `sequential`, a route that reads ZREVRANGE and 50 HGETALLs for each request
(`bench/bare.py`). `redis` is what redis-benchmark reads with ZREVRANGE alone.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from bench.figures import note as note_figure
from bench.readings import PREFIX
from bench.running import ROOT, Services, free_port, market, running, tree_parser, trees_of
from dexwire.server.up.children import start_child

CONNECTIONS: Final = 16
LIMIT: Final = 50
PAGE: Final = f"/discover?sort=volume&window=24h&limit={LIMIT}"
FILTERED: Final = f"/discover?sort=volume&window=24h&limit={LIMIT}&min_liquidity=1000&max_price=1"
SEARCH: Final = "/search?q=token%2017"
_RATE: Final = re.compile(r"Requests/sec:\s+([\d.]+)")
_P99: Final = re.compile(r"\n\s+99%\s+([\d.]+)(us|ms|s)\b")
_UNIT_MS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}


class Figures(NamedTuple):
    """What wrk measured."""

    rate: float  # answers of status 200 a second
    p99_ms: float


def wrk(url: str, seconds: int, script: Path | None = None) -> Figures:
    """Call an address. Raises SystemExit when an answer was no 200, or wrk is not there."""
    tool = shutil.which("wrk") or sys.exit("needs wrk: apt-get install wrk")
    lua = [] if script is None else ["-s", str(script)]
    done = subprocess.run(
        [tool, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *lua, url],
        capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"{url}:\n{done.stdout}")
    rate, p99 = _RATE.search(done.stdout), _P99.search(done.stdout)
    if rate is None or p99 is None:
        raise SystemExit(done.stdout)
    return Figures(float(rate[1]), float(p99[1]) * _UNIT_MS[p99[2]])


def cursors_script(found: Services) -> Path:
    """Write a wrk script that requests the pages of a walk in turn: no two in a row are one."""
    paths: list[str] = []
    with httpx.Client(base_url=found.url("api")) as client:
        cursor = client.get(PAGE).json()["nextCursor"]
        while cursor is not None and len(paths) < 400:
            paths.append(f"/discover?cursor={cursor}")
            cursor = client.get(paths[-1]).json()["nextCursor"]
    script = found.server.socket_path.with_name("cursors.lua")
    listed = ",\n".join(f'  "{path}"' for path in paths)
    script.write_text(
        f"local paths = {{\n{listed}\n}}\nlocal at = 0\nrequest = function()\n"
        "  at = at % #paths + 1\n  return wrk.format(nil, paths[at])\nend\n",
        encoding="utf-8",
    )
    return script


@contextmanager
def beside(found: Services, kind: str) -> Iterator[str]:
    """Run one of the routes of `bench/bare.py` on the store of `found`; yield its address."""
    port = free_port()
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REDIS_URL": found.server.url,
        "REDIS_PREFIX": PREFIX, "PORT": str(port), "KIND": kind, "PAGE": found.url("api") + PAGE,
    }  # fmt: skip
    command = [sys.executable, "-P", "-m", "bench.bare"]
    process = start_child(command, env=env, cwd=ROOT, stdout=None, stderr=None)
    url = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        try:
            return httpx.get(url, timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    try:
        found.wait(answers, kind)
        yield url
    finally:
        process.kill()
        process.wait()


def redis_rate(found: Services) -> float:
    """Return ZREVRANGEs of a page a second, from redis-benchmark; 0 where it is not there."""
    tool = shutil.which("redis-benchmark")
    if tool is None:
        return 0.0
    key = f"{PREFIX}index:volume_24h"
    command = ["-s", str(found.server.socket_path), "-c", str(CONNECTIONS), "-n", "50000", "-q"]
    done = subprocess.run(
        [tool, *command, "ZREVRANGE", key, "0", str(LIMIT - 1)],
        capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    return max(float(rate) for rate in re.findall(r"([\d.]+) requests per second", done.stdout))


def measure(tokens: int, trees: dict[str, Path], seconds: int, passes: int) -> None:
    """Print the table of so many tokens."""
    best: dict[tuple[str, str], Figures] = {}
    with ExitStack() as stack:
        found = [stack.enter_context(running(n, t, tokens, "api")) for n, t in trees.items()]
        last = found[-1]
        routes = {kind: stack.enter_context(beside(last, kind)) for kind in ("bare", "sequential")}
        scripts = {each.name: cursors_script(each) for each in found}

        def calls(each: Services) -> Mapping[str, Callable[[], Figures]]:
            url = each.url("api")
            return {
                "page": lambda: wrk(url + PAGE, seconds),
                "cursors": lambda: wrk(url, seconds, scripts[each.name]),
                "filtered": lambda: wrk(url + FILTERED, seconds),
                "search": lambda: wrk(url + SEARCH, seconds),
            }

        def note(name: str, case: str, figures: Figures) -> None:
            held = best.get((name, case), Figures(0.0, float("inf")))
            rate, p99_ms = max(held.rate, figures.rate), min(held.p99_ms, figures.p99_ms)
            best[name, case] = Figures(rate, p99_ms)

        for _ in range(passes):
            for with_market in (False, True):
                label = "market" if with_market else "calm"
                for each in found:
                    with market(each, tokens) if with_market else nullcontext():
                        for case, call in calls(each).items():
                            note(each.name, f"{label} {case}", call())
                for kind, url in routes.items():
                    with market(last, tokens) if with_market else nullcontext():
                        note(kind, f"{label} page", wrk(url, seconds))
        rate = redis_rate(last)
    show(tokens, best, rate)


def show(tokens: int, best: dict[tuple[str, str], Figures], redis_requests: float) -> None:
    """Print best rates and p99, and their ratios to the bare route of the same condition."""
    print(f"\n{tokens:,} tokens; redis-benchmark: {redis_requests:,.0f} ZREVRANGE a second")
    print(f"{'':<14}{'':<18}{'requests/s':>11}{'of bare':>9}{'p99 ms':>9}{'of bare':>9}")
    by_case: dict[str, list[str]] = defaultdict(list)
    for name, case in best:
        by_case[case].append(name)
    for case, names in by_case.items():
        bare = best["bare", f"{case.split()[0]} page"]
        for name in names:
            rate, p99 = best[name, case]
            ratios = f"{rate / bare.rate:>9.2f}{p99:>9.2f}{p99 / bare.p99_ms:>9.2f}"
            print(f"{case:<18}{name:<14}{rate:>11,.0f}{ratios}")
            if name in {"bare", "sequential"}:
                continue
            sequential = best["sequential", f"{case.split()[0]} page"]
            note_figure(f"{tokens} {case} rate", rate / bare.rate)
            note_figure(f"{tokens} {case} p99", p99 / bare.p99_ms)
            note_figure(f"{tokens} {case} sequential", rate / sequential.rate)


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--passes", type=int, default=3)
    chosen = parser.parse_args()
    trees = trees_of(chosen)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, best of {chosen.passes}")
    for tokens in chosen.tokens:
        measure(tokens, trees, chosen.seconds, chosen.passes)


if __name__ == "__main__":
    main()
