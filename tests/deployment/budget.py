"""Whether replicas of the fetcher share one call budget, counted by the source they call."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx

from tests.deployment.stack import Deployment
from tests.deployment.table import ResultTable

_SECONDS: Final = 30.0
_FACTOR: Final = 10  # FETCH_RATE_FACTOR in deploy/replay.env
# Calls a minute that the providers publish: rate class → limit.
_PUBLISHED: Final = {
    "dexscreener lists": 60,
    "dexscreener pairs": 300,
    "jupiter": 30,
    "geckoterminal": 30,
}


async def check_budget(stack: Deployment, table: ResultTable) -> None:
    """Count the calls at the replayed market for a while."""
    (replay,) = await stack.engine.containers("replay")
    url = f"http://{replay.networks['internal']}:8010/health"
    async with httpx.AsyncClient(timeout=10) as http:
        before = _by_class((await http.get(url)).json())
        await asyncio.sleep(_SECONDS)
        after = _by_class((await http.get(url)).json())
    for name, published in _PUBLISHED.items():
        rate = (after[name] - before[name]) * 60 / _SECONDS
        limit = published * _FACTOR
        seen = f"{rate:.0f} calls a minute of both replicas, published limit {limit}"
        table.result(f"fetchers share: {name}", seen, ok=0 < rate <= limit)


def _by_class(health: dict[str, Any]) -> dict[str, int]:
    """Return the calls so far by rate class."""
    counts = dict.fromkeys(_PUBLISHED, 0)
    for kind, calls in health["calls"].items():
        source, _, word = kind.partition("/")
        if source == "dexscreener":
            source += " lists" if word in {"token-profiles", "token-boosts"} else " pairs"
        if source in counts:
            counts[source] += calls
    return counts
