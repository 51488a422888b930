"""Steps that are repeated until an event; each step can be called alone."""

from __future__ import annotations

import asyncio
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
    """Call a step, each time after a pause, until the event; what it raises ends the loop."""
    while not await wait(until, every_s):
        await step()
