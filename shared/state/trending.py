"""Trending scores of many rows at once (docs/DATA.md, "Trending"). Pure.

The same numbers as `dexwire.stream.trending` gives of one row, whose weights and scales these are;
a test compares the two. Whole points, so that every machine has the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from dexwire.stream.trending import (
    AGE,
    FEWEST,
    HALVED_MS,
    LIQUIDITY_PER_TRADER,
    OLDEST_MS,
    SCALES,
    USD_PER_TRADER,
    WEIGHTS,
    fields_of,
)

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WORDS: Final = ("flags", "stale")  # the fields among `fields_of` that are no figures
FIGURES: Final = {
    window: tuple(name for name in fields_of(window) if name not in WORDS) for window in SCALES
}


def parts_of(figure: Callable[[str], Floats], banned: Mask, window: str) -> dict[str, Floats]:
    """Return the parts of each row's score, NaN where unknown; all are where it is not ranked.

    `figure` returns a field of FIGURES of all rows, NaN where unknown; `banned` rows are stale or
    have a flag of UNRANKED.
    """
    scale = SCALES[window]
    volume, liquidity = figure(f"volume_{window}"), figure("liquidity")
    traders = figure(f"traders_{window}")
    traded = (volume > 0) | (traders > 0) | (figure(f"transactions_{window}") > 0)
    backed = np.minimum(volume / USD_PER_TRADER, liquidity / LIQUIDITY_PER_TRADER)
    people = np.fmax(np.minimum(traders, backed), FEWEST)
    breadth = _share(people, scale.traders)
    net = np.minimum(np.maximum(figure(f"net_buyers_{window}"), 0), people)
    organic = np.minimum(_ratio(figure(f"organic_volume_{window}"), volume), 1)
    counted = np.minimum(volume, scale.turnover * liquidity)
    times = _ratio(figure(f"volume_{scale.fast}"), figure(f"volume_{scale.slow}")) * scale.fastest
    shares = {
        "traders": breadth,
        "net_buyers": _share(net, scale.traders),
        "organic": breadth * np.sqrt(organic),
        "turnover": breadth * _share(counted, scale.volume),
        "pace": breadth * _pace(times, scale.fastest),
    }
    ranked = traded & ~banned
    parts = {
        name: np.where(ranked, np.rint(WEIGHTS[name] * share), np.nan)
        for name, share in shares.items()
    }
    age_ms = np.maximum(figure("observed_ms") - figure("created_ms"), 0)
    left = 1 / (1 + np.fmin(age_ms, OLDEST_MS) / HALVED_MS)
    parts[AGE] = np.where(ranked, -np.rint((1 - left) * _added(parts)), np.nan)
    return parts


def scores_of(figure: Callable[[str], Floats], banned: Mask, window: str) -> Floats:
    """Return the score of each row, NaN where it is not ranked."""
    scores = _added(parts_of(figure, banned, window))
    scores[scores <= 0] = np.nan
    return scores


def _added(parts: dict[str, Floats]) -> Floats:
    added: Floats = np.nansum(np.stack(tuple(parts.values())), axis=0)
    return added


def _ratio(figure: Floats, of: Floats) -> Floats:
    """Return figure / of; NaN where that is 0 or unknown."""
    return np.divide(figure, of, out=np.full_like(figure, np.nan), where=of > 0)


def _share(figure: Floats, full: float) -> Floats:
    share: Floats = np.minimum(np.log1p(figure) / np.log1p(full), 1.0)
    return share


def _pace(times: Floats, fastest: float) -> Floats:
    """Return 0 for a rate that is steady or falls, 1 where all was traded lately."""
    pace: Floats = np.minimum(np.log(np.maximum(times, 1.0)) / np.log(fastest), 1.0)
    return pace
