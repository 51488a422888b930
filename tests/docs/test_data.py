"""docs/DATA.md has every field and every Redis key, and nothing that is not there."""

from __future__ import annotations

import re

from shared.model import METRICS, ROW_FIELDS
from tests.testkit.blocks import built_names
from tests.testkit.process import ROOT

TEXT = (ROOT / "docs" / "DATA.md").read_text(encoding="utf-8")


def first_cells(section: str) -> list[str]:
    """The first cell of each row of the tables in a section, without their heads."""
    body = TEXT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [line.split("|")[1].strip() for line in body.splitlines() if line.startswith("| `")]


def test_every_redis_key_is_documented_once() -> None:
    documented = [re.sub(r"<[^>]*>", "<>", cell.strip("`")) for cell in first_cells("Redis keys")]

    assert sorted(documented) == sorted(built_names())


def test_every_field_of_the_row_is_documented_once() -> None:
    documented = []
    for cell in first_cells("Fields")[: len(ROW_FIELDS)]:
        names = re.findall(r"`([^`]+)`", cell)
        stem = names[0].removesuffix("_5m")
        documented += [stem + name if name.startswith("_") else name for name in names]

    assert [name for name in documented if name in ROW_FIELDS] == list(ROW_FIELDS)


def test_every_metric_has_its_index_documented() -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith("| `index:<metric>`"))

    for metric in METRICS:
        stem = re.sub(r"_(5m|1h|6h|24h)$", "", metric)
        assert f"`{stem}`" in line
