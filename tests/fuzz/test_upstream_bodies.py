"""No damage of one record costs another: recorded bodies of all sources, damaged at random."""

from __future__ import annotations

import pytest

from tests.testkit.fuzzing import try_all
from tests.testkit.upstream_bodies import Body, assert_others_are_read, damaged


@pytest.mark.parametrize("source", ["dexscreener", "jupiter", "geckoterminal"])
def test_a_damaged_record_costs_no_other(source: str) -> None:
    def outcome(damage: tuple[Body, int, bytes]) -> str:
        refused = assert_others_are_read(*damage).refused
        return next(iter(refused), "read")

    # A body of five records is read in 1 ms; the largest values take 100.
    try_all(source, damaged(source), outcome, examples=300, most_s=2.0)
