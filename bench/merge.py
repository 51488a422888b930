"""What one token costs the aggregator's pure core: merge_reading, merge_token, diff.

Three sources and six pools; each round every source brings a new reading. Run:
`python -m bench.merge [rounds]`. No Redis, no I/O.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from services.aggregator.noise import NoiseFloors, diff
from shared.merge.policy import MergeRules
from shared.merge.readings import (
    SourceReading,
    decode_reading,
    encode_source_reading,
    merge_reading,
)
from shared.merge.rules import merge_token
from shared.model import PoolReading, Reading

T0: Final = 1_790_000_000_000
MINT: Final = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
RULES: Final = MergeRules()
FLOORS: Final = NoiseFloors()
POOLS: Final = {"dexscreener": range(4), "geckoterminal": range(2, 6)}  # two known to both


def pool(number: int, step: int) -> PoolReading:
    liquidity = 900.0 * (number + 1) ** 2
    return PoolReading(
        pool_address=f"Pool{number}{MINT[6:]}",
        protocol="raydium",
        created_ms=T0 - 86_400_000 * (number + 1),
        price=0.00123 * (1 + step % 100 / 1_000),  # near what jupiter says
        liquidity=liquidity,
        market_cap=1_230_000.0 + step,
        fdv=1_500_000.0 + step,
        volume_5m=100.0 + step,
        volume_1h=1_000.0 + step,
        volume_6h=5_000.0 + step,
        volume_24h=20_000.0 + step,
        price_change_5m=0.1 + step / 100,
        price_change_1h=1.1 + step / 100,
        price_change_6h=-2.1,
        price_change_24h=12.5,
        transactions_5m=10 + step,
        transactions_1h=100 + step,
        transactions_6h=500 + step,
        transactions_24h=2_000 + step,
        buys_24h=1_200 + step,
        sells_24h=800,
    )


def reading(source: str, step: int) -> Reading:
    observed_ms = T0 + step * 1_000
    if source in POOLS:
        return Reading(
            chain="solana",
            token_address=MINT,
            observed_ms=observed_ms,
            token_name="A token",  # noqa: S106 - no password
            token_ticker="TOK",  # noqa: S106
            pools=tuple(pool(number, step) for number in POOLS[source]),
        )
    return Reading(
        chain="solana",
        token_address=MINT,
        observed_ms=observed_ms,
        token_name="A token",  # noqa: S106 - no password
        token_ticker="TOK",  # noqa: S106
        created_ms=T0 - 9_000_000_000,
        price=0.00124,
        market_cap=1_240_000.0,
        fdv=1_500_000.0,
        liquidity=80_000.0 + step,
        volume_5m=120.0,
        volume_1h=1_200.0,
        volume_6h=5_200.0,
        volume_24h=90_000.0 + step,
        price_change_5m=0.2,
        price_change_1h=1.2,
        price_change_6h=-2.0,
        price_change_24h=12.6,
        transactions_5m=11,
        transactions_1h=110,
        transactions_6h=510,
        transactions_24h=8_100,
        buys_24h=5_000,
        sells_24h=3_100,
        holders=4_321,
    )


def measure(name: str, rounds: int, work: Callable[[int], object]) -> None:
    """Print the median over 5 passes of the mean processor time of one call."""
    passes = []
    for number in range(5):
        started = time.process_time()
        for step in range(number * rounds, (number + 1) * rounds):
            work(step)
        passes.append((time.process_time() - started) / rounds * 1e6)
    print(f"{name:<46} {statistics.median(passes):8.1f} µs   (best {min(passes):.1f})")


def main(rounds: int) -> None:
    sources = ("dexscreener", "geckoterminal", "jupiter")
    given = [[reading(source, step) for source in sources] for step in range(5 * rounds)]
    raw = [msgspec.json.encode(step[0]) for step in given[:rounds]]
    readings: dict[str, SourceReading] = {}
    committed: dict[str, object] = {}

    def absorb(step: int) -> None:
        for source, reading in zip(sources, given[step], strict=True):
            readings[source] = merge_reading(readings.get(source), reading)

    def judge(step: int) -> object:
        now_ms = T0 + step * 1_000
        return merge_token("solana", MINT, readings, now_ms, RULES)

    def whole(step: int) -> None:
        absorb(step)
        merged = merge_token("solana", MINT, readings, T0 + step * 1_000, RULES)
        change = diff(committed, merged.values, FLOORS)
        if change is not None:
            committed.update(change.set)

    cpu = Path("/proc/cpuinfo")
    model = next(
        (
            ln.partition(":")[2].strip()
            for ln in cpu.read_text(encoding="utf-8").splitlines()
            if "model name" in ln
        ),
        platform.processor(),
    )
    print(f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {rounds} rounds")
    absorb(0)
    measure("decode_reading, 4 pools", rounds, lambda step: decode_reading(raw[step % rounds], T0))
    measure("merge_reading, of 3 sources together", rounds, absorb)
    absorb(0)
    measure("merge_token, 3 sources, 6 pools, fresh", rounds, lambda _: judge(5 * rounds - 1))
    honest = readings["jupiter"]
    contradiction = replace(reading("jupiter", 5 * rounds), price=0.01)
    readings["jupiter"] = merge_reading(honest, contradiction)
    measure("merge_token, jupiter contradicts the pools", rounds, lambda _: judge(5 * rounds))
    readings["jupiter"] = honest
    row = merge_token("solana", MINT, readings, T0, RULES).values
    same = dict(row)
    other = {name: v * 1.01 if isinstance(v, float) else v for name, v in row.items()}
    measure("diff, nothing changed", rounds, lambda _: diff(same, row, FLOORS))
    measure("diff, all figures changed", rounds, lambda _: diff(other, row, FLOORS))
    measure("all of it, per token and window", rounds, whole)
    held = readings["dexscreener"]
    stored = encode_source_reading(held)
    size = sum(len(encode_source_reading(reading)) for reading in readings.values())
    print(f"stored readings: {size} bytes, of dexscreener's 4 pools {len(stored)}")
    measure(
        "encode_source_reading, 4 pools",
        rounds,
        lambda _: encode_source_reading(readings["dexscreener"]),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
