"""The explanation of a row: it has the values of the row, and why not others."""

import ast
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import convert

from bench.rows import recordings
from shared.merge import drained, readings, standing
from shared.merge.explain import Explanation, explain
from shared.merge.explained import FieldExplanation
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, merge_reading
from shared.merge.rules import merge_token
from shared.model import Reading
from tests.testkit.merge import MINT, T0, see_all, sightings, times

UNEXPLAINED = {"id", "token_address", "chain"}
RULES = st.sampled_from(
    [
        MergeRules(),
        MergeRules(price_rule="weighted"),
        MergeRules(price_order=("jupiter", "pools"), name_order=("ingest", "dexscreener")),
        MergeRules(pool_sources=("geckoterminal",), price_stale_ms=600_000, sums_stale_ms=120_000),
    ]
)
later = st.one_of(times, st.integers(0, 30).map(lambda step: T0 + step * 120_000))


@settings(max_examples=300)
@given(sightings, later, RULES)
def test_every_value_explained_is_the_row_s_and_every_value_of_the_row_is_explained(
    seen: list[tuple[str, Reading]], now_ms: int, rules: MergeRules
) -> None:
    state = see_all(seen)
    merged = merge_token("solana", MINT, state, now_ms, rules)
    explained = explain(state, now_ms, rules).fields
    known = {name: field.value for name, field in explained.items() if field.value is not None}
    row = {name: value for name, value in merged.values.items() if name not in UNEXPLAINED}
    assert merged.dead or known == row


@settings(max_examples=100)
@given(sightings, later, RULES)
def test_what_was_taken_is_not_passed_over_and_each_is_passed_over_once(
    seen: list[tuple[str, Reading]], now_ms: int, rules: MergeRules
) -> None:
    for name, explained in explain(see_all(seen), now_ms, rules).fields.items():
        over = [(each.source, each.pool, each.pools) for each in explained.passed_over]
        assert len(set(over)) == len(over)
        if explained.pools is None and explained.source and "+" not in explained.source:
            assert (
                (explained.source, explained.pool, None) not in over
                or name in {"protocol", "created_ms"}
                or (name == "price" and rules.price_rule == "weighted")
            )
        assert all(each.why for each in explained.passed_over)


@settings(max_examples=300)
@given(sightings, later, RULES)
def test_every_source_that_says_another_value_is_taken_or_passed_over(
    seen: list[tuple[str, Reading]], now_ms: int, rules: MergeRules
) -> None:
    state = see_all(seen)
    for name, explained in explain(state, now_ms, rules).fields.items():
        others = {
            source
            for source, reading in state.items()
            if (said := reading.fields.get(name)) and said.value not in (None, explained.value)
        }
        taken = set((explained.source or "").split("+"))
        assert others <= taken | {each.source for each in explained.passed_over}, name


@settings(max_examples=100)
@given(sightings, later, RULES)
def test_pools_that_add_are_as_many_as_the_row_counts(
    seen: list[tuple[str, Reading]], now_ms: int, rules: MergeRules
) -> None:
    state = see_all(seen)
    row = merge_token("solana", MINT, state, now_ms, rules).values
    pools = explain(state, now_ms, rules).pools
    assert sum(pool.adds for pool in pools) == row.get("pool_count", 0)
    priced = [pool.pool.pool_address for pool in pools if pool.role == "price"]
    assert priced == ([row["pool_address"]] if "pool_address" in row else [])


# -- in words -------------------------------------------------------------------------------------
Pool = dict[str, object]


def saw(at_ms: int = T0, *pools: Pool, **fields: object) -> SourceReading:
    names = {"chain": "solana", "token_address": MINT, "observed_ms": at_ms}
    return merge_reading(None, convert({**names, **fields, "pools": list(pools)}, Reading))


def why(explained: FieldExplanation) -> list[tuple[str, str | None, Any, str]]:
    return [(each.source, each.pool, each.value, each.reason) for each in explained.passed_over]


