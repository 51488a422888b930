"""Hours of ordinary use: whether memory, descriptors, Redis and delays stay as they are.

Run: `python -m bench.soak [--hours H] [--tokens N] [--clients N]`, or `make soak`. An aggregator,
an api, a gateway and a recorder (SQLite) hold 5,000 tokens; 500 readings arrive a second, and each
second a token is born and one dies. 200 clients come and go: streams, some of which are cut or stop
reading for a while, people who turn pages, search, and look at tokens and their past, and producers
that wait for their commits. Each minute is a line. At the end a table compares the second quarter
of the time with the last one (the first quarter fills what is bounded); less than 5 % more is flat.
Ends with 1 if memory, descriptors or Redis grew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bench.figures import note
from bench.process import open_files, resident_mib
from bench.readings import BATCH, token_id
from bench.running import ROOT, Services, repeating, running

SERVICES: Final = ("aggregator", "api", "ws", "recorder")
DEAD_AFTER_S: Final = 700  # more than SUMS_STALE_S
LIVES_S: Final = (5.0, 90.0)
LINE_S: Final = 60.0
PUBLISH_S: Final = 0.2  # between a hundred readings and the next
FLAT: Final = 0.05
TOPICS: Final = (
    "all", "alerts", "list:volume:24h:desc:solana:50", "list:price_change:1h:desc:*:100",
    "list:newest:-:desc:*:50", "list:liquidity:-:desc:*:200",
)  # fmt: skip
_STAMP: Final = re.compile(r'"t":"d".{0,200}?"ts":(\d+)')


@dataclass
class Seen:
    """What the clients saw since the last line; times in ms."""

    http_ms: list[float] = field(default_factory=list)
    by_kind_ms: dict[str, list[float]] = field(default_factory=dict)  # of the whole time
    stream_ms: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, float]:
        """Return the percentiles, and begin again."""
        found = {
            f"{name} p{share} ms": _percentile(values, share)
            for name, values in (("http", self.http_ms), ("stream", self.stream_ms))
            for share in (50, 99)
        }
        self.http_ms, self.stream_ms = [], []
        return found


def _percentile(values: list[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) * share // 100] if ordered else float("nan")


class Market:
    """Which tokens trade now: a window of numbers that moves on by one a second."""

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens
        self._began = time.monotonic()
        self._next = self._step = 0

    @property
    def living(self) -> range:
        oldest = int(time.monotonic() - self._began)
        return range(oldest, oldest + self._tokens)

    def any_token(self) -> str:
        """Return the id of one that trades now."""
        return token_id(random.choice(self.living))

    def publish(self, found: Services) -> None:
        """Publish the readings of the next hundred tokens."""
        living = self.living
        if not living.start <= self._next < living.stop:
            self._next, self._step = living.start, self._step + 1
        found.publish(range(self._next, min(self._next + BATCH, living.stop)), self._step)
        self._next += BATCH


class Clients:
    """Clients of all kinds, each with its own life, followed by the next one's."""

    def __init__(self, found: Services, market: Market, seen: Seen) -> None:
        self._found, self._market, self._seen = found, market, seen
        self._chance = random.Random(1)
        self._posted = 0
        self._began = time.monotonic()

    async def live(self, number: int) -> None:
        """Be one client after the other; of ten, six are streams, three people, one a producer."""
        kind: Callable[[float], Awaitable[None]] = (
            self._stream if number % 10 < 6 else self._person if number % 10 < 9 else self._producer
        )
        while True:
            try:
                await kind(time.monotonic() + self._chance.uniform(*LIVES_S))
                self._seen.counts["lives"] += 1
            except (OSError, httpx.TransportError, WebSocketException, TimeoutError) as error:
                self._seen.counts[f"failed: {error!s:.60}"] += 1
                await asyncio.sleep(1.0)

    async def _stream(self, until: float) -> None:
        async with connect(
            f"ws://127.0.0.1:{self._found.ports['ws']}/ws", subprotocols=None, max_size=None
        ) as stream:
            await stream.send(self._first_message())
            awake_ms = 0.0
            while (left_s := until - time.monotonic()) > 0:
                with contextlib.suppress(TimeoutError):
                    self._read(await asyncio.wait_for(stream.recv(decode=True), left_s), awake_ms)
                if self._chance.random() < 0.002:  # its tab sleeps
                    await asyncio.sleep(self._chance.uniform(1.0, 10.0))
                    awake_ms = time.time() * 1000
            if self._chance.random() < 0.3:  # its network is gone
                stream.transport.abort()

    def _first_message(self) -> str:
        if self._chance.random() < 0.25:
            ids = list({self._market.any_token() for _ in range(50)})
            return json.dumps({"id": 1, "op": "watch", "mode": "set", "ids": ids})
        topics = self._chance.sample(TOPICS, self._chance.randint(1, 3))
        return json.dumps({"id": 1, "op": "sub", "topics": topics})

    def _read(self, text: str, awake_ms: float) -> None:
        """Note a message, and its delay unless it came while the client slept."""
        self._seen.counts["messages"] += 1
        found = _STAMP.match(text, 1, 300)
        if found and int(found[1]) > awake_ms:
            self._seen.stream_ms.append(time.time() * 1000 - int(found[1]))

    async def _person(self, until: float) -> None:
        async with httpx.AsyncClient(base_url=self._found.url("api"), timeout=10) as client:
            while time.monotonic() < until:
                await self._get(client, *self._chance.choice(self._addresses()))
                await asyncio.sleep(self._chance.uniform(0.5, 2.0))

    def _addresses(self) -> list[tuple[str, str]]:
        """Return what a person may look at next, each with its kind."""
        token = self._market.any_token().replace(":", "/")
        recorded_s = time.monotonic() - self._began
        then_s = time.time() - self._chance.uniform(0.0, recorded_s)
        then_ms = (int(then_s) // 60 + 1) * 60_000  # the end of a minute, which is what is kept
        return [
            ("list", f"/discover?limit=50&sort=volume_{self._chance.choice(('5m', '1h', '24h'))}"),
            ("sparks", "/discover?limit=100&spark=24h"),
            ("filtered", f"/discover?limit=50&min_liquidity={self._chance.randint(1, 10**6)}"),
            ("search", f"/search?q=TOK{self._chance.randint(1, 9_999)}"),
            ("token", f"/tokens/{token}"),
            ("candles", f"/tokens/{token}/candles?interval=1m&limit=200"),
            ("past list", f"/history/discover?at_ms={then_ms}"),
            ("walk", "/discover?limit=50"),
        ]

    async def _get(self, client: httpx.AsyncClient, kind: str, address: str) -> None:
        answer = await self._answer(client, kind, address)
        for _ in range(4 if kind == "walk" else 0):
            cursor = answer.json().get("nextCursor") if answer.is_success else None
            if not cursor:
                return
            answer = await self._answer(client, kind, f"{address}&cursor={cursor}")

    async def _answer(self, client: httpx.AsyncClient, kind: str, address: str) -> httpx.Response:
        began = time.perf_counter()
        answer = await client.get(address)
        took_ms = (time.perf_counter() - began) * 1000
        self._seen.http_ms.append(took_ms)
        self._seen.by_kind_ms.setdefault(kind, []).append(took_ms)
        self._seen.counts[f"http {answer.status_code}"] += 1
        return answer

    async def _producer(self, until: float) -> None:
        async with httpx.AsyncClient(base_url=self._found.url("api"), timeout=10) as client:
            while time.monotonic() < until:
                self._posted += 1
                prices = {
                    self._market.any_token().partition(":")[2]: 1 + self._chance.random()
                    for _ in range(20)
                }
                answer = await client.post(
                    "/ingest?ack=commit",
                    headers={"Idempotency-Key": f"soak-{self._posted}"},
                    json={
                        "source": "soak",
                        "tokens": [{"token_address": a, "price": p} for a, p in prices.items()],
                    },
                )
                self._seen.counts[f"post {answer.status_code}"] += 1
                await asyncio.sleep(self._chance.uniform(1.0, 3.0))


def measure(found: Services, seen: Seen) -> dict[str, float]:
    """Return each figure now."""
    pids = {name: found.processes[name].pid for name in SERVICES}
    info = found.client.info()
    return {
        **{f"{name} MiB": resident_mib(pid) for name, pid in pids.items()},
        **{f"{name} files": float(open_files(pid)) for name, pid in pids.items()},
        "redis MiB": info["used_memory"] / 2**20,
        "redis keys": float(found.client.dbsize()),
        "redis clients": float(info["connected_clients"]),
        **seen.figures(),
    }


def compare(lines: list[dict[str, float]], hours: float) -> bool:
    """Print each figure's second and last quarter; return whether nothing grew that must not."""
    flat = True
    quarter = len(lines) // 4
    print(f"\n{'':<20}{'2nd quarter':>13}{'last quarter':>13}{'change':>10}{'an hour':>10}")
    for name in lines[0]:
        early = statistics.median(line[name] for line in lines[quarter : 2 * quarter])
        late = statistics.median(line[name] for line in lines[-quarter:])
        change = late / early - 1 if early else 0.0
        grew = change > FLAT and not name.endswith("ms")
        flat = flat and not grew
        print(f"{name:<20}{early:>13.1f}{late:>13.1f}{change:>+10.1%}"
              f"{change / (hours / 2):>+10.1%}{'  grew' if grew else ''}")  # fmt: skip
        note(f"soak {name}", change)
    return flat


async def soak(found: Services, tokens: int, clients: int, hours: float) -> bool:
    """Run the clients for so long, a line a minute; return whether all stayed flat."""
    seen, market = Seen(), Market(tokens)
    lives = Clients(found, market, seen)
    lines: list[dict[str, float]] = []
    with repeating(partial(market.publish, found), PUBLISH_S):
        jobs = [asyncio.create_task(lives.live(number)) for number in range(clients)]
        until = time.monotonic() + hours * 3_600
        while time.monotonic() < until:
            await asyncio.sleep(min(LINE_S, hours * 3_600 / 8))
            lines.append(await asyncio.to_thread(measure, found, seen))
            print(" ".join(f"{name}={value:.0f}" for name, value in lines[-1].items()), flush=True)
        for job in jobs:
            job.cancel()
        ended = await asyncio.gather(*jobs, return_exceptions=True)
    print("\n" + ", ".join(f"{name}: {n:,}" for name, n in sorted(seen.counts.items())))
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            print(f"a client ended: {error!r}")
    print(f"\n{'':<12}{'requests':>10}{'p50 ms':>9}{'p99 ms':>9}")
    for kind, took_ms in sorted(seen.by_kind_ms.items()):
        p50, p99 = (_percentile(took_ms, share) for share in (50, 99))
        print(f"{kind:<12}{len(took_ms):>10,}{p50:>9.1f}{p99:>9.1f}")
    return compare(lines, hours)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--tokens", type=int, default=5_000)
    parser.add_argument("--clients", type=int, default=200)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; {chosen.tokens:,} tokens, "
          f"{chosen.clients} clients, {chosen.hours:g} hours", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "MAX_TOKENS": str(chosen.tokens * 2), "DEAD_AFTER_S": str(DEAD_AFTER_S),
            "INGEST_RATE": "1000", "INGEST_BURST": "1000",
            "HISTORY_URL": f"sqlite:///{Path(folder) / 'history.sqlite'}",
        }  # fmt: skip
        with running("soak", ROOT, chosen.tokens, **settings) as found:
            found.start("recorder", settings)
            for service in ("api", "ws"):
                found.start(service, settings)
                found.wait_ready(service)
            flat = asyncio.run(soak(found, chosen.tokens, chosen.clients, chosen.hours))
    raise SystemExit(0 if flat else 1)


if __name__ == "__main__":
    main()
