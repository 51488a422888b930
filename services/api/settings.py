"""What the api is told by its environment."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from services.api.producers import Producer, parse_producers
from shared.merge_settings import MergeSettings
from shared.settings import Origins


def _check_stream(url: str) -> str:
    parts = urlsplit(f"//host{url}" if url.startswith(":") else url)
    absolute = parts.scheme in {"ws", "wss"} and bool(parts.hostname)
    relative = not parts.scheme and parts.path.startswith("/") and not url.startswith("//")
    try:
        usable = (absolute or relative) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not _STREAM.match(url):
        raise ValueError("must be wss://host/ws, /ws (same host and port) or :8001/ws (same host)")
    return url


_STREAM: Final = re.compile(r"\A[A-Za-z0-9:/._\[\]-]+\Z")  # it is written into a header
StreamUrl = Annotated[str, AfterValidator(_check_stream)]


class ApiSettings(MergeSettings):
    """Settings of the HTTP API."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65_535)  # 0: any free one
    api_origins: Origins = ()  # browsers of other origins that may read; none by default
    # Where browsers reach the stream: wss://host/ws, /ws behind one proxy, :8001/ws on this host.
    ws_public_url: StreamUrl = ":8001/ws"
    # Comma list of <id>.<secret> or <id>.sha256:<hex of sha256(secret)>; an id may have two keys.
    # None at all: only this machine may post, without a key (development).
    ingest_api_keys: SecretStr = SecretStr("")
    ingest_rate: float = Field(default=50.0, gt=0, le=1e6)  # posts a second, per producer
    ingest_burst: int = Field(default=100, ge=1, le=10**6)  # posts at once after a pause
    # Signs cursors; without it the replicas share a random one through Redis.
    cursor_secret: SecretStr | None = Field(default=None, min_length=32)
    api_max_inflight: int = Field(default=512, ge=1, le=65_536)  # requests at one time
    api_max_ack_waits: int = Field(default=256, ge=1, le=65_536)  # of them, waiting for a commit
    api_drain_grace_s: float = Field(default=2.0, ge=0, le=10)  # /readyz says 503, work goes on

    @field_validator("ingest_api_keys")
    @classmethod
    def _check_keys(cls, keys: SecretStr) -> SecretStr:
        parse_producers(keys.get_secret_value())
        return keys

    def producers(self) -> tuple[Producer, ...]:
        """Return the keys that may post."""
        return parse_producers(self.ingest_api_keys.get_secret_value())
