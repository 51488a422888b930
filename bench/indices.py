"""What further sorts cost: an index of each in the store, or a column of each in a copy.

Run: `python -m bench.indices [tokens] [commits]`. A commit changes 200 rows in 12 fields each, as a
poll of Jupiter does. The server is one of its own; passes with and without indices take turns.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from bench.running import ROOT, start_server
from shared.model import METRICS, RANKED
from shared.state.orders import Orders

CHANGED: Final = 200  # rows of a commit
FIELDS: Final = (
    "price", "market_cap", "liquidity", "volume_5m", "volume_1h", "transactions_5m", "holders",
    "organic_score", "traders_5m", "traders_1h", "traders_6h", "traders_24h",
)  # fmt: skip
INDICES: Final = {"the store's indices": METRICS, "an index of every sort": RANKED}


def commits(tokens: int, count: int) -> Iterator[dict[str, dict[str, bytes]]]:
    dice = random.Random(1)
    for _ in range(count):
        ids = dice.sample(range(tokens), CHANGED)
        yield {
            f"solana:7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZ{number + 111_111_111}": {
                field: msgspec.json.encode(dice.randrange(10**6)) for field in FIELDS
            }
            for number in ids
        }


def write(client: Any, name: str, put: dict[str, dict[str, bytes]]) -> None:  # noqa: ANN401 - redis-py's types name every way of decoding
    pipe = client.pipeline(transaction=True)
    scores: dict[str, dict[str, float]] = {}
    metric_of = {field: metric for metric, field in INDICES[name].items()}
    for ident, fields in put.items():
        pipe.hset(f"{name}:token:{ident}", mapping=fields)
        for field, value in fields.items():
            if field in metric_of:
                scores.setdefault(metric_of[field], {})[ident] = float(value)
    for metric, members in scores.items():
        pipe.zadd(f"{name}:index:{metric}", members)
    pipe.execute()


def main() -> None:
    tokens, count = (int(a) for a in (*sys.argv[1:3], "10000", "300")[:2])
    spent: dict[str, list[float]] = {name: [] for name in INDICES}
    with start_server("bench", ROOT) as found:
        client = found.client
        for put in commits(tokens, count):
            for name, took in spent.items():
                client.config_resetstat()
                write(client, name, put)
                stats = client.info("commandstats")
                took.append(sum(stats[f"cmdstat_{each}"]["usec"] for each in ("hset", "zadd")))
        for name, took in spent.items():
            keys = client.scan_iter(f"{name}:index:*")
            held = sum(client.memory_usage(key, samples=0) for key in keys)
            median_ms = statistics.median(took) / 1000
            print(f"{name:>24}: {median_ms:5.2f} ms of the server a commit, {held >> 10} KiB")
    orders, took = Orders(), []
    for put in commits(tokens, count):
        begin = time.thread_time()
        for ident, fields in put.items():
            orders.put(ident, fields, whole=False)
        took.append((time.thread_time() - begin) * 1000)
    print(f"{'columns of a copy':>24}: {statistics.median(took):5.2f} ms of each reader a commit")


if __name__ == "__main__":
    main()
