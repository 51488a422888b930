"""Generated readings of one token, for laws of the merge."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from msgspec import UNSET

from shared.merge.policy import MergeRules
from shared.merge.readings import (
    SourceReading,
    decode_source_reading,
    encode_source_reading,
    merge_reading,
)
from shared.merge.rules import merge_token
from shared.model import Links, PoolReading, Reading

T0 = 1_790_000_000_000
MINT = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
SOURCES = ("dexscreener", "geckoterminal", "jupiter", "ingest:a", "ingest:b")
SUMS = ("liquidity", "volume_24h", "transactions_24h")
PRICED = ("price", "price_source", "price_change_1h", "market_cap", "fdv", "pool_address")
State = dict[str, SourceReading]
some = settings(max_examples=40)  # histories are slow to generate

rules = st.sampled_from([MergeRules(), MergeRules(price_rule="weighted")])
# Few values and few times, so that ties and crossed bounds are common.
times = st.integers(0, 14).map(lambda step: T0 + step * 60_000)
amounts = st.sampled_from([0.0, 5e-324, 0.5, 1.0, 1.1, 999.0, 1_000.0, 5_000.0, 9e14])
percents = st.sampled_from([-150.0, -5.0, 0.0, 0.1, 3.0])
counts = st.integers(0, 3)
texts = st.sampled_from(["a", "b", "ß"])
created = st.sampled_from([0, T0 - 5, T0 - 9, T0 + 60_000])
sides = st.sampled_from(["base", "base", "quote"])


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def pools(
    addresses: str = "ABCD", liquidity: st.SearchStrategy[float | None] | None = None
) -> st.SearchStrategy[PoolReading]:
    return st.builds(
        PoolReading,
        pool_address=st.sampled_from(addresses),
        side=sides,
        protocol=maybe(texts),
        created_ms=maybe(created),
        price=maybe(amounts),
        liquidity=maybe(amounts) if liquidity is None else liquidity,
        other_liquidity=maybe(amounts),
        market_cap=maybe(amounts),
        fdv=maybe(amounts),
        volume_24h=maybe(amounts),
        price_change_1h=maybe(percents),
        transactions_24h=maybe(counts),
        buys_24h=maybe(counts),
        traders_24h=maybe(counts),
    )


def readings(most_pools: int = 3) -> st.SearchStrategy[Reading]:
    def stated(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.just(UNSET) | st.none() | values

    return st.builds(
        Reading,
        chain=st.just("solana"),
        token_address=st.just(MINT),
        observed_ms=times,
        token_name=stated(texts),
        protocol=stated(texts),
        created_ms=stated(created),
        price=stated(amounts),
        market_cap=stated(amounts),
        liquidity=stated(amounts),
        volume_24h=stated(amounts),
        price_change_1h=stated(percents),
        price_change_7d=stated(percents),
        transactions_24h=stated(counts),
        buys_24h=stated(counts),
        holders=stated(counts),
        mint_revoked=stated(st.booleans()),
        dev_pct=stated(st.sampled_from([0.0, 3.5])),
        organic_score=stated(st.sampled_from([0.0, 40.0])),
        traders_24h=stated(counts),
        buy_volume_1h=stated(amounts),
        launchpad=stated(st.sampled_from(["pump.fun", "zora", "a"])),
        stage=stated(st.sampled_from(["curve", "completed", "graduated"])),
        graduated_ms=stated(created),
        links=stated(st.just(Links(x="https://x.com/a")) | st.just(Links())),
        suspicious=stated(st.booleans()),
        moved_to=st.sampled_from([(), ("pumpswap",), ("meteora",)]),
        pools=st.lists(pools(), max_size=most_pools, unique_by=lambda p: p.pool_address).map(tuple),
    )


sightings = st.lists(st.tuples(st.sampled_from(SOURCES), readings()), min_size=1, max_size=10)
merged_readings = st.lists(readings(), max_size=4).map(
    lambda given: reduce(merge_reading, given, SourceReading())
)


def see(state: State, source: str, reading: Reading) -> State:
    return {**state, source: merge_reading(state.get(source), reading)}


def see_all(seen: Iterable[tuple[str, Reading]], state: State | None = None) -> State:
    return reduce(lambda before, sighting: see(before, *sighting), seen, state or {})


def restarted(state: State) -> State:
    return {source: decode_source_reading(encode_source_reading(r)) for source, r in state.items()}


def row(state: State, now_ms: int, rules: MergeRules) -> dict[str, Any]:
    return merge_token("solana", MINT, state, now_ms, rules).values
