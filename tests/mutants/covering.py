"""Which tests run which lines: a mutant is first shown to those that run its line."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from coverage import CoverageData

_PHASE: Final = "|"  # pytest-cov names a context "tests/test_x.py::test_y|run"


@dataclass(frozen=True)
class Covering:
    """The tests by file and line, as one run of a part's tests found them."""

    tests: dict[str, dict[int, frozenset[str]]]

    def of(self, file: str, line: int) -> list[str]:
        """Return the tests that run a line; none if only an import or a process does.

        Those that run the fewest lines come first: they are the quickest, and about that line.
        """
        found = self.tests.get(file, {}).get(line, frozenset())
        return sorted(found, key=lambda test: (self._lines[test], test))

    @cached_property
    def _lines(self) -> Counter[str]:
        """How many lines each test runs."""
        lines = (each for file in self.tests.values() for each in file.values())
        return Counter(test for tests in lines for test in tests)


def read_covering(data_file: Path, tree: Path) -> Covering:
    """Read what `pytest --cov --cov-context=test` has written of the files in `tree`."""
    data = CoverageData(str(data_file))
    data.read()
    found: dict[str, dict[int, frozenset[str]]] = {}
    for measured in data.measured_files():
        lines: defaultdict[int, frozenset[str]] = defaultdict(frozenset)
        for line, contexts in data.contexts_by_lineno(measured).items():
            lines[line] = frozenset(c.rpartition(_PHASE)[0] for c in contexts if _PHASE in c)
        found[str(Path(measured).relative_to(tree))] = dict(lines)
    return Covering(found)
