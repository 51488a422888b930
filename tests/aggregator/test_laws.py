"""The laws of merging (docs/DATA.md) over generated readings."""

import json
import math
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from services.aggregator.noise import NO_FLOORS, NoiseFloors, apply, diff
from shared.merge.confirm import confirms
from shared.merge.policy import MergeRules
from shared.merge.readings import (
    ReadingError,
    SourceReading,
    decode_reading,
    decode_source_reading,
    encode_source_reading,
    merge,
    merge_reading,
    prune,
)
from shared.merge.rules import merge_token
from shared.model import LIMIT, PoolReading, Reading
from tests.testkit.merge import (
    MINT,
    PRICED,
    SOURCES,
    SUMS,
    T0,
    amounts,
    counts,
    maybe,
    merged_readings,
    pools,
    readings,
    restarted,
    row,
    rules,
    see,
    see_all,
    sightings,
    some,
    texts,
    times,
)


# -- within a source ------------------------------------------------------------------------------
@some
@given(merged_readings, merged_readings, merged_readings)
def test_merging_is_commutative_associative_and_idempotent(
    a: SourceReading, b: SourceReading, c: SourceReading
) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(merge(a, b), b) == merge(a, b)
    assert encode_source_reading(merge(a, b)) == encode_source_reading(merge(b, a))


@some
@given(merged_readings, readings())
def test_merging_a_reading_is_merging_what_it_says(a: SourceReading, reading: Reading) -> None:
    assert merge_reading(a, reading) == merge(a, merge_reading(None, reading))


@some
@given(sightings, st.data(), times, rules)
def test_neither_order_nor_repetition_can_be_seen(
    seen: list[tuple[str, Reading]], data: st.DataObject, now_ms: int, rules: MergeRules
) -> None:
    again = data.draw(st.permutations([*seen, *seen[:3]]))
    assert see_all(again) == see_all(seen)
    assert row(see_all(again), now_ms, rules) == row(see_all(seen), now_ms, rules)


gaps = st.lists(st.sampled_from([0, 1, 20, 59]), min_size=3, max_size=3)  # seconds


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(sightings, st.sampled_from(SOURCES), readings(), gaps, rules)
def test_a_reading_that_confirms_changes_nothing_but_its_time(
    seen: list[tuple[str, Reading]],
    source: str,
    reading: Reading,
    steps: list[int],
    rules: MergeRules,
) -> None:
    at_ms = T0 + 15 * 60_000
    first_ms, merged_ms, second_ms, now_ms = (at_ms + 1_000 * sum(steps[:n]) for n in range(4))
    state = see(see_all(seen), source, replace(reading, observed_ms=T0 + 14 * 60_000))
    state = see(state, source, replace(reading, observed_ms=first_ms))
    again = see(state, source, replace(reading, observed_ms=second_ms))
    merged = merge_token("solana", MINT, state, merged_ms, rules)
    assume(now_ms < (merged.next_ms or 0))
    assume(confirms(source, state[source], again[source], now_ms, rules))

    assert {**row(again, now_ms, rules), "observed_ms": 0} == {**merged.values, "observed_ms": 0}


@some
@given(sightings, st.integers(0, 10), times, rules)
def test_a_restart_in_the_middle_cannot_be_seen(
    seen: list[tuple[str, Reading]], at: int, now_ms: int, rules: MergeRules
) -> None:
    through = see_all(seen[at:], restarted(see_all(seen[:at])))
    assert through == see_all(seen)
    assert row(restarted(through), now_ms, rules) == row(see_all(seen), now_ms, rules)


@some
@given(sightings, st.integers(0, 10), times, rules)
def test_the_boundaries_of_windows_cannot_be_seen(
    seen: list[tuple[str, Reading]], at: int, now_ms: int, rules: MergeRules
) -> None:
    stored: dict[str, Any] | None = None
    for part in (seen[:at], seen):
        after = row(see_all(part), now_ms, rules)
        stored = apply(stored, diff(stored, after, NO_FLOORS))
    assert stored == row(see_all(seen), now_ms, rules)


# -- time -----------------------------------------------------------------------------------------
@some
@given(sightings, times, st.floats(0, 1, exclude_max=True), rules)
def test_with_no_new_reading_a_row_holds_until_its_next_look(
    seen: list[tuple[str, Reading]], now_ms: int, part: float, rules: MergeRules
) -> None:
    found = merge_token("solana", MINT, see_all(seen), now_ms, rules)
    assume(found.next_ms is not None)
    assert found.next_ms is not None
    assert found.next_ms > now_ms
    for later_ms in (now_ms + int((found.next_ms - now_ms) * part), found.next_ms - 1):
        assert merge_token("solana", MINT, see_all(seen), later_ms, rules) == found


@some
@given(sightings, times, st.integers(0, 30).map(lambda step: step * 60_000), rules)
def test_pruning_cannot_be_seen_at_any_later_time(
    seen: list[tuple[str, Reading]], now_ms: int, later_ms: int, rules: MergeRules
) -> None:
    state = see_all(seen)
    pruned = {source: prune(reading, now_ms, rules) for source, reading in state.items()}
    at_ms = now_ms + later_ms
    assert row(pruned, at_ms, rules) == row(state, at_ms, rules)


