"""What a connection must keep to, whatever the library does."""

from __future__ import annotations

import asyncio

from shared.redis.connect import open_redis


async def test_a_cancellation_is_never_lost_in_a_command(redis_url: str) -> None:
    """On Python 3.11 a third of these tasks ran on with the library's own connection."""
    for turns in range(60):
        client = open_redis(redis_url)
        task = asyncio.create_task(_ping_for_ever(client))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        _, running = await asyncio.wait({task}, timeout=1)
        assert not running, f"runs on after a cancellation {turns} turns of the loop in"
        await client.aclose()


async def _ping_for_ever(client: object) -> None:
    while True:
        await client.ping()  # type: ignore[attr-defined] # its stubs differ by protocol version
