"""What being measured costs: the api's cached page and the gateway's fan-out, with and without.

    python bench/metrics.py

Best of many short runs in one process, no sockets: `answer` is everything that the api does for a
page of its cache between the server's call and its last `send`; `write` is what the gateway does
for one connection and commit, up to the transport. "Library" is prometheus-client's own histogram.
"""

from __future__ import annotations

import asyncio
import time
import timeit
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as LibraryHistogram

from services.api.counts import ApiCounts
from services.ws.core.counts import GatewayCounts
from shared.edge.http.answer import TaggedAnswer
from shared.edge.http.counts import Routes
from shared.process.measure import REQUEST_S, Histogram

ROUNDS, CALLS = 1_000, 200


def best_us(work: Callable[[], object]) -> float:
    """Microseconds a call."""
    return min(timeit.repeat(work, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def api_answer() -> tuple[float, float]:
    """(without, with) of a cached page: its headers looked through, its two messages sent."""
    page = TaggedAnswer(b"x" * 20_000, b'W/"1"')
    headers = [(b"host", b"x"), (b"accept", b"*/*"), (b"user-agent", b"bench")]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/discover"}
    scope["headers"] = headers
    counts = ApiCounts(routes=Routes(["/discover", "/tokens/{chain}/{address}"]))

    async def send(_message: Any) -> None:  # noqa: ANN401 - ASGI's
        pass

    async def receive() -> Any:  # noqa: ANN401 - ASGI's
        return None

    async def plain() -> None:
        await page.for_request(scope)(scope, receive, send)

    async def measured() -> None:
        started = time.perf_counter()
        answer = page.for_request(scope)
        await answer(scope, receive, send)
        counts.answered(scope["path"], answer.status_code, time.perf_counter() - started)

    def drive(work: Callable[[], Any]) -> float:
        def once() -> None:
            try:
                work().send(None)
            except StopIteration:
                return

        return best_us(once)

    return drive(plain), drive(measured)


class Transport:
    """Takes bytes and keeps none."""

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        pass


class Writer:
    """A connection's way out, before and after it counted its writes."""

    def __init__(self) -> None:
        self.transport, self.counts = Transport(), GatewayCounts()
        self.written = self.writes = 0
        self.plain_frames = (b"x" * 2_000,)
        self.frames = ((b"x" * 2_000,), 1)

    def plain(self) -> None:
        frames = self.plain_frames
        if not self.transport.is_closing():
            self.written += len(frames[0])
            self.transport.write(frames[0])

    def counting(self) -> None:
        frames, joined = self.frames
        self.counts.joined += joined
        if not self.transport.is_closing():
            self.writes += 1
            self.written += len(frames[0])
            self.transport.write(frames[0])


async def main() -> None:
    ours = Histogram(REQUEST_S)
    library = LibraryHistogram("x", "x", buckets=REQUEST_S, registry=CollectorRegistry())
    print(f"one value, library   {best_us(lambda: library.observe(0.003)):6.3f} us")
    print(f"one value, ours      {best_us(lambda: ours.observe(0.003)):6.3f} us")
    plain, measured = api_answer()
    print(f"api, cached answer   {plain:6.3f} us, measured {measured:6.3f} us")
    writer = Writer()
    before, after = best_us(writer.plain), best_us(writer.counting)
    print(f"ws, one write        {before:6.3f} us, counted  {after:6.3f} us")


if __name__ == "__main__":
    asyncio.run(main())
