"""The settings of `dexwire up`, read once. Services read their own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from shared.history.settings import HistorySettings
from shared.process.settings import HostName, ImagesModeSettings

DEMO_PREFIX = "demo:"
DEMO_REPLAY_PORT = 8010
IMAGES_PORT = 8002


class UpSettings(ImagesModeSettings, HistorySettings):
    """What the supervisor decides; a port of 0 means any free one."""

    api_host: HostName = "127.0.0.1"
    """Address on which the api listens."""
    api_port: int = Field(default=8000, ge=0, le=65535)
    """Port on which the api listens. 0: any free one."""
    ws_host: HostName = "127.0.0.1"
    """Address on which the gateway listens."""
    ws_port: int = Field(default=8001, ge=0, le=65535)
    """Port on which the gateway listens. 0: any free one."""
    ws_origins: str | None = None
    """Unset: the api's own addresses; else the gateway reads it."""
    ws_public_url: str | None = None
    """Unset: the stream's port on the page's own host; else the api reads it."""
    images_host: HostName = "127.0.0.1"
    """Address on which the image service listens."""
    images_port: int | None = Field(default=None, ge=0, le=65535)
    """Port on which the image service listens. Unset: 8002, else a free one."""
    images_public_url: str | None = None
    """Unset: the images' port on the page's own host; else the api reads it."""
    replay_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of the replayed market. Unset: 8010, else a free one."""
    replay_tokens: int | None = Field(default=None, ge=1, le=20_000)
    """Tokens of the replayed market. Unset: only the recorded ones."""
    replay_file: Path | None = None
    """A recording (`dexwire record`) that is played in the place of the live sources."""
    replay_speed: float = Field(default=1.0, ge=0.1, le=1_000)
    """How many times faster than it was recorded."""
    fetch_rate_factor: float | None = None
    """Unset: in a demo, what the size of its market needs; else the fetcher's own."""
    fetcher_delivery: Literal["pubsub", "ingest"] = "pubsub"
    """With `ingest` the fetcher gets the api's address, and a key of its own unless it has one."""
    fetcher_api_url: str | None = None
    """Unset: the api's own address; else the fetcher reads it."""
    fetcher_api_key: SecretStr = SecretStr("")
    """Empty: one is made that lives as long as this run; else the fetcher reads it."""
    ingest_api_keys: SecretStr = SecretStr("")
    """The api reads it; a key that was made for the fetcher is added."""
    data_dir: Path | None = None
    """Folder of the embedded server's data. Unset: it forgets everything at its end."""

    @property
    def prefix(self) -> str:
        """The key prefix of all services.

        A replayed market never mixes with a live one: on a server that was given, where both may
        have been meant, the demo has a prefix of its own unless one was named.
        """
        if self.demo and self.redis_url and not self.redis_prefix:
            return DEMO_PREFIX
        return self.redis_prefix