DEEP: Pool = {
    "pool_address": "Deep",
    "price": 2.0,
    "liquidity": 50_000.0,
    "volume_24h": 900.0,
    "price_change_1h": 4.0,
}


def explained(
    state: dict[str, SourceReading], now_ms: int = T0, rules: MergeRules | None = None
) -> Explanation:
    return explain(state, now_ms, rules or MergeRules())


def test_a_price_says_its_pool_its_age_and_who_was_passed_over_and_why() -> None:
    thin: Pool = {"pool_address": "Thin", "price": 9.0, "liquidity": 20.0, "volume_24h": 1.0}
    dead: Pool = {"pool_address": "Dead", "price": 7.0, "liquidity": 0.0, "volume_24h": 65e6}
    state = {
        "dexscreener": saw(T0 - 4_000, DEEP, thin, dead),
        "jupiter": saw(T0 - 9_000, price=2.1, volume_24h=880.0),
        "ingest:desk": saw(T0 - 700_000, price=3.0),
    }
    found = explained(state).fields
    price, volume = found["price"], found["volume_24h"]
    assert (price.value, price.source, price.pool, price.age_ms) == (
        2.0,
        "dexscreener",
        "Deep",
        4_000,
    )
    assert why(price) == [
        ("dexscreener", "Thin", 9.0, "thin"),
        ("dexscreener", "Dead", 7.0, "dead_pool"),
        ("ingest:desk", None, 3.0, "stale"),
        ("jupiter", None, 2.1, "lower_rank"),
    ]
    assert [each.why for each in price.passed_over] == [
        "the pool holds 20 USD, less than 1,000 USD",
        "the pool holds 0 USD: nobody can trade at its price",
        "seen 11 min ago; a price counts for 10 min",
        "dexscreener is before it: deep pools, then jupiter, then thin pools, then producers",
    ]
    assert (volume.value, volume.source, volume.pools) == (901.0, "dexscreener", 2)
    assert why(volume) == [
        ("jupiter", None, 880.0, "smaller"),
        ("dexscreener", "Dead", 65e6, "dead_pool"),
    ]


def test_a_change_that_is_older_than_its_price_may_be_is_stale() -> None:
    before = saw(T0 - MergeRules().price_stale_ms - 1, price=2.0, price_change_1h=4.0)
    state = {"jupiter": readings.merge(before, saw(price=2.5))}
    fields = explained(state).fields

    assert fields["price"].value == 2.5
    assert fields["price_change_1h"].value is None
    assert why(fields["price_change_1h"]) == [("jupiter", None, 4.0, "stale")]


def test_a_source_without_liquidity_is_explained_as_passed_over_for_that() -> None:
    state = {
        "dexscreener": saw(T0, {"pool_address": "Thin", "price": 9.0, "liquidity": 20.0}),
        "jupiter": saw(T0, price=2.1, liquidity=0.25, volume_24h=73.8e6, buys_24h=5, holders=7),
    }
    found = explained(state).fields
    assert why(found["price"]) == [("jupiter", None, 2.1, "drained")]
    assert found["price"].value == 9.0
    assert why(found["volume_24h"]) == [("jupiter", None, 73.8e6, "drained")]
    assert found["volume_24h"].value is None
    assert found["volume_24h"].passed_over[0].why == (
        "jupiter itself says that 0.25 USD of liquidity is left: nobody can trade at its price"
    )
    assert why(found["buys_24h"]) == [("jupiter", None, 5, "drained")]
    assert why(found["liquidity"]) == [("jupiter", None, 0.25, "smaller")]
    assert (found["holders"].value, found["holders"].passed_over) == (7, ())