@some
@given(sightings, rules)
def test_a_stale_row_shows_the_values_of_its_last_fresh_moment(
    seen: list[tuple[str, Reading]], rules: MergeRules
) -> None:
    state = see_all(seen)
    found = merge_token("solana", MINT, state, T0 + 840_000, rules)
    assume(not found.dead)
    while not found.values["stale"]:
        assert found.next_ms is not None
        last, found = found, merge_token("solana", MINT, state, found.next_ms, rules)
        if found.values["stale"]:
            assert found.values == {**last.values, "stale": True}


FIGURES = st.builds(
    Reading,
    chain=st.just("solana"),
    token_address=st.just(MINT),
    observed_ms=st.integers(0, T0),
    price=amounts,
    liquidity=amounts,
    volume_24h=amounts,
    holders=counts,
    pools=st.lists(pools(), max_size=1).map(tuple),
)


@some
@given(sightings, st.sampled_from(SOURCES), FIGURES, rules)
def test_what_is_older_than_every_bound_does_not_come_back(
    seen: list[tuple[str, Reading]], source: str, old: Reading, rules: MergeRules
) -> None:
    now_ms = T0 + 600_000
    state = see_all(seen)
    before = merge_token("solana", MINT, state, now_ms, rules)
    assume(not before.dead and not before.values["stale"])
    assume(any(map(has_figures, state.values())))  # without any, test_signals.py
    after = row(see(state, source, old), now_ms, rules)
    before.values.pop("created_ms", None)  # the earliest is true however late it is reported
    after.pop("created_ms", None)
    assert after == before.values


def has_figures(reading: SourceReading) -> bool:
    stamped = reading.fields.values()
    return bool(reading.pools) or any(each.value is not None for each in stamped)


# -- pools and sources ----------------------------------------------------------------------------
THIN = st.sampled_from([None, 0.0, 0.5, 1.0, 999.0])
DEEP = PoolReading(
    pool_address="deep", price=2.0, liquidity=5_000.0, market_cap=9.0, price_change_1h=4.0
)


@some
@given(
    sightings,
    st.lists(st.tuples(st.sampled_from(SOURCES[:2]), pools("WXYZ", THIN), times), max_size=5),
    rules,
)
def test_pools_below_the_floor_never_move_the_price_while_one_at_it_is_there(
    seen: list[tuple[str, Reading]], thin: list[tuple[str, PoolReading, int]], rules: MergeRules
) -> None:
    now_ms = T0 + 840_000
    deep = Reading(chain="solana", token_address=MINT, observed_ms=T0 + 480_000, pools=(DEEP,))
    state = see(see_all(seen), "dexscreener", deep)
    before = row(state, now_ms, rules)
    for source, pool, at_ms in thin:
        reading = Reading(chain="solana", token_address=MINT, observed_ms=at_ms, pools=(pool,))
        state = see(state, source, reading)
    after = row(state, now_ms, rules)
    assert {name: after.get(name) for name in PRICED} == {name: before.get(name) for name in PRICED}


@some
@given(sightings, st.lists(pools("WXYZ", st.sampled_from([0.0, 0.99])), max_size=3), times, rules)
def test_dead_pools_set_nothing_and_add_nothing(
    seen: list[tuple[str, Reading]], dead: list[PoolReading], now_ms: int, rules: MergeRules
) -> None:
    state = see_all(seen)
    assume(any(state[source].pools for source in SOURCES[:2] if source in state))
    for source in SOURCES[:2]:
        if source in state and state[source].pools:
            at_ms = max(pool.observed_ms for pool in state[source].pools.values())
            reading = Reading(
                chain="solana", token_address=MINT, observed_ms=at_ms, pools=tuple(dead)
            )
            dying = see(state, source, reading)
            assert row(dying, now_ms, rules) == row(state, now_ms, rules)


@some
@given(sightings, readings(most_pools=0), st.sampled_from([0.0, 0.99]), rules)
def test_a_source_that_says_no_liquidity_moves_no_price_and_adds_no_trade(
    seen: list[tuple[str, Reading]], claim: Reading, liquidity: float, rules: MergeRules
) -> None:
    now_ms = T0 + 840_000
    state = {name: held for name, held in see_all(seen).items() if name != "jupiter"}
    before = row(state, now_ms, rules)
    assume(not before["stale"])
    drained = replace(claim, observed_ms=now_ms, liquidity=liquidity)
    after = row(see(state, "jupiter", drained), now_ms, rules)
    for field in (*PRICED, "volume_24h", "transactions_24h", "buys_24h", "price_change_7d"):
        assert after.get(field) == before.get(field)
    assert after["liquidity"] == max(liquidity, before.get("liquidity", 0.0))


@some
@given(sightings, times, rules)
def test_a_second_source_of_the_same_pools_adds_nothing(
    seen: list[tuple[str, Reading]], now_ms: int, rules: MergeRules
) -> None:
    state = {source: reading for source, reading in see_all(seen).items() if source != SOURCES[1]}
    assume("dexscreener" in state)
    twice = {**state, SOURCES[1]: SourceReading(pools=state["dexscreener"].pools)}
    one, two = row(state, now_ms, rules), row(twice, now_ms, rules)
    for field in (*SUMS, "pool_count", "buys_24h", "protocol", "pool_address"):
        assert one.get(field) == two.get(field)


