"""Trying a parser with many inputs: a short, repeatable pass in the suite.

FUZZ_SECONDS of random inputs, or FUZZ_MUTATIONS of them, when one is set (`make fuzz`).
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T = TypeVar("T")
# Read before a test's environment is cleaned.
FUZZ_SECONDS: Final = float(os.environ.get("FUZZ_SECONDS") or 0)
FUZZ_MUTATIONS: Final = int(os.environ.get("FUZZ_MUTATIONS") or 0)
# pytest's time-out comes as an exception in the middle of anything. In a draw, hypothesis takes it
# for data that depend on outer state (FlakyStrategyDefinition), and the long form takes minutes.
TIMEOUT_S: Final = 0 if FUZZ_SECONDS or FUZZ_MUTATIONS else 120
_ROUND: Final = 2_000  # inputs between two looks at the clock, in the long form


@dataclass
class Tried:
    """What came of the inputs: how many by outcome, and the slowest of them in seconds of CPU."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    began_s: float = field(default_factory=time.monotonic)
    notes: str = ""

    def report(self) -> str:
        """Return the figures in one line."""
        inputs, seconds = sum(self.outcomes.values()), time.monotonic() - self.began_s
        most = ", ".join(f"{what} {count}" for what, count in self.outcomes.most_common(40))
        slowest = f"slowest {1000 * self.slowest_s:.1f} ms"
        return f"{self.name}: {inputs} inputs in {seconds:.0f} s, {slowest}{self.notes}; {most}"


def try_all(
    name: str,
    inputs: st.SearchStrategy[T],
    outcome: Callable[[T], str],
    *,
    examples: int,
    most_s: float,
    clock: Callable[[], float] = time.process_time,
) -> Tried:
    """Call `outcome` with inputs; it raises for what must not be, else names what came of one.

    `examples` are tried in the suite; `most_s` is what one may take. Fails when all ended alike:
    then the inputs do not reach what is tested.
    """
    tried = Tried(name)

    def check(one: T) -> None:
        # A full collection of the suite's heap takes longer than any input may.
        gc.disable()
        try:
            began = clock()
            what = outcome(one)
            took = clock() - began
        finally:
            gc.enable()
        tried.outcomes[what] += 1
        tried.slowest_s = max(tried.slowest_s, took)
        assert took < most_s, f"took {took:.2f} s"

    if FUZZ_MUTATIONS:
        _run(check, inputs, max_examples=FUZZ_MUTATIONS, derandomize=False)
    elif FUZZ_SECONDS:
        while time.monotonic() - tried.began_s < FUZZ_SECONDS:
            _run(check, inputs, max_examples=_ROUND, derandomize=False)
    else:
        _run(check, inputs, max_examples=examples, derandomize=True)
    print(tried.report())
    assert len(tried.outcomes) > 1, tried.report()
    return tried


def _run(check: Callable[[T], None], inputs: st.SearchStrategy[T], **options: Any) -> None:  # noqa: ANN401
    limits = settings(
        deadline=None, database=None, suppress_health_check=list(HealthCheck), **options
    )
    limits(given(inputs)(check))()


def rss_kb(pid: int) -> int:
    """Return the memory of a process that is not shared, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    (size,) = (line.split()[1] for line in lines if line.startswith("RssAnon"))
    return int(size)
