"""What comes in on `raw_tokens`: merged, or dropped and counted by reason."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.intake import MAX_MESSAGE_BYTES, Intake, decode_batch
from services.aggregator.memory import Memory
from shared.merge.readings import ReadingError

NOW = 1_790_000_000_000
GOOD = {"chain": "solana", "token_address": "A", "observed_ms": NOW, "price": 1.5}
SOL = {**GOOD, "token_address": "So11111111111111111111111111111111111111112"}


def intake(max_tokens: int = 10, *, include_quote_assets: bool = False) -> Intake:
    return Intake(Memory(max_tokens), include_quote_assets)


def message(*tokens: object, **changes: object) -> bytes:
    head = {"schema": 1, "source": "jupiter", "batch_id": "b1", "sent_ms": NOW}
    return msgspec.json.encode({**head, "tokens": list(tokens), **changes})


def test_good_tokens_are_merged_and_counted() -> None:
    it = intake()

    it.take(message(GOOD, {**GOOD, "token_address": "B"}), NOW)

    assert (it.accepted, sorted(it.memory.tokens())) == (2, ["solana:A", "solana:B"])
    assert not it.dropped
    assert not it.waiting


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (b"\x80\x04\x95.", "malformed"),
        (b'{"schema":1,"source":"\xff"}', "malformed"),
        (b"[" * 200_000, "wrong_shape"),
        (b"[]", "wrong_shape"),
        (message(schema="1"), "wrong_shape"),
        (message(schema=2), "schema"),
        (message(source="Not A Source"), "wrong_shape"),
        (message(source="jupiter\n"), "wrong_shape"),
        (message(batch_id=""), "wrong_shape"),
        (b" " * (MAX_MESSAGE_BYTES + 1), "too_large"),
    ],
)
def test_a_message_that_cannot_be_used_is_dropped_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ReadingError) as refused:
        decode_batch(data)
    assert refused.value.reason == reason

    it = intake()
    it.take(data, NOW)
    assert it.dropped == {reason: 1}


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ({**GOOD, "price": "1.5"}, "invalid"),
        ({**GOOD, "price": True}, "invalid"),
        ({**GOOD, "price": -1}, "invalid"),
        ({**GOOD, "price": 1e15}, "invalid"),
        ({**GOOD, "token_address": "a/b"}, "address"),
        ({**GOOD, "token_address": "A\n"}, "address"),
        ({**GOOD, "chain": "../x"}, "chain"),
        (SOL, "quote_asset"),
        ({"chain": "solana"}, "invalid"),
        (None, "invalid"),
    ],
)
def test_one_bad_token_is_dropped_and_the_rest_merged(token: object, reason: str) -> None:
    it = intake()

    it.take(message(GOOD, token), NOW)

    assert it.memory.tokens() == ["solana:A"]
    assert it.dropped == {reason: 1}


def test_quote_assets_are_merged_where_they_are_wanted() -> None:
    it = intake(include_quote_assets=True)

    it.take(message(SOL), NOW)

    assert it.accepted == 1


def test_tokens_beyond_the_bound_are_refused() -> None:
    it = intake(max_tokens=1)

    it.take(message(GOOD, {**GOOD, "token_address": "B"}), NOW)

    assert it.dropped == {"too_many_tokens": 1}


def test_a_batch_that_is_waited_for_names_its_tokens_until_it_is_settled() -> None:
    it = intake()
    it.take(message({**GOOD, "price": "x"}, GOOD, ack=True), NOW)

    assert it.waiting["b1"].tokens == {1: "solana:A"}
    assert it.waiting["b1"].refused == {"invalid": [0]}
    it.settle(["b1", "other"])
    assert not it.waiting


@pytest.mark.parametrize("rest", [message(GOOD)[1:], message(schema=2)[1:], b"}"])
def test_how_far_the_channel_is_read_does_not_depend_on_what_a_message_holds(rest: bytes) -> None:
    taken = intake()

    taken.take(b'{"at":1234,' + rest, NOW)
    assert taken.at == 1234
    taken.take(message(GOOD), NOW)  # of a program that publishes by itself
    assert taken.at == 1234
    taken.subscribed()
    assert taken.at is None


def test_nobody_waits_for_ever() -> None:
    it = intake()
    it.take(message(GOOD, ack=True), NOW)

    it.forget_waiting(before_ms=NOW)
    assert "b1" in it.waiting
    it.forget_waiting(before_ms=NOW + 1)
    assert not it.waiting


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_poison_among_good_messages_does_no_harm(poison: list[bytes]) -> None:
    it = intake()
    for number, junk in enumerate(poison):
        it.take(junk, NOW)
        it.take(message({**GOOD, "price": float(number + 1), "observed_ms": NOW + number}), NOW)

    assert it.accepted == len(poison)
    assert sum(it.dropped.values()) == len(poison)
