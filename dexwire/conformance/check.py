"""A claim, and what was found when it was looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

SHOWN: Final = 5  # examples that are kept of a check; all are counted


class Check(Struct, kw_only=True):
    """One claim: how many things were looked at and what is wrong."""

    name: str
    looked_at: int = 0
    wrong: int = 0
    examples: list[str] = []

    def count(self, complaints: Iterable[str]) -> None:
        """Note one more thing looked at, with what is wrong with it."""
        self.looked_at += 1
        for complaint in complaints:
            self.wrong += 1
            if len(self.examples) < SHOWN:
                self.examples.append(complaint)
