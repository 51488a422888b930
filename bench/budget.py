"""How often the fetcher requests the shared call budget of Redis, per call that it makes.

Each fetcher has a limiter of its own before the budget (services/fetcher/http.py). The same load
runs with it and without it, side by side in one run: `python -m bench.budget`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import httpx

from dexwire.server.up.embedded import EmbeddedServer
from services.fetcher.budget import Budget
from services.fetcher.http import UpstreamResponse, Upstreams, _Deadline
from services.fetcher.source import Call, ParsedBody, Source
from shared.keys import Keys
from shared.redis.connect import open_redis

SECONDS: Final = 6.0
WAITING: Final = 16  # attempts at a time in each fetcher: lists, refreshes, retries
RATES: Final = {"live, 240 a minute": 240.0, "demo, 3000 a minute": 3_000.0}


class CountedBudget(Budget):
    """A budget that counts how often the script runs."""

    requests = 0

    async def take(self, host: str, rate_class: str, per_minute: float) -> tuple[float, bool]:
        self.requests += 1
        return await super().take(host, rate_class, per_minute)


class WithoutLimiter(Upstreams):
    """As it was: every attempt requests the shared budget by itself, again and again."""

    async def _in_turn(self, source: Source, call: Call, deadline: _Deadline) -> UpstreamResponse:
        while True:
            async with self._slots:
                wait_s, _ = await self._budget.take(
                    source.host, call.rate_class, source.rates[call.rate_class]
                )
                if not wait_s:
                    return await self._admitted(source, call, deadline)
            await asyncio.sleep(wait_s)


async def run(kind: type[Upstreams], url: str, prefix: str, rate: float, fetchers: int) -> str:
    """Return script runs per call, and calls made, of some fetchers that share one budget."""
    source = Source("bench", "http://bench.invalid", {"default": rate}, ())
    call = Call("/x", lambda _body, _at: ParsedBody())
    calls = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        headers = {"content-type": "application/json"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"[]"))

    budgets = []
    async with contextlib.AsyncExitStack() as stack:
        attempts = []
        for _ in range(fetchers):
            redis = await stack.enter_async_context(open_redis(url))
            client = await stack.enter_async_context(
                httpx.AsyncClient(transport=httpx.MockTransport(answer))
            )
            budgets.append(CountedBudget(redis, Keys(prefix)))
            upstreams = kind(client, budgets[-1], concurrency=8)
            attempts += [_calls(upstreams, source, call) for _ in range(WAITING)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*attempts), SECONDS)
    requests = sum(budget.requests for budget in budgets)
    return f"{requests / calls:6.2f} ({requests:5} for {calls:4} calls)"


async def _calls(upstreams: Upstreams, source: Source, call: Call) -> None:
    while True:
        await upstreams.get(source, call)


async def main() -> None:
    print(f"requests of the shared budget per call, {WAITING} attempts waiting in each fetcher")
    print(f"{'rate':22} {'fetchers':8} {'without limiter':32} with limiter")
    with EmbeddedServer() as server:
        for name, rate in RATES.items():
            for fetchers in (1, 3):
                cells = [
                    await run(kind, server.url, f"{kind.__name__}{time.time()}:", rate, fetchers)
                    for kind in (WithoutLimiter, Upstreams)
                ]
                print(f"{name:22} {fetchers:8} {cells[0]:32} {cells[1]}")


if __name__ == "__main__":
    asyncio.run(main())
