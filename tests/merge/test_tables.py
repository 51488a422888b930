"""The annex of decision 0020 says what the pool rule does now."""

from pathlib import Path

from bench.rows import table

ANNEX = Path(__file__).parents[2] / "docs" / "decisions" / "0020-rows.md"


def test_the_table_of_changed_rows_is_what_the_rules_give() -> None:
    assert ANNEX.read_text(encoding="utf-8") == table(), "python -m bench.rows --table > the annex"
