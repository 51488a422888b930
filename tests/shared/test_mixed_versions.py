"""Services of this version beside newer ones: what they do not know they carry along."""

from __future__ import annotations

from msgspec import Raw

from shared.state import row as rows_
from shared.state.messages import Commit, decode
from shared.state.replica import Replica


def encoded(row: dict[str, bytes]) -> Raw:
    return Raw(rows_.encode_row(row))


def digest(row: dict[str, bytes]) -> str:
    return rows_.format_digest(rows_.row_hash(row))


def test_a_copy_stays_exact_over_a_row_with_a_field_of_tomorrow() -> None:
    row = {"id": b'"solana:cat"', "price": b"1.5", "mood": b'"good"', "rv": b"1"}
    later = {**row, "mood": b'"bad"', "rv": b"2"}
    change = b'{"id":"solana:cat","mood":"bad","rv":2}'
    replica = Replica()
    replica.reset("e")

    # Raises Diverged unless the digest is that of the writer, which knows the field.
    replica.apply(Commit(e="e", pv=0, v=1, ts=0, digest=digest(row), add=[encoded(row)]))
    replica.apply(Commit(e="e", pv=1, v=2, ts=0, digest=digest(later), set=[Raw(change)]))

    assert replica.fields("solana:cat") == later


def test_a_message_with_a_part_of_tomorrow_is_understood() -> None:
    message = b'{"schema":1,"t":"d","e":"e","pv":0,"v":1,"ts":0,"digest":"","new":[1,{"a":2}]}'

    commit = decode(message)

    assert isinstance(commit, Commit)
    assert commit.v == 1
