"""Rows as bytes: joined in row order, patched by diffs, hashed whatever their order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.model import ROW_FIELDS
from shared.state.row import (
    add_to_digest,
    decode_row,
    encode_row,
    format_digest,
    patch,
    patch_row,
    row_hash,
)

names = st.sampled_from([*ROW_FIELDS[1:], "zz_future", "a_future"])
values = st.one_of(st.integers(0, 10**6), st.floats(0, 1e14), st.text(max_size=8), st.booleans())
encoded = values.map(msgspec.json.encode)
rows = st.dictionaries(names, encoded).map(lambda row: {**row, "id": b'"solana:A"'})


def test_id_comes_first_and_unknown_fields_come_last() -> None:
    row = {"zz_future": b"1", "rv": b"7", "price": b"0.5", "id": b'"solana:A"'}

    assert encode_row(row) == b'{"id":"solana:A","price":0.5,"rv":7,"zz_future":1}'


def test_null_in_a_patch_makes_a_field_unknown() -> None:
    before = {"id": b'"solana:A"', "price": b"0.5", "volume_24h": b"10"}

    assert patch(before, {"price": b"null", "liquidity": b"3"}) == {
        "id": b'"solana:A"',
        "volume_24h": b"10",
        "liquidity": b"3",
    }


@given(rows)
def test_a_row_survives_joining_and_splitting(row: dict[str, bytes]) -> None:
    assert decode_row(encode_row(row)) == row


@given(rows, st.dictionaries(names, st.one_of(encoded, st.just(b"null"))))
def test_a_joined_row_is_patched_as_its_fields_are(
    row: dict[str, bytes], changes: dict[str, bytes]
) -> None:
    after = patch(row, changes)

    assert patch_row(encode_row(row), changes) == (encode_row(after), row_hash(after))


@given(rows, st.randoms())
def test_the_hash_does_not_depend_on_the_order_of_fields(row, dice) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - hypothesis's Random
    shuffled = list(row.items())
    dice.shuffle(shuffled)

    assert row_hash(dict(shuffled)) == row_hash(row)


@given(rows, rows)
def test_different_rows_hash_differently(a: dict[str, bytes], b: dict[str, bytes]) -> None:
    assert (row_hash(a) == row_hash(b)) == (a == b)


def test_a_digest_wraps_at_64_bits_and_forgets_what_is_taken_away() -> None:
    full = add_to_digest(2**64 - 1, plus=5)

    assert full == 4
    assert add_to_digest(full, minus=5) == 2**64 - 1
    assert format_digest(4) == "0000000000000004"
