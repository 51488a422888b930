"""Who gives a token's price does not change at each look (the hour: bench/flapping.py)."""

import pytest

from bench.flapping import measure


@pytest.mark.timeout(400)  # seconds of pure computing, on a machine with much else to do
async def test_the_source_of_the_price_does_not_flap_in_the_replayed_market() -> None:
    seen = await measure(minutes=8, size=0, warm_minutes=4)
    print(seen)
    assert seen.several > seen.tokens // 2
    assert sum(seen.changes.values()) <= 2
    assert seen.back <= 1  # 3 before rarely seen pools gave way
