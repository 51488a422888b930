"""The table of `bench/attacks.py`: what attacks cost, figure by figure, in each checkout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.figures import note


class Figure(NamedTuple):
    """One row of the table."""

    what: str
    aim: str
    shown: str  # with its unit
    value: float


class Table:
    """Figures by attack and what they are of, a column for each checkout."""

    def __init__(self, trees: Sequence[str]) -> None:
        self._trees = trees
        self._rows: dict[tuple[str, str], dict[str, str]] = {}
        self._aims: dict[tuple[str, str], str] = {}
        self._reasons: list[str] = []

    def add(self, tree: str, attack: str, figure: Figure) -> None:
        self._rows.setdefault((attack, figure.what), {})[tree] = figure.shown
        self._aims[attack, figure.what] = figure.aim
        note(f"{attack} {figure.what}", figure.value)

    def fail(self, tree: str, attack: str, reason: str) -> None:
        """Say why an attack could not be measured, below the table."""
        self._reasons.append(f"- {attack}, {tree}: {reason}")
        if not any(row[0] == attack for row in self._rows):
            self._rows[attack, ""] = {}

    def show(self) -> None:
        rows = [("attack", "figure", *self._trees, "aim")]
        for (attack, what), shown in self._rows.items():
            cells = [shown.get(tree, "-") for tree in self._trees]
            rows.append((attack, what, *cells, self._aims.get((attack, what), "")))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            print("   ".join(map(str.ljust, row, widths)).rstrip())
        if self._reasons:
            print("\n".join(("", *self._reasons)))
