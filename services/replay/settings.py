"""Settings of the replayed market."""

from __future__ import annotations

from pydantic import Field

from shared.process.settings import HostName, ServiceSettings

MAX_TOKENS = 20_000


class ReplaySettings(ServiceSettings):
    """Where the stand-in listens and which market it plays."""

    replay_host: HostName = Field(default="127.0.0.1", min_length=1)
    """Address on which the replayed market listens."""
    replay_port: int = Field(default=8010, ge=0, le=65_535)
    """Port on which the replayed market listens. 0: any free one."""
    replay_seed: int = Field(default=1, ge=0, lt=2**63)
    """The market is a function of this number and the time."""
    replay_tokens: int = Field(default=500, ge=0, le=MAX_TOKENS)
    """Tokens in all, the recorded ones among them, the rest generated. 0: only the recorded."""
    replay_latency_ms: int = Field(default=0, ge=0, le=60_000)
    """Added to each answer."""
    replay_past_hours: int = Field(default=0, ge=0, le=48)
    """Hours of the market's own past that are handed to the recorder once, over REDIS_URL. `dexwire
    up --demo` sets it, so that charts are full at once.
    """
