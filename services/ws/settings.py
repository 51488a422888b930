"""What the stream gateway reads from its environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.process.settings import EdgeSettings, HostName, Origins, WindowSettings

Seconds = Annotated[float, Field(gt=0, le=3600)]


class WsSettings(EdgeSettings, WindowSettings):
    """Settings of the stream gateway."""

    ws_host: HostName = "127.0.0.1"
    """Address on which the gateway listens."""
    ws_port: int = Field(default=8001, ge=0, le=65_535)
    """Port on which the gateway listens. 0: any free one, written to the log."""
    ws_origins: Origins = ("http://127.0.0.1:8000", "http://localhost:8000")
    """Browsers of these origins may open a stream; a client without an Origin is no browser."""
    ws_require_origin: bool = False
    """Refuse clients that send no Origin."""
    ws_max_connections: int = Field(default=20_000, ge=1, le=1_000_000)
    """Connections at one time; further ones get 503 before the upgrade."""
    max_conns_per_address: int = Field(default=20, ge=1, le=1_000_000)
    """Connections of one client address at one time; further ones get 429 before the upgrade."""
    ws_handshake_rate: float = Field(default=5.0, ge=0, le=1e6)
    """Connections a second that one client address may open; faster ones get 429. 0: any."""
    ws_handshake_burst: int = Field(default=20, ge=1, le=10**6)
    """Connections that one client address may open at once after a pause."""
    ws_snapshot_rate: float = Field(default=2.0, ge=0, le=1e6)
    """Snapshots of all tokens, or of a chain, that one client address may begin a second; further
    subscriptions get the error `busy`. 0: any.
    """
    ws_snapshot_burst: int = Field(default=100, ge=1, le=10**6)
    """Such snapshots that one client address may begin at once after a pause."""
    ws_compression: bool = True
    """permessage-deflate, where a client offers it."""
    ws_handshake_s: Seconds = 5.0
    """A handshake that takes longer is cut."""
    ws_subscribe_s: Seconds = 10.0
    """A client that subscribes to nothing for so long is closed."""
    ws_ping_s: Seconds = 20.0
    """How often clients are pinged."""
    ws_pong_s: Seconds = 10.0
    """A client that does not answer a ping for so long is closed."""
    ws_stall_s: Seconds = 30.0
    """A client that reads nothing for so long is closed."""
    ws_drain_s: float = Field(default=10.0, ge=0, le=10)
    """When stopping, connections are closed over so long; the whole stop has 15 s."""
