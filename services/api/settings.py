"""What the api reads from its environment."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from services.api.ingest.keyless import is_loopback
from services.api.ingest.producers import Producer, parse_producers
from shared.history.settings import HistorySettings
from shared.process.merge_settings import MergeSettings
from shared.process.settings import EdgeSettings, HostName, ImagesModeSettings, Origins

FINISH_S: Final = 10  # what a request under way may still take once the end was requested
_CLOSE_S: Final = 2.0  # for all that follows


def _check_stream(url: str) -> str:
    if not _is_place(url, {"ws", "wss"}):
        raise ValueError("must be wss://host/ws, /ws (same host and port) or :8001/ws (same host)")
    return url


def _check_images(url: str) -> str:
    if not _is_place(url, {"http", "https"}) or url.endswith("/"):
        raise ValueError(
            "must be https://host/images, /images (same host and port) or :8002/images (same host)"
        )
    return url


def _is_place(url: str, schemes: set[str]) -> bool:
    """Return whether this is an absolute address, or a path of the page's own host."""
    parts = urlsplit(f"//host{url}" if url.startswith(":") else url)
    absolute = parts.scheme in schemes and bool(parts.hostname)
    relative = not parts.scheme and parts.path.startswith("/") and not url.startswith("//")
    try:
        usable = (absolute or relative) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    return usable and _PLACE.match(url) is not None


_PLACE: Final = re.compile(r"\A[A-Za-z0-9:/._\[\]-]+\Z")  # it is written into a header
Seconds = Annotated[float, Field(gt=0, le=3600)]
StreamUrl = Annotated[str, AfterValidator(_check_stream)]
ImagesUrl = Annotated[str, AfterValidator(_check_images)]


class ApiSettings(MergeSettings, EdgeSettings, ImagesModeSettings, HistorySettings):
    """Settings of the HTTP API."""

    api_host: HostName = "127.0.0.1"
    """Address on which the api listens."""
    api_port: int = Field(default=8000, ge=0, le=65_535)
    """Port on which the api listens. 0: any free one."""
    api_origins: Origins = ()
    """Browsers of these other origins may read. Empty: none."""
    ws_public_url: StreamUrl = ":8001/ws"
    """Where browsers reach the stream: wss://host/ws, /ws behind a proxy, :8001/ws on this host."""
    images_public_url: ImagesUrl = ":8002/images"
    """Where browsers get images: https://host/images, /images behind a proxy, :8002/images on this
    host.
    """
    ingest_api_keys: SecretStr = SecretStr("")
    """Who may post: <id>.<secret> or <id>.sha256:<hex of sha256(secret)>; an id may have two keys.
    <id>:polled.<secret> is a fetcher's (FETCHER_API_KEY). Without any other key see
    INGEST_WITHOUT_KEYS.
    """
    ingest_without_keys: Literal["local", "off"] = "local"
    """Who may post while INGEST_API_KEYS has no producer's key. local: programs of this machine, to
    localhost and not through a proxy, while API_HOST is a loopback address. off: nobody.
    """
    ingest_rate: float = Field(default=50.0, gt=0, le=1e6)
    """Posts a second that one producer may make."""
    ingest_burst: int = Field(default=100, ge=1, le=10**6)
    """Posts that one producer may make at once after a pause."""
    cursor_secret: SecretStr | None = Field(default=None, min_length=32)
    """Signs cursors. Unset: the replicas share a random one through Redis."""
    api_rate: float = Field(default=50.0, ge=0, le=1e6)
    """Requests a second that one client address may make of one replica; faster ones get 429.
    Posts count only when they are refused for their key. 0: any.
    """
    api_burst: int = Field(default=200, ge=1, le=10**6)
    """Requests that one client address may make at once after a pause."""
    api_cost_pct: float = Field(default=5.0, ge=0, le=100)
    """Share of a processor that one client address may use of one replica for searches, filtered
    lists and walks that are not cached, and for the history; more gets 429. 0: any.
    """
    api_max_connections: int = Field(default=10_000, ge=1, le=1_000_000)
    """Connections at one time; further ones get 503."""
    api_conns_per_address: int = Field(default=256, ge=0, le=1_000_000)
    """Of them, those of one peer that is no trusted proxy; further ones get 429. 0: any."""
    api_walks_per_address: int = Field(default=16, ge=0, le=64)
    """Of the 64 walks that are kept, those that one client address may have under way with one
    replica; further ones get 429. 0: any.
    """
    api_header_s: Seconds = 5.0
    """A connection that has not sent a whole header for so long is closed."""
    api_stall_s: Seconds = 20.0
    """A client that does not read its answer for so long is closed."""
    api_max_inflight: int = Field(default=512, ge=1, le=65_536)
    """Requests at one time; further ones get 503."""
    api_max_ack_waits: int = Field(default=256, ge=1, le=65_536)
    """Of them, those that wait for a commit (ack=commit)."""
    api_drain_grace_s: float = Field(default=2.0, ge=0, le=10)
    """When stopping, /readyz says 503 for so long while work goes on."""

    @field_validator("ingest_api_keys")
    @classmethod
    def _check_keys(cls, keys: SecretStr) -> SecretStr:
        parse_producers(keys.get_secret_value())
        return keys

    @property
    def drain_s(self) -> float:
        """How long the service may take to end once it was signalled to."""
        return self.api_drain_grace_s + FINISH_S + _CLOSE_S

    @property
    def local_posts(self) -> bool:
        """Whether programs of this machine may post without a key."""
        return self.ingest_without_keys == "local" and is_loopback(self.api_host)

    @property
    def images_url(self) -> str | None:
        """Where browsers get images; None when they are off."""
        return None if self.images_mode == "off" else self.images_public_url

    def producers(self) -> tuple[Producer, ...]:
        """Return the keys that may post."""
        return parse_producers(self.ingest_api_keys.get_secret_value())
