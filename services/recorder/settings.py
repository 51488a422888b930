"""What the recorder reads from its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from shared.history.settings import HistorySettings
from shared.process.merge_settings import MergeSettings

_MIB: Final = 1024 * 1024


class RecorderSettings(HistorySettings, MergeSettings):
    """Settings of the recorder. It counts a price as fresh for as long as the aggregator does."""

    history_hot_tokens: int = Field(default=1_000, ge=0, le=100_000)
    """Tokens that have candles of a minute: watched ones first, then those with the greatest volume
    of an hour. All have candles of an hour and of a day.
    """
    history_max_bytes: int = Field(default=2_048 * _MIB, ge=16 * _MIB, le=1 << 44)
    """The most that the history may take. The oldest minutes go first, then the oldest hours, then
    last rows of tokens that were removed; days stay.
    """
    history_max_rows: int = Field(default=20_000_000, ge=10_000, le=10_000_000_000)
    """The most candles that the history may have, of all lengths; they go in the same order."""
    history_minutes_keep_days: float = Field(default=7.0, gt=0, le=3_660)
    """How long candles of a minute are kept."""
    history_hours_keep_days: float = Field(default=90.0, gt=0, le=3_660)
    """How long candles of an hour, alerts, and the last rows of removed tokens are kept."""
    history_write_s: float = Field(default=5.0, ge=0.05, le=60)
    """How often what was seen is written, in one transaction."""
    history_waiting_max: int = Field(default=200_000, ge=1_000, le=10_000_000)
    """Candles of one length that may wait in memory while the database takes nothing. Then the
    oldest are left out; longer ones still hold what they saw.
    """
    record_state: Literal["on", "off"] = "off"
    """Whether each commit is written into day files too, from which any version of the day can be
    made again (`dexwire history verify-log`).
    """
    record_state_dir: Path = Path("state-log")
    """Folder of these files. `dexwire up`: in its data folder, else in `.dexwire`."""
    record_state_max_bytes: int = Field(default=1_024 * _MIB, ge=_MIB, le=1 << 44)
    """The most that they may take: the oldest go first, and one day takes half of it at most."""
    record_state_keep_days: int = Field(default=7, ge=1, le=3_660)
    """How many days of them are kept."""
