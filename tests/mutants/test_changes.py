"""Which wrong versions of a module the mutation check makes."""

from __future__ import annotations

from tests.mutants.changes import lua_changes, python_changes

MODULE = '''"""A module."""
class Row(Struct, frozen=True):
    size: int = 4


def fits(row: Row) -> bool:
    """Whether it fits."""
    log.info("looked_at", size=row.size)
    return row.size <= 8
'''


def test_what_runs_is_changed_and_what_only_declares_or_reports_is_not() -> None:
    changes = [(change.line, change.what) for change in python_changes(MODULE)]

    assert sorted(changes) == [
        (3, "4 -> (5)"),
        (9, "8 -> (9)"),
        (9, "return row.size <= 8 -> return None"),
        (9, "row.size <= 8 -> (row.size < 8)"),
    ]


def test_a_change_leaves_the_rest_of_the_text_as_it_is() -> None:
    (change,) = lua_changes("local a = 2 -- a == 1\nif a == 2 then\n  return a\nend\n")

    assert change.text == "local a = 2 -- a == 1\nif a ~= 2 then\n  return a\nend\n"
