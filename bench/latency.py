"""Milliseconds from a reading on `raw_tokens` to the row at a stream client.

Run: `python -m bench.latency [--tree FOLDER ...] [--rates N ...] [--seconds S]`. Each folder is a
checkout of dexwire (the default: this one) with a server, an aggregator and a gateway of its own.
Every reading carries the time at which it was published in its `volume_24h`; a client of the topic
`all` subtracts it from the time at which the frame with that row had come. Readings are published
ten times a second, so the window is in the figures: up to 200 ms of waiting, 100 on average.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from bench.figures import note
from bench.readings import PREFIX
from bench.running import Services, running, tree_parser, trees_of
from shared.model import Reading, ReadingBatch

TOKENS: Final = 5_000
EVERY_S: Final = 0.1
WINDOW_MS: Final = 200
# Times are given modulo this, so that the next one differs by more than what counts as noise.
CLOCK_MS: Final = 100_000.0


def batch(numbers: range, step: int) -> bytes:
    """Return one message of `raw_tokens`: the time of now in each reading's volume."""
    now_ms = time.time() * 1000
    tokens = tuple(
        Reading(
            chain="solana",
            token_address=f"Lat{number:08d}",
            observed_ms=int(now_ms),
            price=1.0 + step % 97 / 100,
            volume_24h=now_ms % CLOCK_MS + 1,
        )
        for number in numbers
    )
    return msgspec.json.encode(
        ReadingBatch(source="jupiter", batch_id=f"{step}", sent_ms=int(now_ms), tokens=tokens)
    )


async def publish(redis: Any, rate: int, seconds: float) -> None:  # noqa: ANN401 - redis-py
    """Publish so many readings a second."""
    size, at = max(1, round(rate * EVERY_S)), 0
    began = time.perf_counter()
    for step in range(round(seconds / EVERY_S)):
        for start in range(at, at + size, 100):
            numbers = range(start, min(start + 100, at + size))
            await redis.publish(f"{PREFIX}raw_tokens", batch(numbers, step))
        at = 0 if at + 2 * size > TOKENS else at + size
        await asyncio.sleep(max(0.0, began + (step + 1) * EVERY_S - time.perf_counter()))


async def follow(url: str, delays: list[float]) -> None:
    """Note the delay of every row that comes in a diff."""
    async with connect(url, compression=None, max_size=None, proxy=None) as socket:
        async for data in socket:
            now_ms = time.time() * 1000
            frame = msgspec.json.decode(data)
            if frame["t"] == "d":
                rows = [*frame.get("set", ()), *frame.get("add", ())]
                stamps = [row["volume_24h"] for row in rows if "volume_24h" in row]
                delays += [(now_ms - stamp + 1) % CLOCK_MS for stamp in stamps]


async def run(found: Services, rate: int, seconds: float) -> list[float]:
    """Return the delays of one rate, sorted; the first second is not counted."""
    redis = Redis(unix_socket_path=str(found.server.socket_path))
    delays: list[float] = []
    url = f"ws://127.0.0.1:{found.ports['ws']}/ws?topics=all"
    following = asyncio.create_task(follow(url, delays))
    try:
        await publish(redis, rate, 1.0)
        await asyncio.sleep(0.5)
        delays.clear()
        await publish(redis, rate, seconds)
        await asyncio.sleep(0.5)
        if following.done():
            following.result()
    finally:
        following.cancel()
        await redis.aclose()
    return sorted(delays)


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 1_000, 5_000])
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, window {WINDOW_MS} ms")
    print(f"{'':<12}{'readings/s':>11}{'rows seen':>11}{'p50 ms':>9}{'p99 ms':>9}"
          f"{'over the window':>17}")  # fmt: skip
    for name, path in trees_of(chosen).items():
        with running(name, path, 10, "ws", MAX_TOKENS="20000") as found:
            for rate in chosen.rates:
                delays = asyncio.run(run(found, rate, chosen.seconds)) or [0.0]
                p50, p99 = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
                print(f"{found.name:<12}{rate:>11,}{len(delays):>11,}{p50:>9.1f}{p99:>9.1f}"
                      f"{p99 - WINDOW_MS:>17.1f}")  # fmt: skip
                note(f"{rate} over", p99 - WINDOW_MS)


if __name__ == "__main__":
    main()
