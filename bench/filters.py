"""What a filtered page and a search cost the api, uncached: 10,000 tokens, random queries.

Run: `python -m bench.filters [tokens] [queries]`. The api's own code on its copy of the state,
answers encoded; no store, no socket. CPU time, so that a busy machine shows what a free one does.
"""

from __future__ import annotations

import os
import platform
import random
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench.figures import note
from dexwire.stream.figures import AGES, FACTS, FIGURES, FLAGS, MARKS, STAGES, WINDOWED_FIGURES
from dexwire.stream.topics import WINDOWS
from services.api.discover.lists import order_of
from services.api.discover.page import encode_page
from services.api.discover.pages import slice_order
from services.api.discover.query import parse_discover
from services.api.live import Live
from services.api.search.endpoint import hits
from services.api.search.name_index import parse_text
from shared.keys import Keys
from shared.redis.connect import open_redis

WORDS = ("pepe", "dog", "cat", "moon", "baby", "inu", "trump", "ai", "coin", "elon", "wif", "hat")
SORTS = ("volume", "liquidity", "price_change", "traders", "holders", "trending")
LIMITED = [figure for figure in FIGURES if figure not in AGES]


def made_up(rng: random.Random, number: int) -> dict[str, Any]:
    chain = rng.choice(("solana", "base", "ethereum", "bsc"))
    address = f"{number:05d}{rng.getrandbits(150):x}"
    windowed = {
        f"{figure}_{window}": rng.lognormvariate(8, 3)
        for figure in WINDOWED_FIGURES
        for window in WINDOWS
    }
    others = [figure for figure in LIMITED if figure not in WINDOWED_FIGURES]
    return {
        "id": f"{chain}:{address}",
        "token_address": address,
        "chain": chain,
        "token_name": " ".join(rng.choices(WORDS, k=rng.randint(1, 3))) + f" {number % 977}",
        "token_ticker": rng.choice(WORDS).upper() + rng.choice(("", "", str(number % 97))),
        "protocol": rng.choice(("raydium", "pumpswap", "uniswap", "meteora", "orca")),
        "created_ms": 1_790_000_000_000 - rng.randrange(10**9),
        **{figure: rng.lognormvariate(3, 2) for figure in others},
        "price": rng.lognormvariate(-5, 4),
        "market_cap": rng.lognormvariate(12, 3),
        "liquidity": rng.lognormvariate(9, 3),
        **windowed,
        "fdv": rng.lognormvariate(12, 3),
        **{fact: rng.random() < 0.5 for fact in FACTS},
        "flags": sorted(rng.sample(FLAGS, rng.randint(0, 3))),
        "stage": rng.choice(STAGES),
        "launchpad": rng.choice(("pump.fun", "moonshot", "believe")),
        "sources": rng.sample(("dexscreener", "jupiter", "geckoterminal"), rng.randint(1, 3)),
        "observed_ms": 1_790_000_000_000,
        "rv": 1,
    }


def random_query(rng: random.Random) -> bytes:
    query = {"sort": rng.choice(SORTS), "limit": "100"}
    for figure in rng.sample(LIMITED, rng.randint(1, 4)):
        query[f"min_{figure}"] = rng.choice(("0", "1", "1000"))
    if rng.random() < 0.3:
        query["max_age_minutes"] = "10000"
    if rng.random() < 0.3:
        query["source"] = "jupiter"
    if rng.random() < 0.3:
        query["not"] = ",".join(rng.sample(MARKS, 2))
    if rng.random() < 0.2:
        query |= {"has": rng.choice(MARKS), "stage": "curve,graduated"}
    if rng.random() < 0.3:
        query["q"] = rng.choice((*WORDS, "p", "dog co"))
    return urlencode(query).encode()


def show(name: str, took: list[float]) -> None:
    ordered = sorted(took)
    p99 = ordered[int(len(ordered) * 0.99)]
    print(
        f"{name:>10}: p50 {statistics.median(took):6.2f} ms   p99 {p99:6.2f} ms   "
        f"max {ordered[-1]:6.2f} ms   ({len(took)} queries)"
    )
    note(f"{name.strip('/')} p99", p99)


def main() -> None:
    tokens, queries = (int(a) for a in (*sys.argv[1:3], "10000", "2000")[:2])
    rng = random.Random(1)
    redis = open_redis("redis://127.0.0.1:1/0")  # never called
    live = Live(redis, redis, Keys("bench:"))
    replica = live.replica
    replica.reset("bench")
    for number in range(tokens):
        made = made_up(rng, number)
        fields = {name: msgspec.json.encode(value) for name, value in made.items()}
        replica.load_row(made["id"], fields)
    replica.committed_ms = 1_790_000_000_000
    live.on_reset()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}"
    print(f"{tokens} tokens, {machine}")
    pages, searches, found = [], [], 0
    order_of(live, replica, parse_discover(b"q=a"))  # the first search sorts the index
    for _ in range(queries):
        text = random_query(rng)
        begin = time.thread_time()
        page = slice_order(live, replica, parse_discover(text))
        encode_page(page, None)
        pages.append((time.thread_time() - begin) * 1000)
        found += page.total
        wanted = rng.choice((*WORDS, "p", "moon c", "$dog"))
        begin = time.thread_time()
        hits(live.names, replica, parse_text(wanted), 100)
        searches.append((time.thread_time() - begin) * 1000)
    show("/discover", pages)
    show("/search", searches)
    print(f"{found / queries:.0f} tokens pass on average")


if __name__ == "__main__":
    main()
