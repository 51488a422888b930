"""Bounds on one connection: how fast it may talk, how long it may be silent or stuck."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from dexwire.stream.closing import IDLE, NO_PONG, STALLED, Closing
from dexwire.stream.limits import IN_BURST, IN_PER_S
from shared.edge.rates import take

UNSENT_HIGH: Final = 64 * 1024  # unsent bytes above which nothing more is written
UNSENT_LOW: Final = 16 * 1024  # unsent bytes below which writing goes on


class Rate:
    """How many messages a client may still send: IN_PER_S, IN_BURST at once."""

    __slots__ = ("_whole_s",)

    def __init__(self) -> None:
        self._whole_s = 0.0

    def allows(self, now_s: float) -> bool:
        """Take one message; False when there were too many."""
        self._whole_s, wait_s = take(self._whole_s, now_s, per_s=IN_PER_S, burst=IN_BURST)
        return not wait_s


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a client, in seconds."""

    subscribe_s: float = 10.0
    ping_s: float = 20.0
    pong_s: float = 10.0
    stall_s: float = 30.0


@dataclass(slots=True)
class Pulse:
    """Whether one connection is alive. Checked about once a second; times are of any one clock."""

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