@pytest.mark.parametrize(
    ("pool", "field", "reason"),
    [
        ({"side": "quote", "liquidity": 5e4, "market_cap": 9e9}, "market_cap", "quote_side"),
        ({"liquidity": 500.0, "market_cap": 9e9}, "market_cap", "thin"),
        ({"liquidity": 5e4, "price_change_1h": -150.0}, "price_change_1h", "impossible"),
    ],
)
def test_a_field_that_is_left_out_says_why(pool: Pool, field: str, reason: str) -> None:
    state = {"dexscreener": saw(T0, {"pool_address": "One", "price": 1.0, **pool})}
    found = explained(state).fields[field]
    assert found.value is None
    assert [each.reason for each in found.passed_over] == [reason]


def test_a_pool_that_two_sources_see_is_explained_as_counting_once() -> None:
    state = {"dexscreener": saw(T0, DEEP), "geckoterminal": saw(T0, {**DEEP, "price": 2.2})}
    pools = explained(state).pools
    assert [(pool.source, pool.role, pool.adds) for pool in pools] == [
        ("dexscreener", "price", True),
        ("geckoterminal", "other_view", False),
    ]
    assert pools[1].why == "the same pool is taken from dexscreener, so that it counts once"


def test_an_outlier_of_the_mean_is_named() -> None:
    state = {
        "dexscreener": saw(T0, DEEP),
        "jupiter": saw(T0, price=2.2, liquidity=50_000.0),
        "ingest:desk": saw(T0, price=2.8, liquidity=10.0),
        "ingest:none": saw(T0, price=2.1),
        "ingest:wild": saw(T0, price=2_000.0, liquidity=10.0),
    }
    price = explained(state, rules=MergeRules(price_rule="weighted")).fields["price"]
    assert price.value == pytest.approx(2.1)
    assert price.source == "dexscreener+jupiter"
    assert why(price) == [
        ("ingest:desk", None, 2.8, "outlier"),
        ("ingest:none", None, 2.1, "no_weight"),
        ("ingest:wild", None, 2_000.0, "outvoted"),
    ]


def test_the_raw_name_is_kept_beside_the_one_that_is_shown() -> None:
    found = explained(
        {"jupiter": saw(T0, token_name="\u202eevil\u200b  coin", token_ticker="\u200b")}
    )
    assert found.fields["token_name"].value == "evil coin"
    assert found.raw_name == "\u202eevil\u200b  coin"
    assert found.fields["token_ticker"].value is None
    assert [each.reason for each in found.fields["token_ticker"].passed_over] == ["unreadable"]


def test_a_token_that_is_about_to_be_removed_is_explained_as_it_last_was() -> None:
    found = explained({"jupiter": saw(T0, price=1.0)}, T0 + 90_000_000)
    assert found.fields["price"].value == 1.0
    assert found.fields["price"].age_ms == 90_000_000
    assert found.fields["stale"].value is True


def test_of_nothing_there_is_nothing_to_tell() -> None:
    assert explained({}) == Explanation()
    assert explained({"jupiter": saw(T0, price=None)}) == Explanation()


# -- decided once ---------------------------------------------------------------------------------
MERGE = Path(__file__).parents[2] / "shared" / "merge"


@pytest.mark.parametrize("path", sorted(MERGE.glob("explain*.py")), ids=lambda path: path.stem)
def test_an_explanation_compares_no_sizes(path: Path) -> None:
    compared = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    ]
    assert compared == []


@pytest.mark.parametrize("rules", [MergeRules(), MergeRules(price_rule="weighted")])
def test_every_recorded_and_hostile_row_is_what_its_explanation_says(rules: MergeRules) -> None:
    rows = [row for _, state in recordings() for row in state.items()]
    assert len(rows) > 500
    for (chain, address), held in rows:
        row = merge_token(chain, address, held, T0, rules).values
        found = explain(held, T0, rules).fields
        known = {name: field.value for name, field in found.items() if field.value is not None}
        assert known == {name: value for name, value in row.items() if name not in UNEXPLAINED}


