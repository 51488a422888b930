"""The trending score of a row (docs/DATA.md, "Trending"): readable, and hard to buy. Pure.

The score is a function of the row alone, in whole points, and the sum of its parts. Everything
counts in proportion to how many people trade, and people only as far as money is behind them.
What is unknown adds nothing, so it never beats what is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log, log1p, sqrt
from typing import Any, Final, NamedTuple

WEIGHTS: Final = {  # the most that each part can add
    "traders": 3_500,
    "net_buyers": 2_000,
    "organic": 2_000,
    "turnover": 1_500,
    "pace": 1_000,
}
AGE: Final = "age"  # the part that is subtracted
PARTS: Final = (*WEIGHTS, AGE)

FEWEST: Final = 3  # people behind any trade, also where it is not known how many there are
USD_PER_TRADER: Final = 20  # volume that one of them has to stand for
LIQUIDITY_PER_TRADER: Final = 50  # USD
HALVED_MS: Final = 24 * 3_600_000  # age at which half is left, a third at twice the age, …
OLDEST_MS: Final = 30 * HALVED_MS  # what is older, or of unknown age, is taken to be this old
UNRANKED: Final = ("suspicious", "drained")  # flags


class Scale(NamedTuple):
    """How a window's figures are judged."""

    traders: int  # for the full part
    volume: float  # USD, for the full part
    turnover: int  # times the liquidity: volume beyond it adds nothing
    fast: str  # the windows whose volumes are compared
    slow: str
    fastest: int  # the slow window by the fast one: all of its volume was traded lately


SCALES: Final = {
    "5m": Scale(1_000, 1e6, 1, "5m", "1h", 12),
    "1h": Scale(5_000, 5e6, 3, "1h", "6h", 6),
    "6h": Scale(20_000, 20e6, 8, "6h", "24h", 4),
    "24h": Scale(50_000, 50e6, 20, "6h", "24h", 4),
}


def fields_of(window: str) -> tuple[str, ...]:
    """Return the row's fields that a window's score depends on."""
    scale = SCALES[window]
    own = ("volume", "traders", "net_buyers", "organic_volume", "transactions")
    fields = ["observed_ms", *(f"{figure}_{window}" for figure in own)]
    fields += [f"volume_{scale.fast}", f"volume_{scale.slow}"]
    return (*dict.fromkeys(fields), "liquidity", "created_ms", "flags", "stale")


def score_of(row: Mapping[str, Any], window: str) -> int:
    """Return a row's score, 0 to 10,000; 0: it is not ranked."""
    return sum(parts_of(row, window).values())


def parts_of(row: Mapping[str, Any], window: str) -> dict[str, int]:
    """Return the parts that are known, which add up to the score; none where it is not ranked."""
    if row.get("stale") or not set(UNRANKED).isdisjoint(row.get("flags", ())):
        return {}
    scale, volume = SCALES[window], row.get(f"volume_{window}")
    traders, trades = row.get(f"traders_{window}"), row.get(f"transactions_{window}")
    if not (volume or traders or trades):
        return {}
    people = _people(traders, volume, row.get("liquidity"))
    breadth = _share(people, scale.traders)
    shares = {"traders": breadth}
    net, organic = row.get(f"net_buyers_{window}"), row.get(f"organic_volume_{window}")
    if net is not None:
        shares["net_buyers"] = _share(min(max(net, 0), people), scale.traders)
    if organic is not None and volume:
        shares["organic"] = breadth * sqrt(min(organic / volume, 1.0))
    if volume is not None and "liquidity" in row:
        counted = min(volume, scale.turnover * row["liquidity"])
        shares["turnover"] = breadth * _share(counted, scale.volume)
    fast, slow = row.get(f"volume_{scale.fast}"), row.get(f"volume_{scale.slow}")
    if fast is not None and slow:
        shares["pace"] = breadth * _pace(fast / slow * scale.fastest, scale.fastest)
    parts = {name: round(WEIGHTS[name] * share) for name, share in shares.items()}
    return {**parts, AGE: -round((1 - _left(row)) * sum(parts.values()))}


def _people(traders: float | None, volume: float | None, liquidity: float | None) -> float:
    """Return how many people count: those who are known, as far as money is behind them."""
    if traders is None or volume is None or liquidity is None:
        return FEWEST
    return max(min(traders, volume / USD_PER_TRADER, liquidity / LIQUIDITY_PER_TRADER), FEWEST)


def _share(figure: float, full: float) -> float:
    return min(log1p(figure) / log1p(full), 1.0)


def _pace(times: float, fastest: float) -> float:
    """Return 0 for a rate that is steady or falls, 1 where all was traded lately."""
    return min(max(log(times) / log(fastest), 0.0), 1.0) if times > 0 else 0.0


def _left(row: Mapping[str, Any]) -> float:
    """Return what the age leaves, 0 to 1; a creation in the future is age 0."""
    age_ms = OLDEST_MS
    if "created_ms" in row and "observed_ms" in row:
        age_ms = min(max(row["observed_ms"] - row["created_ms"], 0), OLDEST_MS)
    return 1 / (1 + age_ms / HALVED_MS)
