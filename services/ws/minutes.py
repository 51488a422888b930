"""What the gateway wrote in the last minute, as one log line."""

from __future__ import annotations

from services.ws.gateway import Gateway
from shared.process.logs import get_logger
from shared.process.minutes import DeltaCounter

log = get_logger(__name__)


class StreamMinutes:
    """Writes the line; counts are of this process."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._since = DeltaCounter()

    def write(self) -> None:
        """Write who is connected and what was written to them."""
        counts = self._gateway.hub.counts
        grown = self._since.last(
            opened=counts.opened,
            refused=counts.refused.total(),
            messages=counts.writes + counts.joined,
            written_bytes=counts.written_bytes,
        )
        log.info(
            "clients_served", clients=len(self._gateway.connections), opened=grown["opened"],
            refused=grown["refused"], messages=grown["messages"], bytes=grown["written_bytes"],
            slow=counts.paused,
        )  # fmt: skip