BIG: Pool = {**DEEP, "pool_address": "Big", "price": 2.2, "liquidity": 60_000.0}
SMALL: Pool = {**DEEP, "liquidity": 0.5}


@pytest.mark.parametrize(
    ("threshold", "value", "given", "field", "reason"),
    [
        (standing, 0.1, {"dexscreener": saw(T0, SMALL)}, "price", "dead_pool"),
        (drained, 0.1, {"jupiter": saw(T0, price=1.0, liquidity=0.5)}, "price", "drained"),
        (readings, 0.1, {"dexscreener": saw(T0, {**SMALL, "created_ms": T0 - 9})}, "created_ms",
         "dead_pool"),
    ],
    ids=["pool", "source", "creation"],
)  # fmt: skip
def test_a_threshold_that_moves_moves_the_row_and_its_explanation(
    monkeypatch: pytest.MonkeyPatch,
    threshold: ModuleType,
    value: float,
    given: dict[str, SourceReading],
    field: str,
    reason: str,
) -> None:
    before = explained(given).fields[field]
    monkeypatch.setattr(threshold, "DEAD_LIQUIDITY", value)
    after = explained(given).fields[field]
    row = merge_token("solana", MINT, given, T0, MergeRules()).values
    assert (before.value, [each.reason for each in before.passed_over]) == (None, [reason])
    assert (after.value, after.passed_over) == (row[field], ())


@pytest.mark.parametrize(
    ("stricter", "field", "reason"),
    [
        (MergeRules(min_pool_liquidity=55_000.0), "price", "thin"),
        (MergeRules(backing_per_volume=1.0), "price", "lower_rank"),
        (MergeRules(price_stale_ms=1_000), "price", "stale"),
        (MergeRules(sums_stale_ms=1_000), "volume_24h", "stale"),
        (MergeRules(price_order=("jupiter", "thin")), "price", "not_in_order"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_moves_moves_the_row_and_its_explanation(
    stricter: MergeRules, field: str, reason: str
) -> None:
    given = {
        "dexscreener": saw(T0 - 2_000, {**DEEP, "transactions_24h": 9}),
        "geckoterminal": saw(T0, {**BIG, "volume_24h": 700.0, "transactions_24h": 9}),
        "jupiter": saw(T0, price=2.1),
    }
    for rules in (MergeRules(), stricter):
        found = explained(given, rules=rules).fields[field]
        row = merge_token("solana", MINT, given, T0, rules).values
        assert found.value == row[field]
    over = {each.reason for each in found.passed_over if each.source == "dexscreener"}
    assert over == {reason}


# -- pools ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pool", "why", "added"),
    [
        (
            {"liquidity": 500.0, "volume_24h": 100.0},
            "500 USD, less than 1,000 USD",
            "its volume, liquidity and trades are added",
        ),
        (
            {"liquidity": 9e6, "volume_24h": 2.0, "transactions_24h": 1},
            "9,000,000 USD, but only 2 USD were traded in 1 trade in 24 h",
            "its volume and trades, and 20,000 USD of its liquidity, are added",
        ),
        (
            {"liquidity": None, "volume_24h": 2.0},
            "an unknown sum, less than 1,000 USD",
            "its volume and trades are added",
        ),
        (
            {"liquidity": 9e6, "transactions_24h": 1, "other_liquidity": 3.0},
            "9,000,000 USD, but only 3 USD of the token it trades against are in it",
            "its volume and trades, and 3,000 USD of its liquidity, are added",
        ),
    ],
    ids=["small", "hardly traded", "curve", "unknown volume"],
)
def test_a_thin_pool_says_what_of_it_is_added(pool: Pool, why: str, added: str) -> None:
    thin = {"pool_address": "Thin", "price": 1.0, **pool}
    found = explained({"dexscreener": saw(T0, DEEP, thin)}).pools[1]
    assert (found.role, found.adds) == ("thin", True)
    assert found.why == f"the pool holds {why}; {added}"
