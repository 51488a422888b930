"""No damage of one record costs another: recorded bodies of all sources, damaged at random.

FUZZ_MUTATIONS sets how many are tried for each source (`make fuzz`).
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from tests.testkit.mutations import Body, assert_others_are_read, damaged

MUTATIONS = int(os.environ.get("FUZZ_MUTATIONS", "0"))
# Of CPU. A body of five records is read in 1 ms; the largest values take 100.
MOST_S = 2.0


# pytest's time-out comes as an exception in the middle of anything. In a draw, hypothesis takes it
# for data that depend on outer state (FlakyStrategyDefinition), and the long form takes minutes.
@pytest.mark.timeout(0 if MUTATIONS else 120)
@pytest.mark.parametrize("source", ["dexscreener", "jupiter", "geckoterminal"])
def test_a_damaged_record_costs_no_other(source: str) -> None:
    seen: Counter[str] = Counter()
    slowest = 0.0
    started = time.perf_counter()

    @settings(
        max_examples=MUTATIONS or 300,
        derandomize=not MUTATIONS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(source))
    def check(damage: tuple[Body, int, bytes]) -> None:
        nonlocal slowest
        began = time.process_time()
        page = assert_others_are_read(*damage)
        slowest = max(slowest, time.process_time() - began)
        seen.update(["mutations", *(reason for reason in page.refused)])

    check()

    assert slowest < MOST_S
    print(f"{source}: {dict(seen)} in {time.perf_counter() - started:.0f} s", end=", ")
    print(f"slowest {1000 * slowest:.0f} ms")
