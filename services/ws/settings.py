"""What the stream gateway is told by its environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.settings import Origins, ServiceSettings, Words

Seconds = Annotated[float, Field(gt=0, le=3600)]


class WsSettings(ServiceSettings):
    """Settings of the stream gateway."""

    ws_host: str = "127.0.0.1"
    ws_port: int = Field(default=8001, ge=0, le=65_535)  # 0: any free one, told in the log
    # Browsers always send an Origin; a client without one is none.
    ws_origins: Origins = ("http://127.0.0.1:8000", "http://localhost:8000")
    ws_require_origin: bool = False
    ws_max_connections: int = Field(default=20_000, ge=1, le=1_000_000)
    max_conns_per_address: int = Field(default=20, ge=1, le=1_000_000)
    # Addresses whose X-Forwarded-For names the client.
    trusted_proxies: Words = ()
    ws_compression: bool = True  # permessage-deflate, where a client offers it
    ws_handshake_s: Seconds = 5.0
    ws_subscribe_s: Seconds = 10.0  # to the first subscription
    ws_ping_s: Seconds = 20.0
    ws_pong_s: Seconds = 10.0
    ws_stall_s: Seconds = 30.0  # without one byte drained
    # Closing everyone on SIGTERM is spread over so long; the whole stop has 15 s.
    ws_drain_s: float = Field(default=10.0, ge=0, le=10)
