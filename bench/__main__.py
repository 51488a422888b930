"""Every benchmark with a figure to reach, one after the other: `make bench`.

Each runs as `python -m bench.NAME` does by itself; what they print goes into docs/BENCHMARKS.md,
with the machine, the versions, the date, and a table of aims and measurements. Under 15 minutes on
two calm cores. `--large` runs what takes longer instead, 100,000 tokens and ten minutes of memory,
and writes docs/BENCHMARKS_LARGE.md. A benchmark that fails is named, the others go on, and the
command ends with 1.
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from bench import figures
from bench.aims import table

ROOT: Final = Path(__file__).resolve().parents[1]
DEADLINE_S: Final = 600.0  # of one benchmark
# A benchmark may run again with other arguments; then its name is followed by a number.
PARTS: Final = {
    "aggregator": ("--tokens", "2000", "20000", "--passes", "3"),
    "discover": ("--tokens", "2000", "20000", "--seconds", "2", "--passes", "2"),
    "filters": (),
    "fanout": ("--connections", "1000", "5000", "--topics", "all", "--seconds", "4"),
    "fanout 2": ("--connections", "5000", "--topics", "list", "lists", "watchlists",
                 "--seconds", "4"),
    "fanout 3": ("--connections", "15000", "--topics", "all", "--seconds", "4"),
    "latency": ("--seconds", "8"),
    "ingest": ("--seconds", "5"),
    "memory": ("--tokens", "1000", "20000"),
    "browser": ("--passes", "3", "--seconds", "4"),
    "cold": ("--passes", "3"),
    "scaling": ("--check",),
}  # fmt: skip
LARGE: Final = {
    "aggregator": ("--tokens", "2000", "100000", "--only", "a", "d", "--passes", "3"),
    "memory": ("--tokens", "100000"),
    "memory 2": ("--tokens", "20000", "--minutes", "10"),
}
LARGE_DEADLINE_S: Final = 1_800.0
LIBRARIES: Final = ("uvicorn", "starlette", "websockets", "redis", "msgspec", "uvloop", "httptools")


class Part(NamedTuple):
    """One benchmark that ran."""

    name: str
    words: Sequence[str]
    printed: str
    seconds: float
    code: int  # 0: it ended well

    @property
    def bench(self) -> str:
        return self.name.partition(" ")[0]

    def section(self) -> str:
        """Return its section of the page."""
        source = (ROOT / "bench" / f"{self.bench}.py").read_text(encoding="utf-8")
        what = ast.get_docstring(ast.parse(source)) or ""
        command = " ".join(("python -m", f"bench.{self.bench}", *self.words))
        failed = f" **It ended with {self.code}.**" if self.code else ""
        head = "" if self.name != self.bench else f"\n## {self.name}\n\n{what}\n"
        return (
            f"{head}\n`{command}`, {self.seconds:.0f} s:{failed}\n\n"
            f"```text\n{self.printed.strip()}\n```\n"
        )


def run(name: str, words: Sequence[str], noted: Path, deadline_s: float) -> Part:
    """Run one part, showing what it prints."""
    command = [sys.executable, "-m", f"bench.{name.partition(' ')[0]}", *words]
    environ = {**os.environ, "BENCH_FIGURES": str(noted), "PYTHONUNBUFFERED": "1"}
    printed, began = list[str](), time.monotonic()
    with subprocess.Popen(
        ["timeout", "--signal", "INT", "--kill-after", "10", str(deadline_s), *command],
        cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed.append(line)
    return Part(name, words, "".join(printed), time.monotonic() - began, process.returncode)


def page(parts: Sequence[Part], found: Mapping[str, float], command: str) -> str:
    """Return the page of one run."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    today = dt.datetime.now(dt.UTC).date()
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    minutes = sum(part.seconds for part in parts) / 60
    head = (
        "# Benchmarks\n\n"
        f"Written by `{command}`; each part also runs alone, `python -m bench.NAME --help`."
        " Figures of one table were taken in one run, in turns where contenders are compared:"
        " ratios hold, absolute figures are of this machine.\n\n"
        f"{today}, {_processor()}, {os.cpu_count()} cores, {platform.system()}"
        f" {platform.release()}, load {load} at the end, {minutes:.0f} minutes. Python"
        f" {platform.python_version()}, {versions}.\n"
    )
    rows = "\n".join(table(found, codes(parts)))
    return "".join((head, f"\n{rows}\n", *(part.section() for part in parts)))


def codes(parts: Sequence[Part]) -> dict[str, int]:
    """Return how each benchmark ended; of one that came several times, a failure."""
    ended: dict[str, int] = {}
    for part in parts:
        ended[part.bench] = ended.get(part.bench, 0) or part.code
    return ended


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def run_all(
    chosen: Mapping[str, Sequence[str]], deadline_s: float
) -> tuple[list[Part], dict[str, float]]:
    """Run benchmarks one after the other; return them and what they noted, by `<bench> <name>`."""
    parts, found = list[Part](), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        for name, words in chosen.items():
            print(f"\n== {name}", flush=True)
            noted = Path(folder, name)
            part = run(name, words, noted, deadline_s)
            parts.append(part)
            found |= {f"{part.bench} {k}": v for k, v in figures.read(noted).items()}
            if part.code:
                print(f"bench.{part.bench} ended with {part.code}; going on", flush=True)
    return parts, found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--large", action="store_true", help="what takes longer, instead")
    chosen = parser.parse_args()
    offered = LARGE if chosen.large else PARTS
    benches = {name.partition(" ")[0] for name in offered}
    if unknown := set(chosen.parts) - benches:
        known = ", ".join(sorted(benches))
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: {known}")
    wanted = {
        name: words
        for name, words in offered.items()
        if not chosen.parts or name.partition(" ")[0] in chosen.parts
    }
    parts, found = run_all(wanted, LARGE_DEADLINE_S if chosen.large else DEADLINE_S)
    print("\n" + "\n".join(table(found, codes(parts))))
    if not chosen.parts:  # the page is of one run of all
        name = "BENCHMARKS_LARGE.md" if chosen.large else "BENCHMARKS.md"
        command = "make bench" + (" ARGS=--large" if chosen.large else "")
        path = ROOT / "docs" / name
        path.write_text(page(parts, found, command), encoding="utf-8")
        print(f"\nwrote {path.relative_to(ROOT)}")
    failed = [part.name for part in parts if part.code]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
