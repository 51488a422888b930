"""Alerts as the gateway keeps them: the newest of this epoch, for clients that missed some.

A copy of the store's `alerts:log` in memory (10,000 events, some 2 MB), so that a replay and the
registration for what follows are one step, without waiting in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from msgspec import UNSET

from dexwire.stream.topics import LEVELS
from shared.keys import ALERTS_MAX_ENTRIES
from shared.state.messages import Commit, decode_alert


@dataclass(frozen=True, slots=True)
class Event:
    """One alert of the commit that made version `v`."""

    v: int
    ident: str  # token id
    kind: str  # "price", "volume", "listed", "graduated"
    level: int  # 1-4; 1 of what has no level
    raw: bytes  # JSON


def event(v: int, raw: bytes) -> Event | None:
    """Decode an alert of a version; None for one that is not understood."""
    try:
        alert = decode_alert(raw)
    except ValueError:
        return None
    return Event(v, alert.id, alert.type, LEVELS[0] if alert.lvl is UNSET else alert.lvl, raw)


def events_of(commit: Commit) -> Iterator[Event]:
    """Yield a commit's alerts."""
    for raw in commit.ev:
        found = event(commit.v, bytes(raw))
        if found is not None:
            yield found


class AlertLog:
    """The newest events in order. Every one of a version after `floor` is here."""

    def __init__(self) -> None:
        self.floor = 0
        self.known = False  # whether what came before was read from the store
        self._begun = 0
        self._events: deque[Event] = deque()

    def begin(self, version: int) -> None:
        """Forget everything: the state was loaded at this version; 0 begins an epoch."""
        self._events.clear()
        self.floor = self._begun = version
        self.known = version == 0

    def load(self, events: Iterable[Event], floor: int) -> None:
        """Take what the store holds: all events after version `floor`."""
        before = [found for found in events if found.v <= self._begun]
        self._events.extendleft(reversed(before))
        self.floor, self.known = min(floor, self._begun), True
        self._trim()

    def give_up(self) -> None:
        """The store cannot say what came before: clients that ask for it get `lost`."""
        self.known = True

    def add(self, events: Iterable[Event]) -> None:
        """Take a commit's events."""
        self._events.extend(events)
        self._trim()

    def after(self, version: int) -> list[Event]:
        """Return the events after a version, in order."""
        found = list(takewhile(lambda event: event.v > version, reversed(self._events)))
        found.reverse()
        return found

    def _trim(self) -> None:
        while len(self._events) > ALERTS_MAX_ENTRIES:
            self.floor = self._events.popleft().v
