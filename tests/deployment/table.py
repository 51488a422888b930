"""What was seen, line by line, and whether all of it was right."""

from __future__ import annotations

import time
from typing import Final

_STARTED: Final = time.monotonic()


class Failed(Exception):
    """The check cannot go on; the message says why."""


class ResultTable:
    """Prints each result when it is known and keeps count of what was wrong."""

    def __init__(self) -> None:
        self.results = 0
        self.wrong: list[str] = []

    def chapter(self, title: str) -> None:
        """Begin a part."""
        print(f"\n== {title} ({time.monotonic() - _STARTED:.0f} s)", flush=True)

    def say(self, text: str) -> None:
        """Print something that can be neither right nor wrong."""
        print(f"   {text}", flush=True)

    def result(self, name: str, seen: str, *, ok: bool = True) -> None:
        """Print what was seen of one thing that must be right."""
        self.results += 1
        if not ok:
            self.wrong.append(f"{name}: {seen}")
        print(f"  {'ok   ' if ok else 'WRONG'} {name:<44} {seen}", flush=True)

    def end(self) -> int:
        """Print the sum; return the exit code."""
        took = time.monotonic() - _STARTED
        print(f"\n{self.results} results, {len(self.wrong)} wrong, {took:.0f} s", flush=True)
        for line in self.wrong:
            print(f"  WRONG {line}")
        return 1 if self.wrong or not self.results else 0
