"""What an operator may set of the aggregator. Times in the unit of the name."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from shared.merge_settings import MergeSettings
from shared.settings import Words, split_words

_ALERT_WINDOWS: Final = ("5m", "1h")  # an hour of history is kept


def _check_levels(levels: tuple[float, ...]) -> tuple[float, ...]:
    if len(levels) != 4 or not 0 < levels[0] < levels[1] < levels[2] < levels[3] < 1e6:
        raise ValueError("must be four rising percentages, as in 5,10,20,50")
    return levels


def _check_windows(windows: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(windows)) != len(windows) or not set(windows) <= set(_ALERT_WINDOWS):
        raise ValueError(f"must be some of {','.join(_ALERT_WINDOWS)}, or empty for none")
    return windows


Levels = Annotated[
    tuple[float, float, float, float],
    NoDecode, BeforeValidator(split_words), AfterValidator(_check_levels),
]  # fmt: skip
Windows = Annotated[Words, AfterValidator(_check_windows)]


class AggregatorSettings(MergeSettings):
    """Read once, in `dexwire/cli.py`, from flags, the environment and `.env`."""

    window_ms: int = Field(default=200, ge=10, le=10_000)  # longest a reading waits for company
    max_tokens: int = Field(default=50_000, ge=1, le=1_000_000)  # further tokens are refused
    commit_fields: int = Field(default=3_500, ge=100, le=50_000)  # bounds how long a commit blocks
    noise_price_pct: float = Field(default=0.01, ge=0, le=10)  # percent of the committed value
    noise_sums_pct: float = Field(default=0.1, ge=0, le=10)
    alert_price_windows: Windows = ("5m", "1h")  # empty: no such alerts
    alert_price_pct: Levels = (5, 10, 20, 50)  # percent of the base, levels 1 to 4
    alert_volume_windows: Windows = ("5m", "1h")
    alert_volume_pct: Levels = (50, 100, 200, 500)
    alert_volume_min: float = Field(default=1_000, ge=0, lt=1e15)  # USD; less is no spike
    alert_rearm_pct: float = Field(default=80, gt=0, le=100)  # of a level; below it is a fall back
    alert_cooldown_s: int = Field(default=300, ge=0, le=86_400)
