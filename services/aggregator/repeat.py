"""Steps that are repeated until an event; each step can be called alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def wait(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event at most so long; return whether it came."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def repeat(
    step: Callable[[], Awaitable[object]], every_s: float, until: asyncio.Event
) -> None:
    """Call a step every so many seconds until the event; what it raises ends the loop.

    A step that takes longer is followed by the next at once.
    """
    pause_s = every_s
    while not await wait(until, pause_s):
        started_s = time.monotonic()
        await step()
        pause_s = max(0.0, every_s - (time.monotonic() - started_s))
