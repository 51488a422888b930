"""Safety, people, launches and links in the row: which source's word stands, and why."""

from __future__ import annotations

from typing import Any

import pytest

from shared.merge.explain import explain
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, merge_reading
from shared.merge.rules import merge_token
from shared.model import Links, PoolReading, Reading

T0 = 1_790_000_000_000
MIN = 60_000
MINT = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
RULES = MergeRules()
State = dict[str, SourceReading]


def seen(state: State | None = None, /, at_ms: int = T0, **by_source: dict[str, Any]) -> State:
    """What is known after each source (`ingest_x` is a producer) has reported something."""
    after = dict(state or {})
    for name, fields in by_source.items():
        source = name.replace("ingest_", "ingest:")
        reported = Reading(chain="solana", token_address=MINT, observed_ms=at_ms, **fields)
        after[source] = merge_reading(after.get(source), reported)
    return after


def row(state: State, now_ms: int = T0) -> dict[str, Any]:
    return merge_token("solana", MINT, state, now_ms, RULES).values


@pytest.mark.parametrize(
    ("field", "one", "other", "shown"),
    [
        ("mint_revoked", True, False, False),
        ("freeze_revoked", False, True, False),
        ("verified", True, False, False),
        ("top_holders_pct", 12.5, 80.0, 80.0),
        ("dev_pct", 3.0, 1.0, 3.0),
        ("dev_mints", 1, 400, 400),
    ],
)
def test_where_sources_differ_on_safety_the_worse_is_shown_and_the_other_reported(
    field: str, one: object, other: object, shown: object
) -> None:
    state = seen(jupiter={field: one}, ingest_audit={field: other})

    assert row(state)[field] == shown
    explained = explain(state, T0, RULES).fields[field]
    worse, better = ("jupiter", "ingest:audit") if shown == one else ("ingest:audit", "jupiter")
    assert (explained.value, explained.source) == (shown, worse)
    assert [(p.source, p.reason) for p in explained.passed_over] == [(better, "safer")]


@pytest.mark.parametrize("late", [True, False])
def test_signals_keep_a_token_fresh_until_a_figure_of_it_is_known_however_old(
    *, late: bool
) -> None:
    boosted, old = {"boosts": 50}, {"price": 2.0, "liquidity": 9.0}
    alone = seen(jupiter=boosted)
    if late:
        both = seen(alone, at_ms=T0 - 60 * MIN, dexscreener=old)
    else:
        both = seen(seen(at_ms=T0 - 60 * MIN, dexscreener=old), jupiter=boosted)

    assert row(alone)["stale"] is False
    assert (row(both)["stale"], row(both)["price"]) == (True, 2.0)


def test_what_is_not_known_is_not_safe() -> None:
    state = seen(jupiter={"price": 1.0, "mint_revoked": None, "verified": None})

    assert not {"mint_revoked", "freeze_revoked", "verified", "flags"} & {*row(state)}


def test_people_and_parts_of_a_volume_come_from_the_first_to_report_them() -> None:
    state = seen(
        jupiter={"organic_score": 40.0, "net_buyers_1h": -3, "buy_volume_1h": 10.0},
        ingest_a={"organic_score": 90.0, "net_buyers_1h": 9, "sell_volume_1h": 7.0},
    )
    found = row(state)

    assert (found["organic_score"], found["net_buyers_1h"], found["buy_volume_1h"]) == (
        40.0,
        -3,
        10,
    )
    # Parts of one volume are never of two sources.
    assert "sell_volume_1h" not in found


def test_traders_are_the_largest_that_is_seen_and_never_added_up() -> None:
    pools = (
        PoolReading(pool_address="A", price=1.0, liquidity=9e3, volume_24h=9e3, traders_24h=70),
        PoolReading(pool_address="B", price=1.0, liquidity=9e3, volume_24h=9e3, traders_24h=90),
    )
    alone = seen(geckoterminal={"pools": pools})
    both = seen(alone, jupiter={"traders_24h": 130})

    assert (row(alone)["traders_24h"], row(both)["traders_24h"]) == (90, 130)
    explained = explain(alone, T0, RULES).fields["traders_24h"]
    assert (explained.source, explained.pool) == ("geckoterminal", "B")


def test_links_of_each_kind_and_the_image_are_of_the_first_to_report_one() -> None:
    state = seen(
        jupiter={"links": Links(x="https://x.com/a")},
        dexscreener={"links": Links(x="https://x.com/b", website="https://b.example")},
        geckoterminal={"image": "https://g.example/i.png"},
    )

    assert row(state)["links"] == {"website": "https://b.example", "x": "https://x.com/a"}
    assert row(state)["image"] == "https://g.example/i.png"
    assert explain(state, T0, RULES).fields["links"].source == "dexscreener+jupiter"


def test_flags_follow_from_the_row_and_say_whose_word_they_are() -> None:
    state = seen(
        jupiter={"suspicious": True, "mint_revoked": False, "freeze_revoked": False},
        dexscreener={"boosts": 50},
        ingest_a={"liquidity": 0.2},
    )

    assert row(state)["flags"] == ["boosted", "drained", "freezable", "mintable", "suspicious"]
    explained = explain(state, T0, RULES).fields["flags"]
    assert explained.rule == (
        "boosted: dexscreener; drained: ingest:a; freezable: jupiter; mintable: jupiter; "
        "suspicious: jupiter"
    )
