"""What an operator may set of the aggregator. Times in the unit of the name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.settings import ServiceSettings


class AggregatorSettings(ServiceSettings):
    """Read once, in `dexwire/cli.py`, from flags, the environment and `.env`."""

    window_ms: int = Field(default=200, ge=10, le=10_000)  # longest a reading waits for company
    max_tokens: int = Field(default=50_000, ge=1, le=1_000_000)  # further tokens are refused
    commit_fields: int = Field(default=3_500, ge=100, le=50_000)  # bounds how long a commit blocks
    min_pool_liquidity: float = Field(default=1_000, ge=0, lt=1e15)  # USD
    price_stale_s: int = Field(default=120, ge=1, le=86_400)
    sums_stale_s: int = Field(default=600, ge=1, le=86_400)
    dead_after_s: int = Field(default=86_400, ge=2, le=31 * 86_400)
    price_rule: Literal["ranked", "weighted"] = "ranked"
    noise_price_pct: float = Field(default=0.01, ge=0, le=10)  # percent of the committed value
    noise_sums_pct: float = Field(default=0.1, ge=0, le=10)
