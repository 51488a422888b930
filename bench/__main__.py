"""Every benchmark with a figure to reach, one after the other: `make bench`.

Each runs as `python -m bench.NAME` does by itself; what they print goes into docs/BENCHMARKS.md,
with the machine, the versions and the date. Under 15 minutes on two calm cores.
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "BENCHMARKS.md"
PARTS: Final = {
    "aggregator": ("--tokens", "2000", "20000", "--passes", "3"),
    "discover": ("--tokens", "2000", "20000", "--seconds", "2", "--passes", "2"),
    "fanout": ("--connections", "1000", "5000", "--seconds", "5"),
    "latency": ("--seconds", "8"),
    "ingest": ("--seconds", "5"),
    "memory": ("--tokens", "1000", "20000"),
    "cold": ("--passes", "3"),
}
LIBRARIES: Final = ("uvicorn", "starlette", "websockets", "redis", "msgspec", "uvloop", "httptools")


def run(name: str) -> str:
    """Run one part, showing what it prints; return it. Raises SystemExit when it fails."""
    command = [sys.executable, "-m", f"bench.{name}", *PARTS[name]]
    printed = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode:
        raise SystemExit(f"bench.{name} ended with {process.returncode}")
    return "".join(printed)


def page(results: dict[str, tuple[str, float]]) -> str:
    """Return docs/BENCHMARKS.md."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    today = dt.datetime.now(dt.UTC).date()
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    head = (
        "# Benchmarks\n\n"
        "Written by `make bench`; each part also runs alone, `python -m bench.NAME --help`. Figures"
        " of one table were taken in one run, in turns where contenders are compared: ratios hold,"
        " absolute figures are of this machine.\n\n"
        f"{today}, {_processor()}, {os.cpu_count()} cores, {platform.system()}"
        f" {platform.release()}, load {load} at the end. Python {platform.python_version()},"
        f" {versions}.\n"
    )
    parts = [head]
    for name, (printed, seconds) in results.items():
        source = (ROOT / "bench" / f"{name}.py").read_text(encoding="utf-8")
        what = ast.get_docstring(ast.parse(source)) or ""
        command = " ".join(("python -m", f"bench.{name}", *PARTS[name]))
        parts.append(
            f"\n## {name}\n\n{what}\n\n`{command}`, {seconds:.0f} s:\n\n"
            f"```text\n{printed.strip()}\n```\n"
        )
    return "".join(parts)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", metavar="NAME", help=", ".join(PARTS))
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    results: dict[str, tuple[str, float]] = {}
    for name in chosen.parts or PARTS:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        results[name] = (run(name), time.monotonic() - began)
    if chosen.parts:
        return  # the page is of one run of all
    PAGE.write_text(page(results), encoding="utf-8")
    print(f"\nwrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
