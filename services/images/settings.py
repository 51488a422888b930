"""What the image service reads from its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from shared.process.settings import EdgeSettings, HostName, ImagesModeSettings

FINISH_S: Final = 8  # what a request under way may still take once the end was requested
_CLOSE_S: Final = 2.0  # for all that follows
_MIB: Final = 1024 * 1024


def _check_proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must look like http://host:port")
    _ = parts.port  # raises ValueError when it is no port number
    return url.rstrip("/")


Seconds = Annotated[float, Field(gt=0, le=3600)]
ProxyUrl = Annotated[str, AfterValidator(_check_proxy)]


class ImagesSettings(EdgeSettings, ImagesModeSettings):
    """Settings of the image service."""

    images_host: HostName = "127.0.0.1"
    """Address on which the image service listens."""
    images_port: int = Field(default=8002, ge=0, le=65_535)
    """Port on which the image service listens. 0: any free one."""
    images_dir: Path | None = None
    """Folder of the images that were fetched. Unset: dexwire/images in the user's cache folder
    (XDG_CACHE_HOME, else ~/.cache).
    """
    images_max_bytes: int = Field(default=256 * _MIB, ge=_MIB, le=1 << 40)
    """The most that the folder may hold; images that were not requested for longest go first."""
    images_keep_hours: float = Field(default=168.0, gt=0, le=8_760)
    """An older image is served and fetched again."""
    images_retry_s: float = Field(default=300.0, gt=0, le=86_400)
    """An address that gave no image is fetched again after so long."""
    images_fetch_bytes: int = Field(default=5 * _MIB, ge=1_024, le=64 * _MIB)
    """The most that one image may have before it is made small, compressed or not."""
    images_fetch_s: Seconds = 8.0
    """The longest that one fetch may take, redirects included."""
    images_connect_s: Seconds = 3.0
    """The longest that one connection of it may take."""
    images_fetches: int = Field(default=16, ge=1, le=256)
    """Fetches at one time."""
    images_fetches_per_host: int = Field(default=4, ge=1, le=256)
    """Of them, those from one host."""
    images_proxy: ProxyUrl | None = None
    """An HTTP proxy for all fetches. It resolves the names: it must refuse private addresses."""
    images_workers: int = Field(default=2, ge=1, le=32)
    """Processes that decode images, each one image at a time."""
    images_rate: float = Field(default=100.0, ge=0, le=1e6)
    """Requests a second that one client address may make of one replica; faster ones get 429.
    0: any.
    """
    images_burst: int = Field(default=600, ge=1, le=10**6)
    """Requests that one client address may make at once after a pause."""
    images_max_connections: int = Field(default=10_000, ge=1, le=1_000_000)
    """Connections at one time; further ones get 503."""
    images_conns_per_address: int = Field(default=256, ge=0, le=1_000_000)
    """Of them, those of one peer that is no trusted proxy; further ones get 429. 0: any."""
    images_header_s: Seconds = 5.0
    """A connection that has not sent a whole header for so long is closed."""
    images_stall_s: Seconds = 20.0
    """A client that does not read its answer for so long is closed."""
    images_max_inflight: int = Field(default=1_024, ge=1, le=65_536)
    """Requests at one time; further ones get 503."""
    images_drain_grace_s: float = Field(default=2.0, ge=0, le=10)
    """When stopping, /readyz says 503 for so long while work goes on."""

    @property
    def drain_s(self) -> float:
        """How long the service may take to end once it was signalled to."""
        return self.images_drain_grace_s + FINISH_S + _CLOSE_S


def folder_of(settings: ImagesSettings) -> Path | None:
    """Return where fetched images are kept; None: in memory, as those that are drawn."""
    if settings.images_mode != "fetch":
        return None
    if settings.images_dir is not None:
        return settings.images_dir
    cache = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return base / "dexwire" / "images"
