"""Which wrong versions of a module the mutation check makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.mutants.__main__ import PARTS, Mutant, Trial, equivalents, key_of, mutants_of
from tests.mutants.changes import Change, lua_changes, python_changes
from tests.mutants.covering import Covering, read_covering
from tests.testkit.process import ROOT

MODULE = '''"""A module."""
class Row(Struct, frozen=True):
    size: int = 4


def fits(row: Row) -> bool:
    """Whether it fits."""
    log.info("looked_at", size=row.size)
    return row.size <= 8


def nothing() -> None:
    return None


def never() -> bool:
    return False
'''


def test_what_runs_is_changed_and_what_only_declares_or_reports_is_not() -> None:
    changes = [(change.line, change.what) for change in python_changes(MODULE)]

    assert sorted(changes) == [
        (3, "4 -> (5)"),
        (9, "8 -> (9)"),
        (9, "return row.size <= 8 -> return None"),
        (9, "row.size <= 8 -> (row.size < 8)"),
        (17, "False -> (True)"),
    ]


def test_a_change_leaves_the_rest_of_the_text_as_it_is() -> None:
    (change,) = lua_changes("local a = 2 -- a == 1\nif a == 2 then\n  return a\nend\n")

    assert change.text == "local a = 2 -- a == 1\nif a ~= 2 then\n  return a\nend\n"


def test_a_line_is_covered_by_the_tests_that_run_it(tmp_path: Path) -> None:
    (tmp_path / "sizes.py").write_text("def fits(size):\n    return size <= 8\n", encoding="utf-8")
    (tmp_path / "test_sizes.py").write_text(
        "from sizes import fits\ndef test_fits():\n    assert fits(8)\ndef test_none(): pass\n",
        encoding="utf-8",
    )
    options = ["--cov=.", "--cov-context=test", "--cov-report=", "-p", "no:cacheprovider"]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options], cwd=tmp_path, check=True,
        capture_output=True, env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip

    covering = read_covering(tmp_path / ".coverage", tmp_path)

    assert covering.of("sizes.py", 2) == ["test_sizes.py::test_fits"]
    assert covering.of("sizes.py", 1) == []  # an import runs it


def test_tests_that_run_the_fewest_lines_come_first() -> None:
    whole, small = frozenset({"a::whole"}), frozenset({"b::small"})
    covering = Covering({"sizes.py": {1: whole | small, 2: whole, 3: whole}})

    assert covering.of("sizes.py", 1) == ["b::small", "a::whole"]


def test_a_constant_and_a_script_are_covered_by_the_tests_of_what_uses_them() -> None:
    file = "shared/state/store.py"
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    calls = [number for number, line in enumerate(lines, 1) if "_RENEW(" in line]
    declared = next(
        number for number, line in enumerate(lines, 1) if line.startswith("_SCAN_COUNT")
    )
    reads = [n for n, line in enumerate(lines, 1) if "_SCAN_COUNT" in line and n != declared]
    trial = Trial()
    trial.covering = Covering(
        {file: dict.fromkeys(calls, frozenset({"renews"})) | {reads[0]: frozenset({"reads"})}}
    )

    def covers(where: str, line: int) -> tuple[str, ...]:
        return trial.covering_tests(Mutant(where, Change(line, "", "")))

    assert covers("shared/state/scripts/renew.lua", 1) == ("renews",)
    assert covers(file, declared) == ("reads",)


def test_what_is_listed_as_equivalent_is_a_change_that_is_made_and_has_its_reason() -> None:
    made = {key_of(mutant) for part in PARTS.values() for mutant in mutants_of(part)}

    assert set(equivalents()) <= made
    assert all(len(why) > 20 for why in equivalents().values())
