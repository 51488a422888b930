"""A service of ours as a process whose clock can be set, and which may carry a deliberate fault.

`python -m tests.chaos.entry --clock FILE [--fault NAME] SERVICE`: the file holds milliseconds that
are added to the wall clock each time it is read. The monotonic clock stays as it is.
"""

from __future__ import annotations

import argparse
import importlib
import mmap
import struct
import sys
import time
from pathlib import Path
from typing import Final

_OFFSET: Final = struct.Struct("<q")
ALERT_WINDOW_MS: Final = 15_000  # in the place of five minutes, so that a short run has alerts


def make_clock(path: Path) -> None:
    """Make the file of a clock that is right."""
    path.write_bytes(_OFFSET.pack(0))


def set_clock(path: Path, offset_ms: int) -> None:
    """Move the clock of the process that looks at this file."""
    with path.open("r+b") as file:
        file.write(_OFFSET.pack(offset_ms))


def _follow_clock(path: Path) -> None:
    with path.open("rb") as file:
        offset = mmap.mmap(file.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)
    real = time.time_ns

    def time_ns() -> int:
        return real() + int(_OFFSET.unpack(offset[:])[0]) * 1_000_000

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


def main() -> None:
    """Run a service; never returns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clock", type=Path, required=True)
    parser.add_argument("--fault", default="")
    parser.add_argument("service")
    given = parser.parse_args()
    _follow_clock(given.clock)  # before anything keeps time.time
    alerts = importlib.import_module("services.aggregator.alerts")
    alerts.WINDOW_MS["5m"] = ALERT_WINDOW_MS
    if given.fault:
        catalogue = importlib.import_module("tests.chaos.faults.catalogue")
        catalogue.apply(given.fault, given.service)
    sys.argv = ["dexwire", given.service]
    importlib.import_module("dexwire.__main__").main()


if __name__ == "__main__":
    main()
