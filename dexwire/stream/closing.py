"""Why a connection is closed, and what a client makes of it (docs/STREAM.md, "Closing codes")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dexwire.stream.messages import SUBPROTOCOL

FIRST_PRIVATE: Final = 4000  # 4000-4499: reconnect with jitter and resume
FIRST_FINAL: Final = 4500  # 4500-4999: do not retry unchanged
LAST: Final = 4999


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
OVERLOADED: Final = Closing(4005, "overloaded")  # this one and the next two: reserved
UNAUTHORISED: Final = Closing(4501, "unauthorised")
OVER_LIMIT: Final = Closing(4503, "limit")
BAD_FRAMES: Final = Closing(4500, "too many bad messages")
BAD_SUBPROTOCOL: Final = Closing(4504, f"unsupported protocol; speak {SUBPROTOCOL}")

PRIVATE: Final = (
    IDLE, NO_PONG, DRAIN, STALLED, TOO_FAST, OVERLOADED,
    BAD_FRAMES, UNAUTHORISED, OVER_LIMIT, BAD_SUBPROTOCOL,
)  # fmt: skip


def is_final(code: int) -> bool:
    """Return whether a close code says that repeating the same is pointless."""
    return FIRST_FINAL <= code <= LAST
