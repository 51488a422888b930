import json
import math

import pytest
from msgspec import UNSET, convert

from shared.merge.policy import MergeRules, rank
from shared.merge.readings import (
    ReadingError,
    SourceReading,
    Stamped,
    StampedPool,
    decode_reading,
    decode_source_reading,
    encode_source_reading,
    merge,
    merge_reading,
    prune,
)
from shared.model import PoolReading, Reading

T0 = 1_790_000_000_000
MINT = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
RULES = MergeRules()


def reading(observed_ms: int = T0, **fields: object) -> Reading:
    names = {"chain": "solana", "token_address": MINT, "observed_ms": observed_ms}
    return convert({**names, **fields}, Reading)


def raw(**fields: object) -> bytes:
    return json.dumps(
        {"chain": "solana", "token_address": MINT, "observed_ms": T0, **fields}
    ).encode()


# -- reading one message --------------------------------------------------------------------------
def test_a_reading_is_decoded_with_what_it_says_and_what_it_does_not_say() -> None:
    decoded = decode_reading(raw(price=1.5, volume_24h=2, market_cap=None), T0)
    assert decoded.price == 1.5
    assert decoded.volume_24h == 2.0
    assert isinstance(decoded.volume_24h, float)
    assert decoded.market_cap is None
    assert decoded.liquidity is UNSET


def test_chain_and_evm_addresses_become_canonical_those_of_pools_too() -> None:
    decoded = decode_reading(
        raw(
            chain="ETH",
            token_address="0x6982508145454Ce325dDbE47a25d4ec3d2311933",
            pools=[{"pool_address": "0xA43fe16908251ee70EF74718545e4FE6C5cCEc9f"}],
        ),
        T0,
    )
    assert decoded.chain == "ethereum"
    assert decoded.token_address == "0x6982508145454ce325ddbe47a25d4ec3d2311933"
    assert decoded.pools[0].pool_address == "0xa43fe16908251ee70ef74718545e4fe6c5ccec9f"


def test_base58_addresses_keep_their_case() -> None:
    assert decode_reading(raw(), T0).token_address == MINT


def test_a_time_in_the_future_becomes_the_time_of_receipt() -> None:
    assert decode_reading(raw(observed_ms=T0 + 3_600_000), T0).observed_ms == T0
    assert decode_reading(raw(observed_ms=T0 - 1), T0).observed_ms == T0 - 1


def test_a_creation_in_the_future_is_not_known() -> None:
    decoded = decode_reading(
        raw(
            created_ms=T0 + 5_001,
            graduated_ms=T0 + 5_001,
            pools=[{"pool_address": "Pool1", "created_ms": T0 + 5_001}],
        ),
        T0,
    )
    assert (decoded.created_ms, decoded.graduated_ms) == (UNSET, UNSET)
    assert decoded.pools[0].created_ms is None


@pytest.mark.parametrize("observed_ms", [T0, T0 - 3])
def test_clocks_may_differ_by_seconds_without_the_loss_of_a_creation(observed_ms: int) -> None:
    ahead_ms = observed_ms + 5_000
    decoded = decode_reading(
        raw(
            observed_ms=observed_ms,
            created_ms=ahead_ms,
            graduated_ms=ahead_ms,
            pools=[{"pool_address": "Pool1", "created_ms": ahead_ms}],
        ),
        T0,
    )
    assert (decoded.created_ms, decoded.graduated_ms) == (observed_ms, observed_ms)
    assert decoded.pools[0].created_ms == observed_ms


def test_a_negative_zero_becomes_zero() -> None:
    text = raw().replace(
        b"}", b',"price_change_1h":-0.0,"pools":[{"pool_address":"P","volume_5m":-0.0}]}'
    )
    decoded = decode_reading(text, T0)
    change, volume = decoded.price_change_1h, decoded.pools[0].volume_5m
    assert isinstance(change, float)
    assert isinstance(volume, float)
    assert (math.copysign(1, change), math.copysign(1, volume)) == (1.0, 1.0)


