"""What the benchmarks print and compare is what was wanted of them."""

from __future__ import annotations

import pytest

from bench import scaling
from bench.running import tree_parser, trees_of
from tests.testkit.process import ROOT

SCALING = (ROOT / "docs" / "SCALING.md").read_text(encoding="utf-8")


def test_the_tables_of_scaling_are_the_ones_of_the_model() -> None:
    costs = scaling.Costs()

    assert "\n".join(scaling.by_clients(costs)) in SCALING
    assert "\n".join(scaling.by_tokens(costs)) in SCALING


def test_two_checkouts_with_one_short_name_are_refused() -> None:
    trees = ["--tree", "before/dexwire", "--tree", "after/dexwire"]

    with pytest.raises(SystemExit, match="must differ"):
        trees_of(tree_parser("").parse_args(trees))
