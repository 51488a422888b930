"""When to stop asking a host that fails, and when to ask again. Pure; times are of one clock.

Closed, every call is made. Half of at least 20 attempts within 10 s failing opens it: no call
is made for 5 s. Then one attempt decides, alone: an answer closes it, a failure opens it again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

WINDOW_S: Final = 10.0
LEAST: Final = 20  # attempts in the window, below which nothing is concluded
FAILING: Final = 0.5  # of them
REST_S: Final = 5.0
TRIAL_S: Final = 30.0  # an attempt that was let in and never finished

State = Literal["closed", "open", "trial"]


@dataclass(slots=True)
class Breaker:
    """The circuit to one host."""

    opened: int = 0  # times
    _outcomes: deque[tuple[float, bool]] = field(default_factory=deque)
    _failed: int = 0  # of them
    _rests_until: float | None = None  # while it is not closed: when the next attempt may be made

    def state(self, now_s: float) -> State:
        """Return "open" while no call may be made, "trial" when one attempt would be let in."""
        if self._rests_until is None:
            return "closed"
        return "open" if now_s < self._rests_until else "trial"

    def admits(self, now_s: float) -> bool:
        """Return whether an attempt may be made; with True it counts as being made."""
        state = self.state(now_s)
        if state == "trial":
            self._rests_until = now_s + TRIAL_S  # no other until this one has ended
        return state != "open"

    def note(self, now_s: float, *, ok: bool) -> None:
        """Take the outcome of an attempt: whether the host answered at all."""
        if self._rests_until is not None:
            if ok:
                self._rests_until = None
            else:
                self._open(now_s)
            return
        self._outcomes.append((now_s, ok))
        self._failed += not ok
        while self._outcomes[0][0] <= now_s - WINDOW_S:
            self._failed -= not self._outcomes.popleft()[1]
        if len(self._outcomes) >= LEAST and self._failed >= FAILING * len(self._outcomes):
            self._open(now_s)

    def _open(self, now_s: float) -> None:
        self._rests_until = now_s + REST_S
        self.opened += 1
        self._outcomes.clear()
        self._failed = 0
