"""What the fetcher is told by its environment.

What concerns one source only (its address, key, rates, intervals) is a `SourceSettings` class in
that source's own file, so that a new source needs no line here.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import ServiceSettings


def _check_http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must look like https://host/path")
    _ = parts.port  # raises ValueError when it is no port number
    return url.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_check_http_url)]


class FetcherSettings(ServiceSettings):
    """Settings of the fetcher as a whole."""

    # Outbound calls at one time, over all sources of this process.
    fetch_concurrency: PositiveInt = Field(default=5, le=64)
    # Multiplies every call rate and divides every interval: for the replayed market and benchmarks.
    # Never above 1 on the live sources: their limits are what the defaults keep below.
    fetch_rate_factor: float = Field(default=1.0, gt=0, le=1_000)
    fetch_proxy: HttpUrl | None = None  # an HTTP proxy for all upstream calls
    # Token ids that are refreshed; past that the ones that no list named for longest are dropped.
    fetch_known_max: PositiveInt = Field(default=50_000, le=1_000_000)


class SourceSettings(BaseSettings):
    """Settings that each source has, under the prefix that its own class sets."""

    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore")

    enabled: bool = True
    url: HttpUrl


Seconds = Annotated[PositiveFloat, Field(le=86_400)]
PerMinute = Annotated[PositiveFloat, Field(le=100_000)]
