"""One log line a minute of what was done in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

MINUTE_S: Final = 60.0


class DeltaCounter:
    """What was added to totals since they were last looked at."""

    def __init__(self) -> None:
        self._before: Counter[str] = Counter()

    def last(self, **totals: float) -> dict[str, int]:
        """Return by how much each total has grown since the last call; at first all of it."""
        now = Counter({name: int(total) for name, total in totals.items()})
        grown = {name: now[name] - self._before[name] for name in totals}
        self._before = now
        return grown


async def every_minute(write: Callable[[], None], *, every_s: float = MINUTE_S) -> None:
    """Call `write` at the end of each minute; cancel it to end."""
    while True:
        await asyncio.sleep(every_s)
        write()
