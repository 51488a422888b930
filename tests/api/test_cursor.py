"""Opaque cursors: what is given comes back, what was changed does not (FAULTS, row 48)."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.discover.cursor import (
    BadCursorError,
    Cursor,
    LostKeyError,
    decode_cursor,
    encode_cursor,
    epoch_hash,
)

SECRET = b"s" * 64
_hashes = st.binary(min_size=8, max_size=8)
cursors = st.builds(
    Cursor,
    binding=_hashes,
    epoch=_hashes,
    version=st.integers(0, 2**53),
    shown=st.lists(_hashes, max_size=100).map(tuple),
    view=st.binary(min_size=16, max_size=16),
    position=st.integers(0, 2**32 - 1),
)


def some_cursor() -> Cursor:
    return Cursor(b"bindings", epoch_hash("e1"), 184_201, (b"12345678", b"abcdefgh"))


@given(cursors)
def test_a_cursor_survives_its_text(cursor: Cursor) -> None:
    assert decode_cursor(encode_cursor(cursor, SECRET), SECRET) == cursor


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    text = encode_cursor(some_cursor(), SECRET)
    for index, letter in enumerate(text):
        for other in (chr(ord(letter) ^ 1), "A" if letter != "A" else "B", "_"):
            if other != letter:
                with pytest.raises(BadCursorError):
                    decode_cursor(text[:index] + other + text[index + 1 :], SECRET)
        with pytest.raises(BadCursorError):
            decode_cursor(text[:index], SECRET)


def test_a_forged_one_with_the_right_checksum_is_bad() -> None:
    raw = urlsafe_b64decode(encode_cursor(some_cursor(), SECRET) + "==")
    forged = raw[:40] + bytes([raw[40] ^ 1]) + raw[41:-4]
    checked = forged + zlib.crc32(forged).to_bytes(4, "big")

    with pytest.raises(BadCursorError):
        decode_cursor(urlsafe_b64encode(checked).rstrip(b"=").decode(), SECRET)


def test_one_that_another_key_signed_is_recognised() -> None:
    with pytest.raises(LostKeyError):
        decode_cursor(encode_cursor(some_cursor(), SECRET), b"t" * 64)


@given(st.text(alphabet="ABCxyz019-_", max_size=400))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(BadCursorError):
        decode_cursor(text, SECRET)
