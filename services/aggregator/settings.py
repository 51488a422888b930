"""What an operator may set of the aggregator. Times in the unit of the name."""

from __future__ import annotations

from pydantic import Field

from shared.merge_settings import MergeSettings


class AggregatorSettings(MergeSettings):
    """Read once, in `dexwire/cli.py`, from flags, the environment and `.env`."""

    window_ms: int = Field(default=200, ge=10, le=10_000)  # longest a reading waits for company
    max_tokens: int = Field(default=50_000, ge=1, le=1_000_000)  # further tokens are refused
    commit_fields: int = Field(default=3_500, ge=100, le=50_000)  # bounds how long a commit blocks
    noise_price_pct: float = Field(default=0.01, ge=0, le=10)  # percent of the committed value
    noise_sums_pct: float = Field(default=0.1, ge=0, le=10)
