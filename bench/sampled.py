"""A `dexwire` command that samples its own stack: on SIGUSR1 it writes the counts by stage.

Started by `bench/aggregator.py` with the checkout to be measured first on PYTHONPATH, so it imports
nothing of this one. SAMPLES names the file that the counts go to.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

EVERY_S: Final = 0.002  # of CPU time
# The first that matches a frame names the stage. Stages above others contain them.
RULES: Final = (
    ("apply", ("/replica.py", "/orders.py")),
    ("client", ("/store.py", "/redis/", "/feed.py", "/script.py")),
    ("diff", ("/noise.py", "/alerts.py")),
    ("merge", ("/shared/merge/", "/memory.py", "/tickers.py")),
    ("decode", ("/intake.py",)),
    ("diff", ("/merger.py",)),
    ("encode", ("/plan.py", "/commit.py", "/row.py", "/messages.py", "/wire.py")),
)
# Where one file holds two stages, the function decides.
BY_FUNCTION: Final = {
    "decode_reading": "decode",
    "encode_source_reading": "encode",
    "_item": "diff",
}
_samples: Counter[str] = Counter()
_stages: dict[str, str | None] = {}


def _stage(frame: FrameType | None) -> str:
    """Return the stage of the stack; the innermost frame that has one decides."""
    while frame is not None:
        code = frame.f_code
        found = BY_FUNCTION.get(code.co_name) or _of_file(code.co_filename)
        if found == "client" and "/feed.py" in code.co_filename:
            return "client"
        if found is not None:
            caller = frame.f_back
            # Rows are taken apart and joined for commits and for the replica alike.
            if found == "encode" and caller and _of_file(caller.f_code.co_filename) == "apply":
                return "apply"
            return found
        frame = frame.f_back
    return "other"


def _of_file(path: str) -> str | None:
    if path not in _stages:
        _stages[path] = next(
            (stage for stage, parts in RULES if any(part in path for part in parts)), None
        )
    return _stages[path]


def _take(_signal: int, frame: FrameType | None) -> None:
    _samples[_stage(frame)] += 1


def _write(_signal: int, _frame: FrameType | None) -> None:
    target = Path(os.environ["SAMPLES"])
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(_samples), encoding="ascii")
    partial.rename(target)
    _samples.clear()


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, _take)
    signal.signal(signal.SIGUSR1, _write)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    sys.argv[0] = "dexwire"
    runpy.run_module("dexwire", run_name="__main__", alter_sys=True)
