"""A little of everything that users do, so that no panel is empty for want of users."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from typing import Final

import httpx
import websockets

from dexwire.runfile import Running

READERS: Final = 15  # of one address; 20 are let in
_TOPICS: Final = ("all", "list:volume:24h:desc:*:50", "chain:solana", "alerts")
_PATHS: Final = (
    "/discover", "/discover?limit=50", "/discover?chain=solana&sort=liquidity", "/search?q=usd",
    "/health", "/discover?sort=newest", "/tokens/solana/nobody", "/nowhere",
)  # fmt: skip


async def load(running: Running, seconds: float) -> None:
    """Read pages and streams and post readings for so long."""
    async with httpx.AsyncClient(base_url=running.api, timeout=5) as client:
        work = [_read_pages(client) for _ in range(3)] + [_post(client), _come_and_go(running)]
        work += [_listen(running, _TOPICS[n % len(_TOPICS)]) for n in range(READERS)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for each in work:
                    tasks.create_task(each)


async def _read_pages(client: httpx.AsyncClient) -> None:
    while True:
        await client.get(random.choice(_PATHS))
        await asyncio.sleep(0.05)


async def _post(client: httpx.AsyncClient) -> None:
    for number in itertools.count():
        token = {"token_address": f"Shown{number % 50:03}" + "1" * 32, "price": 1 + number % 7}
        body = {"source": "show", "tokens": [token, {"token_address": ""}]}
        await client.post("/ingest?ack=commit", json=body)
        await asyncio.sleep(0.5)


async def _come_and_go(running: Running) -> None:
    """Connections that end, and some that are refused."""
    while True:
        async with websockets.connect(f"{running.ws}/ws?topics=all", max_size=None) as stream:
            await stream.recv()
        with contextlib.suppress(websockets.InvalidStatus):
            foreign = websockets.Origin("https://elsewhere.example")
            async with websockets.connect(f"{running.ws}/ws", origin=foreign):
                pass
        await asyncio.sleep(2)


async def _listen(running: Running, topic: str) -> None:
    async with websockets.connect(f"{running.ws}/ws?topics={topic}", max_size=None) as stream:
        async for _ in stream:
            pass
