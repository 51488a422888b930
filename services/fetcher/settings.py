"""What the fetcher reads from its environment.

What concerns one source only (its address, key, rates, intervals) is a `SourceSettings` class in
that source's own file, so that a new source needs no line here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import SettingsConfigDict

from shared.chains import canonical_chain, is_known_chain, similar_chain
from shared.process.secret_files import SecretsFromFiles
from shared.process.settings import ServiceSettings, Words


def _check_http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must look like https://host/path")
    _ = parts.port  # raises ValueError when it is no port number
    return url.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_check_http_url)]


def _check_backfill(wish: str) -> str:
    found = _BACKFILL.fullmatch(wish)
    if not found or not 1 <= int(found["top"] or 1) <= 1_000:
        raise ValueError("must be off, watched, or top:N with N from 1 to 1000")
    return wish


_BACKFILL: Final = re.compile(r"off|watched|top:(?P<top>[0-9]{1,4})")
Backfilled = Annotated[str, AfterValidator(_check_backfill)]
_KEY: Final = re.compile(r"([a-z][a-z0-9_-]{0,31})(?::polled)?(\.[!-+\--~]{32,256})")


class FetcherSettings(ServiceSettings):
    """Settings of the fetcher as a whole."""

    fetch_concurrency: PositiveInt = Field(default=5, le=64)
    """Outbound calls at one time, over all sources of this process."""
    fetch_rate_factor: float = Field(default=1.0, gt=0, le=1_000)
    """Multiplies every call rate and divides every interval, for a replayed market. Never above 1
    on the live sources: the defaults keep below their limits.
    """
    fetch_proxy: HttpUrl | None = None
    """An HTTP proxy for all upstream calls."""
    fetch_replay_url: HttpUrl | None = None
    """Address of a replayed market, which is requested in the place of every source that it stands
    in for; the other sources are off then.
    """
    history_backfill: Backfilled = "off"
    """Whose candles of the time before us are requested, on the calls that are left: off, watched,
    or top:N, which are the N by volume of 24 hours and the watched (1 to 1000).
    """
    record_traffic: Path | None = None
    """A new file to record the sources' traffic in, for `dexwire up --replay`; where it is there
    already, the next free name with a number. Unset: nothing is recorded.
    """
    record_minutes: float = Field(default=60, gt=0, le=10_080)
    """Minutes after which a recording ends."""
    record_max_bytes: int = Field(default=512 * 1024 * 1024, ge=1024 * 1024, le=1 << 36)
    """Size of its file, compressed, at which a recording ends."""
    play_traffic: Path | None = None
    """A recording that is played in the place of all calls. `dexwire up --replay` sets it."""
    play_speed: float = Field(default=1.0, ge=0.1, le=1_000)
    """How many times faster than it was recorded."""
    fetch_known_max: PositiveInt = Field(default=50_000, le=1_000_000)
    """Tokens that are refreshed; past that those that no list named for longest are dropped."""
    fetcher_delivery: Literal["pubsub", "ingest"] = "pubsub"
    """How readings reach the aggregator: published in Redis, or posted to the api's /ingest."""
    fetcher_api_url: HttpUrl = "http://127.0.0.1:8000"
    """The api to post to, with FETCHER_DELIVERY=ingest."""
    fetcher_api_key: SecretStr = Field(default=SecretStr(""), validate_default=True)
    """The key to post with: one of INGEST_API_KEYS with the right `polled`, as it stands there."""

    @field_validator("fetcher_api_key")
    @classmethod
    def _check_api_key(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        text = key.get_secret_value()
        if not text and info.data.get("fetcher_delivery") == "ingest":
            raise ValueError("FETCHER_DELIVERY=ingest needs a key, <id>:polled.<secret>")
        if text and (not _KEY.fullmatch(text) or ".sha256:" in text):
            raise ValueError("must be <id>:polled.<secret>, the secret of 32 to 256 characters")
        return key

    @property
    def backfill_top(self) -> int | None:
        """How many of the top-ranked tokens are back-filled; None: nothing is, not even watched."""
        if self.history_backfill == "off":
            return None
        return int(self.history_backfill.partition(":")[2] or 0)

    @property
    def bearer(self) -> str:
        """The key as it is presented: without its right."""
        return _KEY.sub(r"\1\2", self.fetcher_api_key.get_secret_value())


class SourceSettings(SecretsFromFiles):
    """Settings that each source has, under the prefix that its own class sets."""

    model_config = SettingsConfigDict(
        frozen=True, env_file=".env", extra="ignore", use_attribute_docstrings=True
    )

    enabled: bool = True
    """Whether this source is called at all."""
    url: HttpUrl
    """Where this source's API is."""


Seconds = Annotated[PositiveFloat, Field(le=86_400)]
PerMinute = Annotated[PositiveFloat, Field(le=100_000)]


def _check_chains(names: tuple[str, ...]) -> tuple[str, ...]:
    chains = [canonical_chain(name) for name in names]
    if None in chains:
        raise ValueError("must be chain names, separated by commas")
    return tuple(dict.fromkeys(chain for chain in chains if chain))


Chains = Annotated[Words, AfterValidator(_check_chains)]  # by our names or a source's own


def doubtful_chains(variable: str, chains: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence about each chain that may be new, or misspelt: only calls can show."""
    return tuple(_doubt(variable, chain) for chain in chains if not is_known_chain(chain))


def _doubt(variable: str, chain: str) -> str:
    similar = similar_chain(chain)
    hint = f"; did you mean {similar}?" if similar else ""
    return f"{variable}: {chain} is in no table of chains{hint}"