@some
@given(sightings, st.sampled_from(SOURCES[2:]), readings(most_pools=0), rules)
def test_a_figure_is_never_more_than_the_largest_that_somebody_gives(
    seen: list[tuple[str, Reading]], source: str, reading: Reading, rules: MergeRules
) -> None:
    now_ms = T0 + 840_000
    state = {name: held for name, held in see_all(seen).items() if name != source}
    before, after = row(state, now_ms, rules), row(see(state, source, reading), now_ms, rules)
    assume(not before["stale"])
    for field in SUMS:
        given_figure = getattr(reading, field)
        most = max(before.get(field, -1), given_figure if given_figure not in (None, UNSET) else -1)
        assert after.get(field, -1) <= most


@some
@given(sightings, times, rules)
def test_no_cap_no_fdv_and_no_change_comes_from_a_quote_side(
    seen: list[tuple[str, Reading]], now_ms: int, rules: MergeRules
) -> None:
    quotes = [
        (
            source,
            Reading(
                chain="solana",
                token_address=MINT,
                observed_ms=reading.observed_ms,
                pools=tuple(pool for pool in reading.pools if pool.side == "quote"),
            ),
        )
        for source, reading in seen
    ]
    found = row(see_all(quotes), now_ms, rules)
    assert {"market_cap", "fdv", "price_change_1h"}.isdisjoint(found)


@some
@given(sightings, times, rules)
def test_every_number_of_a_row_is_finite_and_in_range(
    seen: list[tuple[str, Reading]], now_ms: int, rules: MergeRules
) -> None:
    found = row(see_all(seen), now_ms, rules)
    for value in found.values():
        assert value is not None
        if isinstance(value, int | float):
            assert math.isfinite(value)
            assert abs(value) < LIMIT
    assert (found.get("price", 1.0)) > 0
    assert ("price" in found) == ("price_source" in found)


# -- noise ----------------------------------------------------------------------------------------
FLOORS = NoiseFloors()
figures = maybe(st.sampled_from([0.0, 1e-9, 100.0, 100.005, 100.05, 100.2, 120.0]))
rows = st.fixed_dictionaries(
    {"id": st.just("solana:A"), "sources": st.lists(texts, max_size=2), "stale": st.booleans()},
    optional={
        "price": figures,
        "volume_24h": figures,
        "price_change_1h": figures,
        "price_spread_pct": figures,
        "token_name": texts,
        "holders": counts,
        "observed_ms": times,
    },
).map(lambda row: {name: value for name, value in row.items() if value is not None})


@some
@given(st.none() | rows, rows)
def test_without_floors_applying_the_diff_gives_the_row(
    before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    change = diff(before, after, NO_FLOORS)
    assert apply(before, change) == after
    assert (change is None) == (before == after)


@some
@given(st.lists(rows, min_size=2, max_size=6))
def test_each_committed_field_stays_within_its_floor_however_it_drifts(
    history: list[dict[str, Any]],
) -> None:
    committed = apply(None, diff(None, history[0], FLOORS))
    for after in history[1:]:
        committed = apply(committed, diff(committed, after, FLOORS))
        assert committed.keys() == after.keys()
        for name, floor in (("price", 1e-4), ("volume_24h", 1e-3)):
            held, new = committed.get(name, 0.0), after.get(name, 0.0)
            assert abs(new - held) <= floor * held
        for name, floor, points in (
            ("price_change_1h", 1e-3, 0.01),
            ("price_spread_pct", 0.05, 0.1),
        ):
            held, new = committed.get(name, 0.0), after.get(name, 0.0)
            assert abs(new - held) <= max(floor * held, points)
        assert abs(after.get("observed_ms", 0) - committed.get("observed_ms", 0)) <= 30_000
        assert (committed["sources"], committed["stale"]) == (after["sources"], after["stale"])


@some
@given(rows, rows)
def test_what_does_not_count_is_not_in_a_diff_twice(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    committed = apply(before, diff(before, after, FLOORS))
    assert diff(committed, after, FLOORS) is None


# -- reading one message --------------------------------------------------------------------------
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
fields = st.sampled_from([*Reading.__struct_fields__, "unknown"])


@some
@given(
    st.binary()
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(fields, json_values).map(
        lambda extra: json.dumps(
            {"chain": "solana", "token_address": MINT, "observed_ms": T0, **extra}
        ).encode()
    )
)
def test_hostile_bytes_are_a_reading_or_refused_and_nothing_else(raw: bytes) -> None:
    reading, reason = None, None
    try:
        reading = decode_reading(raw, T0)
    except ReadingError as error:
        reason = error.reason
    assert (reading is None) == (reason in {"malformed", "invalid", "chain", "address"})
    if reading is not None:
        held = merge_reading(None, reading)
        assert decode_source_reading(encode_source_reading(held)) == held
        assert reading.observed_ms <= T0
