"""What a standby missed of the readings: read from the store, in case the store is lost later."""

from __future__ import annotations

import time
from typing import Final

from services.aggregator.memory import Memory
from shared.state.store import Store

# A producer waits 2 s for its commit: what was published before a gap ended, and is acknowledged,
# is stored by then.
_SETTLED_S: Final = 3.0
_CHUNK: Final = 500  # tokens a step, some 10 ms


class Recall:
    """Makes a standby's memory whole after messages may have been missed.

    A takeover does not need it: each term reads what is stored (`Verified`). But a lost store is
    written again from one memory, and a standby that was just started or cut off has received
    only what came since.
    """

    def __init__(self, store: Store, memory: Memory) -> None:
        self._store, self._memory = store, memory
        self._due_s: float | None = None  # monotonic; None: nothing was missed
        self._unread: list[str] | None = None  # token ids; None: not listed yet

    def missed(self) -> None:
        """Messages may have been missed until now."""
        self._due_s, self._unread = time.monotonic() + _SETTLED_S, None

    async def step(self) -> None:
        """Read some of what is stored, if there is a reason to."""
        due_s = self._due_s
        if due_s is None or time.monotonic() < due_s:
            return
        if self._unread is None:
            self._unread = await self._store.token_ids()
        part, rest = self._unread[:_CHUNK], self._unread[_CHUNK:]
        stored = await self._store.readings(part)
        if self._due_s != due_s:  # more was missed meanwhile
            return
        for token, readings in stored.items():
            self._memory.merge_stored(token, readings)
        self._unread = rest
        if not rest:
            self._due_s = self._unread = None
