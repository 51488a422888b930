"""Bounds on one connection: how fast it may talk, how long it may be silent or stuck."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Final

from services.ws.core.closing import IDLE, NO_PONG, STALLED, Closing

IN_BYTES: Final = 16 * 1024  # of one inbound message
IN_PER_S: Final = 10
IN_BURST: Final = 30
TOPICS: Final = 64  # of one connection
IDS: Final = 500  # of a watchlist
UNSENT_HIGH: Final = 64 * 1024  # unsent bytes above which nothing more is written
UNSENT_LOW: Final = 16 * 1024  # unsent bytes below which writing goes on


class Rate:
    """A token bucket of IN_BURST, refilled at IN_PER_S."""

    __slots__ = ("_at_s", "_left")

    def __init__(self, now_s: float) -> None:
        self._left = float(IN_BURST)
        self._at_s = now_s

    def allows(self, now_s: float) -> bool:
        """Take one message; False when there were too many."""
        self._left = min(IN_BURST, self._left + (now_s - self._at_s) * IN_PER_S)
        self._at_s = now_s
        self._left -= 1
        return self._left > -1e-6  # tenths of a second do not add up exactly


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a client, in seconds."""

    subscribe_s: float = 10.0
    ping_s: float = 20.0
    pong_s: float = 10.0
    stall_s: float = 30.0


@dataclass(slots=True)
class Pulse:
    """Whether one connection is alive. Asked about once a second; times are of any one clock."""

    patience: Patience
    opened_s: float
    subscribed: bool = False
    _ping_s: float = field(init=False)  # when the last ping was sent, or is due to be counted from
    _unanswered: bool = False
    _drained: int = 0
    _drained_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._ping_s = self._drained_s = self.opened_s

    def pong(self) -> None:
        """Note that the client answered."""
        self._unanswered = False

    def verdict(self, now_s: float, *, drained: int, unsent: int, paused: bool) -> Closing | None:
        """Return why the connection has to go, if it has to.

        `drained` counts the bytes that left for good, `unsent` those that are waiting. While so
        much is unsent that writing is paused, a ping would wait behind it, so that only the stall
        counts; a pong would prove nothing about reading anyway.
        """
        if unsent == 0 or drained != self._drained:
            self._drained, self._drained_s = drained, now_s
        elif now_s - self._drained_s >= self.patience.stall_s:
            return STALLED
        if not self.subscribed and now_s - self.opened_s >= self.patience.subscribe_s:
            return IDLE
        if paused:
            self._ping_s, self._unanswered = now_s, False
        elif self._unanswered and now_s - self._ping_s >= self.patience.pong_s:
            return NO_PONG
        return None

    def ping_due(self, now_s: float) -> bool:
        """Return whether to send a ping now; it is taken as sent."""
        if self._unanswered or now_s - self._ping_s < self.patience.ping_s:
            return False
        self._ping_s, self._unanswered = now_s, True
        return True


def client_address(peer: str, forwarded: str | None, trusted: frozenset[str]) -> str:
    """Return the address that the connection cap counts: IPv4 whole, IPv6 by its /64.

    `forwarded` is X-Forwarded-For. It is believed only from trusted proxies, and only as far back
    as they wrote it: the nearest address that is not one of them.
    """
    hops = [part.strip() for part in (forwarded or "").split(",") if part.strip()]
    address = peer
    while address in trusted and hops:
        address = hops.pop()
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return peer
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
