"""Messages on `raw_tokens`: merged as what they say, or dropped and counted by reason."""

from __future__ import annotations

import json

import msgspec
from hypothesis import strategies as st

from services.aggregator.intake import Intake
from services.aggregator.memory import Memory
from shared.chains import split_token_id
from shared.merge.policy import MergeRules
from shared.merge.readings import (
    ReadingError,
    decode_reading,
    decode_source_reading,
    encode_source_reading,
)
from shared.merge.rules import merge_token
from tests.testkit.fuzzing import try_all
from tests.testkit.mutations import mutated_json

NOW = 1_790_000_000_000
REASONS = frozenset(
    {"too_large", "malformed", "wrong_shape", "schema", "invalid", "chain", "address",
     "quote_asset", "too_many_tokens", "producer_share"}
)  # fmt: skip
POOL = {
    "pool_address": "PoolA",
    "protocol": "raydium",
    "base_address": "A",
    "quote_address": "So11111111111111111111111111111111111111112",
    "liquidity": 50_000.0,
    "volume_24h": 1_000.0,
    "price": 1.5,
    "created_ms": NOW - 5_000_000,
}
TOKEN = {
    "chain": "solana",
    "token_address": "A",
    "observed_ms": NOW - 1_000,
    "token_name": "Cat \N{CAT FACE}",
    "token_ticker": "$CAT",
    "price": 1.5,
    "market_cap": None,
    "volume_24h": 1e6,
    "transactions_24h": 12,
    "price_change_1h": -3.25,
    "created_ms": NOW - 5_000_000,
}
TOKENS = (
    TOKEN,
    {**TOKEN, "chain": "eth", "token_address": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc3"},
    {**TOKEN, "pools": [POOL, {**POOL, "pool_address": "PoolB", "liquidity": 0.5}]},
    {
        "chain": "sui",
        "token_address": "0x2::a::B<0x1::c::D>",
        "observed_ms": NOW,
        "liquidity": -0.0,
    },
    {"chain": "ton", "token_address": "0:" + "b1" * 32, "observed_ms": 1, "price": 1e-30},
)
MESSAGES = tuple(
    json.dumps(
        {"schema": 1, "batch_id": "b1", "sent_ms": NOW, "source": source, "tokens": tokens, **more},
        ensure_ascii=False,
    ).encode()
    for source, tokens, more in (
        ("jupiter", list(TOKENS), {}),
        ("ingest:desk", [TOKEN], {"ack": True, "producer": "bot"}),
        ("dexscreener", [TOKENS[2], TOKENS[0]], {"ack": True}),
    )
)
RULES = MergeRules()


def outcome(messages: list[bytes]) -> str:
    intake = Intake(Memory(20, max_per_producer=10), include_quote_assets=False)
    for data in messages:
        intake.take(data, NOW)
    assert set(intake.dropped) <= REASONS
    for token in intake.memory.tokens():
        sources = intake.memory.sources(token)
        for reading in sources.values():
            assert decode_source_reading(encode_source_reading(reading)) == reading
        row = merge_token(*split_token_id(token), sources, NOW, RULES).values
        assert msgspec.json.decode(msgspec.json.encode(row)) == row
    dropped = intake.dropped.most_common(1)
    return dropped[0][0] if dropped else "merged"


def test_a_message_is_merged_or_counted_and_the_row_can_be_stored() -> None:
    inputs = st.lists(mutated_json(MESSAGES), min_size=1, max_size=3)
    try_all("raw_tokens", inputs, outcome, examples=1_200, most_s=1.0)


def test_an_accepted_reading_says_the_same_when_it_is_sent_again() -> None:
    def read(raw: bytes) -> str:
        try:
            reading = decode_reading(raw, NOW)
        except ReadingError as refused:
            reason = refused.reason
            assert reason in REASONS
            return reason
        assert decode_reading(msgspec.json.encode(reading), NOW) == reading
        return "reading"

    inputs = mutated_json(tuple(json.dumps(token).encode() for token in TOKENS))
    try_all("readings", inputs, read, examples=2_000, most_s=0.5)
