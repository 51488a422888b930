"""Made-up readings for benchmarks, as messages of `raw_tokens`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import msgspec

from shared.model import METRICS, PoolReading, Reading, ReadingBatch

PREFIX: Final = "bench:"
BATCH: Final = 100
MOST: Final = 5_000  # readings at once: 3-8 MB, within Redis' bound of a subscriber's output
CASES: Final = {
    "a": "price and four figures change",
    "b": "every indexed metric changes",
    "c": "three pools each, all change",
    "d": "nothing changes",
}


def reading(case: str, number: int, step: int, now_ms: int) -> Reading:
    """Return a token's reading; of one step, figures differ by 1 % from the step before."""
    grown = 1.0 + (0 if case == "d" else step % 50) / 100
    figures: dict[str, object] = {
        "price": 0.00123 * grown, "market_cap": 1_230_000.0 * grown, "fdv": 1_500_000.0,
        "liquidity": 80_000.0 * grown,
    }  # fmt: skip
    for place, metric in enumerate(METRICS.values()):
        if metric not in {"liquidity", "market_cap", "created_ms"}:
            moves = grown if case in "bc" or metric in {"volume_24h", "volume_1h"} else 1.0
            value = (1 + place) * 1_000 * moves + number % 97
            figures[metric] = int(value) if metric.startswith("transactions") else value
    figures |= {"buys_24h": 5_000, "sells_24h": 3_100}
    born_ms = 1_700_000_000_000 + 1_000 * number + (step if case == "b" else 0)
    token = {
        "chain": "solana", "token_address": _address(number), "observed_ms": now_ms,
        "token_name": f"Token {number}", "token_ticker": f"TOK{number}",
    }  # fmt: skip
    if case != "c":
        held = {"created_ms": born_ms, "holders": 4_321}
        return msgspec.convert({**token, **figures, **held}, Reading)
    pool = {"protocol": "raydium", "created_ms": born_ms, **figures}
    pools = [{**pool, "pool_address": f"{_address(number)[:-1]}{end}"} for end in "ABC"]
    return msgspec.convert({**token, "pools": msgspec.convert(pools, list[PoolReading])}, Reading)


def token_id(number: int) -> str:
    """Return the id of a token by its number."""
    return f"solana:{_address(number)}"


def _address(number: int) -> str:
    return f"7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZ{number + 111_111_111}"


def batches(case: str, numbers: range, step: int, name: str) -> Iterator[bytes]:
    """Yield messages for `raw_tokens`; the last is to be acknowledged as `name`."""
    now_ms = int(time.time() * 1000)
    for start in range(numbers.start, numbers.stop, BATCH):
        part = range(start, min(start + BATCH, numbers.stop))
        last = part.stop == numbers.stop
        yield msgspec.json.encode(
            ReadingBatch(
                source="dexscreener" if case == "c" else "jupiter",
                batch_id=name if last else f"{name}-{start}",
                sent_ms=now_ms,
                tokens=tuple(reading(case, number, step, now_ms) for number in part),
                ack=last,
            )
        )
