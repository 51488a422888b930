"""Why the gateway ends a connection, and what a client makes of it (docs/STREAM.md).

4000-4499: reconnect with jitter and resume. 4500-4999: do not retry unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Closing:
    """A close code and its reason."""

    code: int
    reason: str


UNSUPPORTED_DATA: Final = Closing(1003, "text messages only")
BAD_UTF8: Final = Closing(1007, "not UTF-8")
TOO_BIG: Final = Closing(1009, "message too big")
IDLE: Final = Closing(4000, "no subscription")
NO_PONG: Final = Closing(4001, "no pong")
DRAIN: Final = Closing(4002, "drain")
STALLED: Final = Closing(4003, "stalled")
TOO_FAST: Final = Closing(4004, "too many messages")
BAD_FRAMES: Final = Closing(4500, "too many bad messages")
BAD_SUBPROTOCOL: Final = Closing(4504, "unsupported protocol; speak discover.v1.json")
