"""What an aggregator remembers, and when it looks at a token again. Time is passed in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.aggregator.memory import SAVE_EVERY_MS, Memory
from shared.merge.policy import MergeRules
from shared.merge.readings import ReadingError, decode_source_reading
from shared.model import PoolReading, Reading

T0 = 1_790_000_000_000


def reading(address: str = "A", at: int = T0, **fields: object) -> Reading:
    given = {"chain": "solana", "token_address": address, "observed_ms": at, **fields}
    return msgspec.convert(given, Reading)


def test_a_reading_makes_its_token_dirty_once() -> None:
    memory = Memory(max_tokens=10)

    assert memory.add("jupiter", reading(price=1.0), T0) == "solana:A"
    assert memory.take_dirty(T0) == ["solana:A"]
    assert memory.take_dirty(T0) == []


def test_a_repeated_reading_is_nothing_new() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(price=1.0), T0)
    memory.take_dirty(T0)

    memory.add("jupiter", reading(price=1.0), T0 + 1)

    assert memory.take_dirty(T0 + 1) == []


def test_there_is_room_for_so_many_tokens_and_no_more() -> None:
    memory = Memory(max_tokens=1)
    memory.add("jupiter", reading("A", price=1.0), T0)

    with pytest.raises(ReadingError, match="too_many_tokens"):
        memory.add("jupiter", reading("B", price=1.0), T0)
    assert memory.add("dexscreener", reading("A", price=1.1), T0) == "solana:A"
    assert memory.tokens() == ["solana:A"]


def test_a_scheduled_token_comes_up_at_its_time_and_only_its_last_time() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(price=1.0), T0)
    memory.take_dirty(T0)
    memory.schedule("solana:A", T0 + 100)
    memory.schedule("solana:A", T0 + 200)
    memory.schedule("solana:A", T0 + 200)

    assert memory.take_dirty(T0 + 199) == []
    assert memory.take_dirty(T0 + 200) == ["solana:A"]
    assert memory.take_dirty(T0 + 300) == []


def test_a_token_that_is_put_off_again_and_again_keeps_one_place() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(price=1.0), T0)
    memory.take_dirty(T0)
    for later_ms in range(1_000):
        memory.schedule("solana:A", T0 + 1_000 + later_ms)

    assert len(memory._due) == 1
    assert memory.take_dirty(T0 + 1_998) == []
    assert memory.take_dirty(T0 + 1_999) == ["solana:A"]
    assert memory.take_dirty(T0 + 9_999) == []


def test_a_token_without_a_next_time_is_not_looked_at_again() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(price=1.0), T0)
    memory.take_dirty(T0)
    memory.schedule("solana:A", T0 + 100)
    memory.schedule("solana:A", None)

    assert memory.take_dirty(T0 + 100) == []


def known(source: str = "jupiter") -> Memory:
    """A token that was merged at T0, holds for 60 s and is shown as of T0."""
    memory = Memory(max_tokens=10)
    memory.add(source, reading(price=1.0, volume_24h=5.0), T0)
    memory.take_dirty(T0)
    memory.schedule("solana:A", T0 + 60_000, holds_ms=T0 + 30_000)
    return memory


@pytest.mark.parametrize(
    ("source", "later_ms", "fields", "looked_at"),
    [
        ("jupiter", 30_000, {"price": 1.0, "volume_24h": 5.0}, False),
        ("jupiter", 30_000, {"price": 1.0}, False),
        ("jupiter", 30_001, {"price": 1.0}, True),
        ("jupiter", 10_000, {"price": 1.1}, True),
        ("jupiter", 10_000, {"price": 1.0, "liquidity": 7.0}, True),
        ("ingest:a", 10_000, {"price": 1.0}, True),
        ("ingest:a", 10_000, {"volume_24h": 5.0, "price": None}, True),
    ],
    ids=[
        "the same", "a part of it", "its time is to be shown", "another value", "one more value",
        "of producers the newest counts", "no longer known",
    ],
)  # fmt: skip
def test_a_reading_that_says_what_is_known_needs_no_look(
    source: str, later_ms: int, fields: dict[str, Any], *, looked_at: bool
) -> None:
    memory = known(source)

    memory.add(source, reading(at=T0 + later_ms, **fields), T0 + later_ms)

    assert bool(memory.take_dirty(T0 + later_ms)) is looked_at
    assert memory.take_unsaved("solana:A", T0 + later_ms, force=True) != {}


def test_a_reading_after_a_crossed_bound_is_looked_at() -> None:
    memory = known()
    memory.schedule("solana:A", T0 + 5_000, holds_ms=T0 + 30_000)

    memory.add("jupiter", reading(at=T0 + 5_000, price=1.0), T0 + 5_000)

    assert memory.take_dirty(T0 + 5_000) == ["solana:A"]


def test_only_known_tokens_can_be_touched() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(price=1.0), T0)
    memory.take_dirty(T0)

    memory.touch(["solana:A", "solana:unknown"], T0)

    assert memory.take_dirty(T0) == ["solana:A"]


def test_a_standby_forgets_what_the_leader_has_long_committed() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading("A", price=1.0), T0)
    memory.add("jupiter", reading("B", price=1.0), T0 + 500)

    memory.forget_dirty(before_ms=T0 + 500)

    assert memory.take_dirty(T0 + 500) == ["solana:B"]


def test_stored_readings_merge_with_those_received_since() -> None:
    stored = Memory(max_tokens=10)
    stored.add("jupiter", reading(at=T0, price=1.0, holders=5), T0)
    saved = stored.take_unsaved("solana:A", T0, force=True)

    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(at=T0 + 9, price=2.0), T0 + 9)
    memory.merge_stored("solana:A", {**saved, "broken": b"not JSON"})

    fields = memory.sources("solana:A")["jupiter"].fields
    assert (fields["price"].value, fields["holders"].value) == (2.0, 5)
    assert list(memory.sources("solana:A")) == ["jupiter"]


def test_readings_are_saved_with_their_row_and_otherwise_every_thirty_seconds() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(at=T0, price=1.0), T0)
    assert list(memory.take_unsaved("solana:A", T0, force=True)) == ["jupiter"]
    assert memory.take_unsaved("solana:A", T0, force=True) == {}

    memory.add("jupiter", reading(at=T0 + 1, price=1.0), T0 + 1)

    assert memory.take_unsaved("solana:A", T0 + 1, force=False) == {}
    assert memory.overdue(T0 + 1, limit=10) == []
    assert memory.overdue(T0 + SAVE_EVERY_MS, limit=10) == ["solana:A"]
    later = memory.take_unsaved("solana:A", T0 + SAVE_EVERY_MS, force=False)
    assert decode_source_reading(later["jupiter"]).fields["price"].observed_ms == T0 + 1


def test_readings_of_a_failed_commit_are_saved_with_the_next() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(price=1.0), T0)
    taken = memory.take_unsaved("solana:A", T0, force=True)

    memory.put_back("solana:A", taken)
    memory.put_back("solana:gone", taken)

    assert memory.overdue(T0, limit=10) == ["solana:A"]
    assert memory.take_unsaved("solana:A", T0, force=False) == taken


def test_overdue_is_bounded() -> None:
    memory = Memory(max_tokens=10)
    for address in "ABC":
        memory.add("jupiter", reading(address, price=1.0), T0)

    assert len(memory.overdue(T0, limit=2)) == 2


def test_a_forgotten_token_leaves_nothing_behind() -> None:
    memory = Memory(max_tokens=10)
    memory.add("jupiter", reading(price=1.0), T0)
    memory.schedule("solana:A", T0 + 1)

    memory.forget("solana:A")

    assert len(memory) == 0
    assert memory.take_dirty(T0 + 10) == []
    assert memory.take_unsaved("solana:A", T0, force=True) == {}


def test_pools_that_no_merge_can_use_are_dropped() -> None:
    memory = Memory(max_tokens=10)
    rules = MergeRules()
    for pool, at in (("P1", T0), ("P2", T0 + rules.sums_stale_ms + 1)):
        pools = (PoolReading(pool_address=pool, price=1.0, liquidity=5000.0),)
        memory.add("dexscreener", msgspec.structs.replace(reading(at=at), pools=pools), at)

    memory.prune("solana:A", T0 + rules.sums_stale_ms + 1, rules)
    memory.prune("solana:A", T0 + rules.sums_stale_ms + 1, rules)

    assert list(memory.sources("solana:A")["dexscreener"].pools) == ["P2"]
