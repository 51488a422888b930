"""Finished answers by state."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from services.api.live import Stamp

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Of one version: the first pages that people look at. A page is at most some 90 KB.
ENTRIES_MAX: Final = 256


class VersionCache(Generic[K, V]):
    """Answers of the newest version only: a commit makes all earlier ones worthless."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._max = entries_max
        self._stamp: Stamp | None = None
        self._entries: dict[K, V] = {}

    def get(self, stamp: Stamp | None, key: K) -> V | None:
        """Return what was put for this state; `None` as a stamp finds nothing."""
        if stamp is None:
            return None
        if stamp != self._stamp:
            self._stamp, self._entries = stamp, {}
        return self._entries.get(key)

    def put(self, key: K, value: V, *, requested_at: Stamp | None, read_at: Stamp) -> None:
        """Keep an answer of state `read_at` that was requested at state `requested_at`.

        A newer one serves that state too: the copy is a moment behind the store.
        """
        if self._stamp is None or self._stamp not in (requested_at, read_at):
            return
        if len(self._entries) >= self._max:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value
