"""Frames: rows pass through as bytes, long messages are split, parts are made once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dexwire.stream.messages import Ok
from services.ws.core.frames import (
    PRIVATE_PART,
    SHARED_PART,
    Body,
    diff_parts,
    message,
    snap_parts,
)
from tests.testkit.hub import unframe


def test_rows_pass_through_byte_for_byte() -> None:
    (frame,) = snap_parts("all", "e1", 3, Body(add=(b'{"id":"s:A","price":1.10}',)))

    assert frame[2:] == (
        b'{"t":"snap","k":"all","e":"e1","v":3,"rows":[{"id":"s:A","price":1.10}]}'
    )


def test_a_snapshot_of_nothing_has_rows_all_the_same() -> None:
    (frame,) = snap_parts("all", "e1", 3, Body())

    assert unframe(frame) == [{"t": "snap", "k": "all", "e": "e1", "v": 3, "rows": []}]


def test_a_diff_leaves_out_what_it_does_not_say() -> None:
    (frame,) = diff_parts("all", 2, 3, 7, Body(gone=(b'"s:A"',)), limit=99)

    assert unframe(frame) == [{"t": "d", "k": "all", "pv": 2, "v": 3, "ts": 7, "del": ["s:A"]}]


def test_a_folded_diff_counts_its_commits() -> None:
    (frame,) = diff_parts("all", 2, 9, 7, Body(), folded=7, limit=99)

    assert unframe(frame) == [{"t": "d", "k": "all", "pv": 2, "v": 9, "ts": 7, "cf": 7}]


def test_a_list_says_its_order_once() -> None:
    body = Body(add=(b'{"id":"a"}', b'{"id":"b"}'), ids=(b'"b"', b'"a"'))
    frames = [unframe(frame)[0] for frame in diff_parts("list:x", 1, 2, 0, body, limit=19)]

    assert [frame.get("ids") for frame in frames] == [["b", "a"], None]
    assert [frame.get("more") for frame in frames] == [True, None]


def test_what_a_small_message_does_not_say_is_left_out() -> None:
    assert unframe(message(Ok(topics={}))) == [{"t": "ok", "topics": {}}]


def test_a_part_is_made_once_until_it_is_retired() -> None:
    parts = snap_parts("all", "e1", 3, Body(add=(b"{}",)))
    (first,), (second,) = parts, parts
    assert first is second

    parts.retire()

    (third,) = parts
    assert third == first
    assert third is not first


def test_who_is_in_the_middle_of_a_retired_message_gets_the_rest_in_small_parts() -> None:
    rows = tuple(b'{"id":"%d","text":"%b"}' % (n, b"x" * 1_000) for n in range(600))
    parts = snap_parts("all", "e1", 3, Body(add=rows))
    reading = iter(parts)
    first = next(reading)

    parts.retire()
    rest = list(reading)

    assert 200 * 1024 < len(first) <= SHARED_PART + 100
    assert max(map(len, rest)) <= PRIVATE_PART + 100
    decoded = [unframe(frame)[0] for frame in (first, *rest)]
    assert [row["id"] for part in decoded for row in part["rows"]] == [str(n) for n in range(600)]
    assert [part.get("more", False) for part in decoded] == [True] * (len(decoded) - 1) + [False]


entries = st.lists(st.text("ab", max_size=30).map(lambda s: b'"%b"' % s.encode()), max_size=12)


@given(entries, entries, entries, st.integers(1, 120))
def test_split_parts_say_the_same_as_the_whole(
    sets: list[bytes], adds: list[bytes], gone: list[bytes], limit: int
) -> None:
    body = Body(tuple(sets), tuple(adds), tuple(gone))

    parts = list(diff_parts("all", 1, 2, 0, body, limit=limit))

    (whole,) = [unframe(f)[0] for f in diff_parts("all", 1, 2, 0, body, limit=1 << 20)]
    decoded = [unframe(frame)[0] for frame in parts]
    for kind in ("set", "add", "del"):
        assert [e for part in decoded for e in part.get(kind, [])] == whole.get(kind, [])
    assert [part.get("more", False) for part in decoded] == [True] * (len(decoded) - 1) + [False]
    # 80 bytes are more than the head; a single entry may be longer than the limit.
    assert all(len(frame) <= max(limit, 33) + 80 for frame in parts)
