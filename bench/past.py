"""What the past costs: pages with sparklines beside pages without, candles, the list as it was.

Run: `python -m bench.past [--tokens N] [--rows N] [--seconds S] [--passes N]`. One api on a SQLite
history of so many candles (minutes of the 1,000 hottest, hours and days of all). Pages with and
without `spark=24h` take turns under wrk with 16 connections, while a market commits five times a
second: `page` is the same address again, which is cached for a version, `pages` are others each
time. The rest is requested one after the other, so that a figure is one answer's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx

from bench.discover import wrk
from bench.figures import note
from bench.readings import token_id
from bench.running import ROOT, Services, market, running
from shared.history.candle import SECONDS, TIERS, Tier
from shared.history.engine import open_engine
from shared.history.migrate import migrate

HOT: Final = 1_000
PAGE: Final = "/discover?limit=100"
SPARK: Final = "&spark=24h"
_CALLS: Final = 150
_INSERT: Final = "INSERT INTO candles_{} VALUES (?,?,1,1.1,0.9,{},12,'jupiter',0,1,?,?,9,8,1,2,{})"
_PUT: Final = "INSERT INTO tokens VALUES (?,?,'solana',?,NULL,?,1,1,'jupiter',0,0,0,NULL,NULL)"


def starts(tier: Tier, rows: int, tokens: int, now: int) -> range:
    """Return the candles' starts of a tier, so that all tiers together have so many rows."""
    share = {"1m": 0.5 / HOT, "1h": 0.45 / tokens, "1d": 0.05 / tokens}[tier]
    step = SECONDS[tier]
    end = now - now % step
    return range(end - int(rows * share) * step, end, step)


def write(path: Path, tokens: int, rows: int, now: int) -> int:
    """Write a history of made-up candles; return how many."""
    asyncio.run(_migrate(path))
    written = 0
    with sqlite3.connect(path) as db:
        row = b'{"token_name":"x","token_ticker":"TOK","created_ms":1700000000000,"sources":["a"]}'
        since = (now - 400 * 86_400) * 1000
        db.executemany(_PUT, ((key, token_id(key), since, row) for key in range(tokens)))
        db.executemany("INSERT INTO hot VALUES (?,?,NULL)", ((key, since) for key in range(HOT)))
        for tier in TIERS:
            keys = HOT if tier == "1m" else tokens
            statement = _INSERT.format(tier, "1+?/1e6", "?*1e3")
            values = (
                (t, key, key, SECONDS[tier] * 1000, (t + SECONDS[tier] - 1) * 1000, key % 997)
                for t in starts(tier, rows, tokens, now)
                for key in range(keys)
            )
            written += db.executemany(statement, values).rowcount
        db.executemany("INSERT INTO tiers VALUES (?,?,0,0)", ((tier, since) for tier in TIERS))
        db.execute("INSERT INTO position VALUES (1,'e',1,'0',?)", (now * 1000,))
    db.close()
    return written


async def _migrate(path: Path) -> None:
    engine = open_engine(f"sqlite:///{path}", writes=True)
    await migrate(engine)
    await engine.dispose()


def pages_script(folder: Path, path: str, tokens: int) -> Path:
    """Write a wrk script that requests so many pages in turn that none is cached."""
    script = folder / f"pages{len(path)}.lua"
    script.write_text(
        "local at = 0\nrequest = function()\n"
        f"  at = (at + 1) % {tokens - 100}\n"
        f"  return wrk.format(nil, '{path}&cursor=' .. at)\nend\n",
        encoding="utf-8",
    )
    return script


def cpu_s(found: Services) -> float:
    """Return what the api has used of a processor, in seconds: others may use it as well."""
    stat = Path(f"/proc/{found.processes['api'].pid}/stat").read_text(encoding="utf-8")
    user, system = stat.rpartition(") ")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def spark_ratios(found: Services, folder: Path, tokens: int, seconds: int, passes: int) -> None:
    """Print what pages with and without sparklines cost the api: best of so many passes."""
    url = found.url("api")
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for _ in range(passes):
        with market(found, tokens):
            for name, more in (("without", ""), ("with", SPARK)):
                script = pages_script(folder, PAGE + more, tokens)
                for case, lua in (("page", None), ("pages", script)):
                    before_s = cpu_s(found)
                    figures = wrk(url + PAGE + more, seconds, lua)
                    cost_us = (cpu_s(found) - before_s) / (figures.rate * seconds) * 1e6
                    cost, p99 = best.get((case, name), (float("inf"), float("inf")))
                    best[case, name] = min(cost, cost_us), min(p99, figures.p99_ms)
    print(f"{'':<8}{'CPU µs':>10}{'p99 ms':>9}{'of without':>12}")
    for case in ("page", "pages"):
        plain = best[case, "without"]
        for name in ("without", "with"):
            cost, p99 = best[case, name]
            print(f"{case:<8}{cost:>10,.0f}{p99:>9.2f}{cost / plain[0]:>12.2f}  {name} spark=24h")
        note(f"spark {case} cost", best[case, "with"][0] / plain[0])


def calls(now: int) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield what is requested one after the other: a name, and the next address."""
    for interval in ("1m", "5m", "15m", "1h", "4h", "1d"):
        yield (
            f"candles {interval} x 1000",
            lambda interval=interval: (  # type: ignore[misc]
                f"/tokens/{token_id(random.randrange(HOT)).replace(':', '/')}/candles"
                f"?interval={interval}&limit=1000"
            ),
        )
    yield (
        "candles 5m x 300",
        lambda: f"/tokens/{token_id(random.randrange(HOT)).replace(':', '/')}/candles?interval=5m",
    )
    for sort in ("volume", "price_change", "newest"):
        yield (
            f"list as it was, {sort}",
            lambda sort=sort: (  # type: ignore[misc]
                f"/history/discover?sort={sort}&limit=100"
                f"&at_ms={(now - random.randrange(86_400)) * 1000}"
            ),
        )


def one_by_one(found: Services, now: int) -> None:
    """Print what single answers take."""
    with httpx.Client(base_url=found.url("api"), timeout=10) as client:
        for name, address in calls(now):
            took = []
            for _ in range(_CALLS):
                began = time.perf_counter()
                answer = client.get(address())
                took.append((time.perf_counter() - began) * 1000)
                answer.raise_for_status()
            took.sort()
            p99 = took[int(_CALLS * 0.99)]
            print(
                f"{name:<30}{took[_CALLS // 2]:>8.1f} ms{p99:>9.1f} ms p99"
                f"{len(answer.content):>9} B"
            )
            note(f"{name} p99", p99)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--passes", type=int, default=3)
    chosen = parser.parse_args()
    now = int(time.time())
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "history.sqlite"
        rows = write(file, chosen.tokens, chosen.rows, now)
        size = file.stat().st_size / 1e6
        print(f"{rows:,} candles, {size:,.0f} MB, {chosen.tokens:,} tokens, {os.cpu_count()} cores")
        settings = {"HISTORY_URL": f"sqlite:///{file}"}
        with running("here", ROOT, chosen.tokens, "api", **settings) as found:
            client = httpx.Client(base_url=found.url("api"))
            found.wait(lambda: "spark" in client.get(PAGE + SPARK).text, "sparklines")
            spark_ratios(found, Path(name), chosen.tokens, chosen.seconds, chosen.passes)
            one_by_one(found, now)


if __name__ == "__main__":
    main()
