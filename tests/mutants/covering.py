"""Which tests run which lines: a mutant is first shown to those that run its line."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final, NamedTuple

from coverage import CoverageData

_PHASE: Final = "|"  # pytest-cov names a context "tests/test_x.py::test_y|run"


class Covering(NamedTuple):
    """The tests by file and line, as one run of a part's tests found them."""

    tests: dict[str, dict[int, frozenset[str]]]

    def of(self, file: str, line: int) -> list[str]:
        """Return the tests that run a line, sorted; none if only an import or a process does."""
        return sorted(self.tests.get(file, {}).get(line, frozenset()))


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
