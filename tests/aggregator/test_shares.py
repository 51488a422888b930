"""Whose tokens a full list keeps: those of polled sources, then equal shares of the producers."""

from __future__ import annotations

import msgspec
import pytest

from services.aggregator.intake import Intake
from services.aggregator.memory import Memory
from services.aggregator.shares import Shares
from shared.merge.readings import ReadingError
from shared.model import Reading

T0 = 1_790_000_000_000


def reading(address: str, **fields: float) -> Reading:
    given = {"chain": "solana", "token_address": address, "observed_ms": T0, "price": 1.0}
    return msgspec.convert({**given, **fields}, Reading)


def post(memory: Memory, producer: str, *addresses: str, **fields: float) -> None:
    for address in addresses:
        memory.add(f"ingest:{producer}", reading(address, **fields), T0, producer)


def names(memory: Memory) -> str:
    return "".join(sorted(token.removeprefix("solana:") for token in memory.tokens()))


def test_a_producer_has_no_more_than_its_share_whatever_it_calls_its_sources() -> None:
    memory = Memory(max_tokens=10, max_per_producer=2)
    memory.add("ingest:one", reading("A"), T0, "bot")
    memory.add("ingest:two", reading("B"), T0, "bot")

    with pytest.raises(ReadingError, match="producer_share"):
        memory.add("ingest:three", reading("C"), T0, "bot")
    post(memory, "other", "X")

    assert names(memory) == "ABX"


def test_a_token_that_a_polled_source_knows_counts_for_nobody() -> None:
    memory = Memory(max_tokens=10, max_per_producer=1)
    post(memory, "bot", "A")
    memory.add("jupiter", reading("A"), T0)

    post(memory, "bot", "B")

    assert names(memory) == "AB"


def test_polled_tokens_take_the_room_of_untraded_ones_then_of_the_oldest() -> None:
    memory = Memory(max_tokens=3)
    post(memory, "bot", "A", volume_24h=5.0)
    post(memory, "bot", "B", "C")
    post(memory, "bot", "B")  # posted once more: C was silent for longest

    memory.add("jupiter", reading("X"), T0)
    assert names(memory) == "ABX"
    memory.add("jupiter", reading("Y"), T0)
    assert names(memory) == "AXY"
    memory.add("jupiter", reading("Z"), T0)
    assert names(memory) == "XYZ"
    with pytest.raises(ReadingError, match="too_many_tokens"):
        memory.add("jupiter", reading("P"), T0)
    assert memory.made_room == 3


def test_producers_share_a_full_list_equally_and_nobody_displaces_one_with_less() -> None:
    memory = Memory(max_tokens=5)
    post(memory, "greedy", "A", "B", "C", "D", "E", volume_24h=1e9)

    post(memory, "modest", "X", "Y")
    with pytest.raises(ReadingError, match="too_many_tokens"):
        post(memory, "modest", "Z")
    with pytest.raises(ReadingError, match="too_many_tokens"):
        post(memory, "greedy", "A")

    assert names(memory) == "CDEXY"


def test_what_made_room_is_looked_at_until_its_removal_is_committed() -> None:
    memory = Memory(max_tokens=1)
    post(memory, "bot", "A")
    memory.take_dirty(T0)
    memory.add("jupiter", reading("X"), T0)

    assert memory.take_dirty(T0) == ["solana:A", "solana:X"]
    memory.merge_stored("solana:A", {"ingest:bot": b'{"fields":{"price":[1,1]}}'})
    assert names(memory) == "X"  # what the store holds does not bring it back
    memory.touch(["solana:A", "solana:X"], T0)  # as after a commit that failed
    assert memory.take_dirty(T0) == ["solana:A", "solana:X"]
    memory.left(["solana:A", "solana:X"])
    memory.touch(["solana:A", "solana:X"], T0)
    assert memory.take_dirty(T0) == ["solana:X"]


def test_tokens_read_from_the_store_count_for_their_source() -> None:
    memory = Memory(max_tokens=2)
    memory.merge_stored("solana:A", {"ingest:bot": b'{"fields":{"price":[1,1]}}'})
    memory.merge_stored("solana:B", {"jupiter": b'{"fields":{"price":[1,1]}}'})

    memory.add("jupiter", reading("X"), T0)

    assert names(memory) == "BX"


def test_a_token_that_made_room_before_its_commit_is_reported_as_refused() -> None:
    memory = Memory(max_tokens=1)
    intake = Intake(memory, include_quote_assets=False)
    intake.take(
        b'{"schema":1,"source":"ingest:bot","batch_id":"b","sent_ms":0,"ack":true,"producer":"p",'
        b'"tokens":[{"chain":"solana","token_address":"A","observed_ms":900,"price":1}]}',
        1_000,
    )
    memory.add("jupiter", reading("X"), T0)

    refused = {"b": {"too_many_tokens": [0]}}
    assert intake.refusals(intake.waiting, set()) == refused
    assert intake.refusals(intake.waiting, {"solana:A"}) == {}  # it is in the commit


def test_shares_count_as_tokens_come_and_go() -> None:
    shares = Shares()
    for token, producer in (("a", "x"), ("b", "x"), ("c", "y"), ("a", "y")):
        shares.put(token, producer, traded=False)

    assert (shares.count("x"), shares.count("y"), shares.weakest()) == (2, 1, "b")
    assert shares.weakest(more_than=2) is None
    shares.drop("b")
    shares.drop("unknown")
    assert shares.weakest(more_than=1) is None
    shares.drop("a")
    assert shares.weakest() == "c"
    shares.drop("c")
    assert shares.weakest() is None