def test_a_pool_whose_address_cannot_be_one_is_left_out() -> None:
    decoded = decode_reading(raw(pools=[{"pool_address": "a b"}, {"pool_address": "Good"}]), T0)
    assert [pool.pool_address for pool in decoded.pools] == ["Good"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_a_pool_that_is_there_twice_the_deeper_is_kept(order: tuple[int, ...]) -> None:
    twins = [
        {"pool_address": "P", "price": 1.0, "liquidity": 500.0},
        {"pool_address": "P", "price": 2.0, "liquidity": 900.0},
        {"pool_address": "P", "price": 3.0},
    ]
    decoded = decode_reading(raw(pools=[twins[i] for i in order]), T0)
    assert decoded.pools == (PoolReading(pool_address="P", price=2.0, liquidity=900.0),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b'{"chain":"\xff"}', "malformed"),
        (b'{"chain":NaN}', "malformed"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "malformed"),
        (b"[]", "invalid"),
        (b'{"chain":"solana"}', "invalid"),
        (raw(price="1.5"), "invalid"),
        (raw(price=True), "invalid"),
        (raw(price=-1), "invalid"),
        (raw(price=1e15), "invalid"),
        (raw(price_change_1h=-1e15), "invalid"),
        (raw(transactions_24h=1.5), "invalid"),
        (raw(token_name=""), "invalid"),
        (raw(pools=[{"price": 1.0}]), "invalid"),
        (raw(pools=[{"pool_address": "P", "side": "left"}]), "invalid"),
        (raw(observed_ms=-1), "invalid"),
        (raw(chain="sol ana"), "chain"),
        (raw(token_address="a/b"), "address"),
        (raw(token_address="٣٣٣"), "address"),
    ],
)
def test_what_is_not_a_reading_is_refused_with_a_reason(text: bytes, reason: str) -> None:
    with pytest.raises(ReadingError) as caught:
        decode_reading(text, T0)
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 256


def test_a_number_that_no_float_can_hold_is_refused() -> None:
    with pytest.raises(ReadingError):
        decode_reading(raw().replace(b"}", b',"price":1e400}'), T0)


# -- fields ---------------------------------------------------------------------------------------
def test_the_first_reading_is_taken_whole() -> None:
    assert merge_reading(None, reading(price=1.5, holders=None)) == SourceReading(
        fields={"price": Stamped(1.5, T0), "holders": Stamped(None, T0)}
    )


def test_a_newer_field_replaces_an_older_one_and_leaves_the_others() -> None:
    before = merge_reading(None, reading(price=1.5, volume_24h=10.0))
    after = merge_reading(before, reading(T0 + 1, price=1.25))
    assert after.fields == {"price": Stamped(1.25, T0 + 1), "volume_24h": Stamped(10.0, T0)}


def test_an_older_reading_never_overwrites_a_newer_one_but_fills_its_gaps() -> None:
    before = merge_reading(None, reading(price=1.5))
    after = merge_reading(before, reading(T0 - 1, price=9.0, liquidity=7.0))
    assert after.fields == {"price": Stamped(1.5, T0), "liquidity": Stamped(7.0, T0 - 1)}


def test_an_explicit_null_forgets_and_an_older_value_does_not_bring_it_back() -> None:
    before = merge_reading(None, reading(price=1.5))
    forgot = merge_reading(before, reading(T0 + 2, price=None))
    assert forgot.fields == {"price": Stamped(None, T0 + 2)}
    assert merge_reading(forgot, reading(T0 + 1, price=1.6)) is forgot


def test_of_two_values_of_one_time_the_greater_wins_and_null_is_the_least() -> None:
    both = merge_reading(merge_reading(None, reading(price=2.0)), reading(price=1.0))
    assert both.fields["price"] == Stamped(2.0, T0)
    both = merge_reading(merge_reading(None, reading(price=None)), reading(price=0.0))
    assert both.fields["price"] == Stamped(0.0, T0)
    both = merge_reading(merge_reading(None, reading(token_name="Abc")), reading(token_name="Abe"))
    assert both.fields["token_name"] == Stamped("Abe", T0)


def test_a_reading_that_is_nothing_new_leaves_the_very_same_object() -> None:
    given = reading(price=1.5, pools=(PoolReading(pool_address="P", price=1.5),))
    before = merge_reading(None, given)
    assert merge_reading(before, given) is before
    assert merge(before, before) is before
    assert merge_reading(before, reading()) is before


# -- pools ----------------------------------------------------------------------------------------
def test_a_newer_pool_is_taken_whole() -> None:
    old = PoolReading(pool_address="P", price=1.5, market_cap=100.0)
    new = PoolReading(pool_address="P", price=1.25)
    before = merge_reading(None, reading(pools=(old,)))
    after = merge_reading(before, reading(T0 + 1, pools=(new,)))
    assert after.pools == {"P": StampedPool(new, T0 + 1, T0)}
    assert merge_reading(after, reading(pools=(old,))) is after


def test_pools_that_a_newer_reading_does_not_name_stay() -> None:
    a, b = PoolReading(pool_address="A"), PoolReading(pool_address="B")
    after = merge_reading(merge_reading(None, reading(pools=(a,))), reading(T0 + 1, pools=(b,)))
    assert after.pools == {"A": StampedPool(a, T0), "B": StampedPool(b, T0 + 1)}


