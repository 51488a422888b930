"""What an operator may set of the aggregator. Times in the unit of the name."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from services.aggregator.alerts import AlertRules
from services.aggregator.noise import NoiseFloors
from shared.process.merge_settings import MergeSettings
from shared.process.settings import WindowSettings, Words, split_words

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


class AggregatorSettings(WindowSettings, MergeSettings):
    """Read once, in `dexwire/server/start.py`, from flags, the environment and `.env`."""

    max_tokens: int = Field(default=50_000, ge=1, le=1_000_000)
    """Tokens that are kept at one time. Of a full list, tokens that only producers post make room
    for those of polled sources; further ones are refused.
    """
    producer_tokens_pct: float = Field(default=50, gt=0, le=100)
    """Share of MAX_TOKENS for tokens that only one producer (one key) posts; further ones are
    refused.
    """
    commit_fields: int = Field(default=3_500, ge=100, le=50_000)
    """Changed fields in one commit; bounds how long a commit blocks the store."""
    intake_backlog_bytes: int = Field(default=4 * 1024 * 1024, ge=1024 * 1024, le=1 << 30)
    """Bytes of readings that may be published and not yet read. Past it posts get 503 and fetchers
    wait. Keep it below what Redis lets a subscriber leave unread (client-output-buffer-limit,
    pubsub).
    """
    playback_from_ms: int | None = Field(default=None, ge=0, lt=10**14)
    """Unix ms at which a recording begins that is played to this aggregator: windows are then cut
    by the times of its messages, not by ours. `dexwire up --replay` sets it.
    """
    noise_price_pct: float = Field(default=0.01, ge=0, le=10)
    """A price change below this share of the committed value is not committed."""
    noise_sums_pct: float = Field(default=0.1, ge=0, le=10)
    """The same for volume, liquidity, market cap and counts; 20 times as much for buy, sell and
    organic volume and for traders, 100 times for net buyers.
    """
    alert_price_windows: Windows = ("5m", "1h")
    """Windows over which price alerts are judged. Empty: no such alerts."""
    alert_price_pct: Levels = (5, 10, 20, 50)
    """Changes of the price that raise an alert, levels 1 to 4."""
    alert_volume_windows: Windows = ("5m", "1h")
    """Windows over which volume alerts are judged. Empty: no such alerts."""
    alert_volume_pct: Levels = (50, 100, 200, 500)
    """Changes of the volume that raise an alert, levels 1 to 4."""
    alert_volume_min: float = Field(default=1_000, ge=0, lt=1e15)
    """USD of volume below which nothing is a spike."""
    alert_rearm_pct: float = Field(default=80, gt=0, le=100)
    """Share of a level below which a change has fallen back and may be reported again."""
    alert_cooldown_s: int = Field(default=300, ge=0, le=86_400)
    """The same level of a token is not reported again within this time."""

    def noise_floors(self) -> NoiseFloors:
        """Return the noise floors as the merger takes them."""
        sums = self.noise_sums_pct / 100
        return NoiseFloors(
            price=self.noise_price_pct / 100, sums=sums, parts=20 * sums, net=100 * sums
        )

    def alert_rules(self) -> AlertRules:
        """Return the rules as the alert book takes them."""
        return AlertRules(
            price_windows=self.alert_price_windows,
            price_levels=self.alert_price_pct,
            volume_windows=self.alert_volume_windows,
            volume_levels=self.alert_volume_pct,
            min_volume=self.alert_volume_min,
            rearm=self.alert_rearm_pct / 100,
            cooldown_ms=self.alert_cooldown_s * 1000,
        )

    @property
    def max_tokens_per_producer(self) -> int:
        """Tokens that only one producer may have."""
        return max(1, int(self.max_tokens * self.producer_tokens_pct / 100))
