"""Single figures of a run, by name, for the table of docs/BENCHMARKS.md.

A benchmark notes them beside what it prints; `python -m bench` reads them from the file that it
named in BENCH_FIGURES. Without that nothing is written.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


def note(name: str, value: float) -> None:
    """Note one figure; of a name that comes twice the last one counts."""
    path = os.environ.get("BENCH_FIGURES")
    if path:
        with Path(path).open("ab") as file:
            file.write(msgspec.json.encode([name, value]) + b"\n")


def read(path: Path) -> dict[str, float]:
    """Return what was noted."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return dict(msgspec.json.decode(line, type=tuple[str, float]) for line in lines)
