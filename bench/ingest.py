"""Requests and tokens a second that `/ingest` takes, with and without waiting for the commit.

Run: `python -m bench.ingest [--tree FOLDER ...] [--seconds S]`. Each folder is a checkout of
dexwire (the default: this one) with a server, an aggregator and an api of its own. 32 producers
post at once, each the next batch when the last was answered; batches go round 10,000 tokens.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import platform
import time
from typing import Any, Final

import httpx
import msgspec

from bench.figures import note
from bench.running import Services, running, tree_parser, trees_of

PRODUCERS: Final = 32
TOKENS: Final = 10_000
UNBOUNDED: Final = {
    "INGEST_RATE": "1000000",
    "INGEST_BURST": "1000000",
    "MAX_TOKENS": str(TOKENS * 4),
    "PRODUCER_TOKENS_PCT": "100",
}


def body(number: int, size: int) -> bytes:
    """Return a batch: the price, the volume and the liquidity of `size` tokens."""
    tokens: list[dict[str, Any]] = [
        {
            "token_address": f"Bench{(number * size + n) % TOKENS:08d}",
            "price": 1.0 + number % 1_000 / 1_000,
            "volume_24h": 1_000.0 + number,
            "liquidity": 50_000.0 + number,
        }
        for n in range(size)
    ]
    return msgspec.json.encode({"source": "bench", "tokens": tokens})


async def post(url: str, size: int, seconds: float, *, ack: bool) -> tuple[float, float, int]:
    """Return requests a second, the 99th percentile of an answer in ms, and how many had to wait.

    503 and 504 are answers of a busy deployment: the producer repeats after `Retry-After`.
    """
    numbers, took, refused = itertools.count(), list[float](), 0
    path = "/ingest?ack=commit" if ack else "/ingest"
    head = {"content-type": "application/json"}
    until = time.perf_counter() + seconds

    async def produce(client: httpx.AsyncClient) -> None:
        nonlocal refused
        while (began := time.perf_counter()) < until:
            answer = await client.post(path, content=body(next(numbers), size), headers=head)
            if answer.status_code in {503, 504}:
                refused += 1
                await asyncio.sleep(float(answer.headers["retry-after"]))
                continue
            if answer.status_code not in {200, 202}:
                raise SystemExit(f"{answer.status_code}: {answer.text[:300]}")
            took.append(time.perf_counter() - began)

    limits = httpx.Limits(max_keepalive_connections=PRODUCERS)
    began = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, timeout=10, limits=limits) as client:
        await asyncio.gather(*(produce(client) for _ in range(PRODUCERS)))
    took.sort()
    p99_ms = took[len(took) * 99 // 100] * 1e3 if took else float("nan")
    return len(took) / (time.perf_counter() - began), p99_ms, refused


def measure(found: Services, seconds: float) -> None:
    """Print the rows of one checkout."""
    for size in (1, 100):
        for ack in (False, True):
            rate, p99_ms, refused = asyncio.run(post(found.url("api"), size, seconds, ack=ack))
            how = "with ack=commit" if ack else "without"
            print(f"{found.name:<12}{size:>6}   {how:<17}{rate:>11,.0f}{rate * size:>11,.0f}"
                  f"{p99_ms:>9.1f}{refused:>10}")  # fmt: skip
            note(f"{size} {'ack' if ack else 'plain'}", rate * size)


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; {PRODUCERS} producers")
    print(f"{'':<12}{'tokens':>6}   {'':<17}{'requests/s':>11}{'tokens/s':>11}{'p99 ms':>9}"
          f"{'repeated':>10}")  # fmt: skip
    for name, path in trees_of(chosen).items():
        with running(name, path, 100, "api", **UNBOUNDED) as found:
            measure(found, chosen.seconds)


if __name__ == "__main__":
    main()
