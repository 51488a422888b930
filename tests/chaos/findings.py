"""What was looked at and what was wrong, with the moment and the faults under way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

_SHOWN: Final = 20


class Violation(NamedTuple):
    """One promise that was not kept."""

    at_s: float
    law: str
    detail: str
    faults: tuple[str, ...]


class Findings:
    """Counts what is judged; keeps what is wrong."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.wrong_by_law: Counter[str] = Counter()
        self.faults: Callable[[], Iterable[str]] = tuple  # those under way

    def now_s(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._began

    def begin(self) -> None:
        """Count the time from now on: everything runs."""
        self._began = time.monotonic()

    def count(self, what: str, number: int = 1) -> None:
        """Count what was judged."""
        self.counts[what] += number

    def wrong(self, law: str, detail: str) -> None:
        """Note what is not as it must be."""
        self.wrong_by_law[law] += 1
        if len(self.violations) < 200:
            found = Violation(self.now_s(), law, detail[:400], tuple(self.faults()))
            self.violations.append(found)

    def reporter(self, law: str) -> Callable[[str], None]:
        """Return a function that notes what is wrong about one law."""
        return lambda detail: self.wrong(law, detail)

    def table(self, faults: Counter[str]) -> str:
        """Return the counts as a table."""
        lines = [f"{sum(faults.values())} faults: "]
        lines[0] += ", ".join(f"{n} {kind}" for kind, n in sorted(faults.items()))
        width = max(map(len, self.counts), default=0)
        lines += [f"  {name:<{width}}  {n:>9,}" for name, n in sorted(self.counts.items())]
        lines.append(f"{sum(self.wrong_by_law.values())} violations")
        lines += [f"  {law}: {n}" for law, n in self.wrong_by_law.most_common()]
        return "\n".join(lines)

    def reproductions(self, seed: int, seconds: float) -> list[str]:
        """Return a line for each of the first violations: how to see it again."""
        return [
            f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:g} make chaos  # at {v.at_s:.1f} s, "
            f"{v.law}: {v.detail}; under way: {'; '.join(v.faults) or 'nothing'}"
            for v in self.violations[:_SHOWN]
        ]