def test_of_two_views_of_one_time_the_deeper_pool_wins() -> None:
    deep = PoolReading(pool_address="P", price=1.0, liquidity=10.0)
    shallow = PoolReading(pool_address="P", price=9.0, liquidity=9.0)
    one = merge_reading(None, reading(pools=(deep,)))
    other = merge_reading(None, reading(pools=(shallow,)))
    assert merge(one, other) == merge(other, one) == one


def test_merging_two_stored_readings_takes_the_newest_of_both() -> None:
    pool_a, pool_b = PoolReading(pool_address="A"), PoolReading(pool_address="B")
    a = SourceReading(
        {"price": Stamped(1.0, 5), "fdv": Stamped(7.0, 9)}, {"A": StampedPool(pool_a, 5)}
    )
    b = SourceReading(
        {"price": Stamped(2.0, 6), "fdv": Stamped(8.0, 8)}, {"B": StampedPool(pool_b, 6)}
    )
    assert merge(a, b) == SourceReading(
        {"price": Stamped(2.0, 6), "fdv": Stamped(7.0, 9)},
        {"A": StampedPool(pool_a, 5), "B": StampedPool(pool_b, 6)},
    )


# -- keeping --------------------------------------------------------------------------------------
def with_pools(**pools: tuple[int, PoolReading]) -> SourceReading:
    return SourceReading(
        {"price": Stamped(1.0, T0)},
        {name: StampedPool(pool, ms) for name, (ms, pool) in pools.items()},
    )


def test_pools_are_kept_while_they_are_fresh() -> None:
    both = with_pools(
        A=(T0, PoolReading(pool_address="A")), B=(T0 + 1_000, PoolReading(pool_address="B"))
    )
    assert prune(both, T0 + 599_999, RULES) is both
    assert list(prune(both, T0 + 600_000, RULES).pools) == ["B"]


def test_the_last_pools_to_be_fresh_are_kept_for_the_stale_row() -> None:
    both = with_pools(
        A=(T0, PoolReading(pool_address="A")), B=(T0 + 1_000, PoolReading(pool_address="B"))
    )
    assert list(prune(both, T0 + 9_000_000, RULES).pools) == ["B"]


def test_the_pool_that_shows_the_age_of_the_token_is_kept() -> None:
    first = PoolReading(pool_address="A", created_ms=T0 - 5_000)
    second = PoolReading(pool_address="B", created_ms=T0 - 4_000)
    third = PoolReading(pool_address="C", created_ms=T0 - 3_000)
    held = with_pools(A=(T0, first), B=(T0, second), C=(T0 + 1_000, third))
    assert sorted(prune(held, T0 + 600_000, RULES).pools) == ["A", "C"]
    held = with_pools(A=(T0, first), C=(T0 + 1_000, third))
    assert prune(held, T0 + 600_000, RULES) is held


def test_a_reading_without_pools_has_nothing_to_prune() -> None:
    held = with_pools()
    assert prune(held, T0 + 9_000_000, RULES) is held


# -- the store's form -----------------------------------------------------------------------------
def test_the_stored_form_is_compact_json() -> None:
    held = SourceReading(
        {"token_name": Stamped("Béla", T0), "price": Stamped(1.0, T0), "holders": Stamped(3, T0)},
        {"P": StampedPool(PoolReading(pool_address="P", liquidity=2.0), T0)},
    )
    stored = encode_source_reading(held)
    assert stored.decode() == (
        '{"fields":{"holders":[3,1790000000000],"price":[1.0,1790000000000],'
        '"token_name":["Béla",1790000000000]},'
        '"pools":{"P":[{"pool_address":"P","liquidity":2.0},1790000000000,0]}}'
    )
    assert decode_source_reading(stored) == held


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"fields":{"price":[[],0]}}', b'{"fields":{"\xff":1}}']
)
def test_a_stored_reading_that_cannot_be_read_is_reported(text: bytes) -> None:
    with pytest.raises(ReadingError) as caught:
        decode_source_reading(text)
    assert caught.value.reason == "stored"


# -- orders ---------------------------------------------------------------------------------------
def test_sources_that_no_order_names_come_after_those_it_names_and_before_ingest() -> None:
    order = ("jupiter", "ingest")
    found = sorted(["ingest:x", "birdeye", "jupiter"], key=lambda source: rank(order, source))
    assert found == ["jupiter", "birdeye", "ingest:x"]


def test_a_class_that_an_order_leaves_out_is_shut_out() -> None:
    assert rank(("jupiter",), "ingest:x") == float("inf")
    assert rank(("jupiter",), "birdeye") == 1
