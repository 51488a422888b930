"""Lines under zstd: what comes back, and what is said of damaged and foreign files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import zstandard

from shared.recording.lines import LineWriter, RecordingError, read_lines
from shared.recording.traffic import (
    End,
    RecordedAnswer,
    TrafficHead,
    encode,
    read_answers,
    summarize,
)

BEGAN = 1_795_262_400_000


def head(**changes: object) -> bytes:
    first = TrafficHead(version="0.1.0", began_ms=BEGAN, sources={"jupiter": "https://api.jup.ag"})
    return encode(msgspec.structs.replace(first, **changes))


def answer(at_ms: int = BEGAN + 5, **fields: object) -> bytes:
    return encode(RecordedAnswer(at_ms=at_ms, took_ms=1, source="jupiter", path="/x", **fields))  # type: ignore[arg-type]


def end(answers: int, at_ms: int = BEGAN + 9) -> bytes:
    return encode(End(at_ms=at_ms, answers=answers, why="stopped"))


def packed(*lines: bytes) -> bytes:
    return zstandard.compress(b"".join(line + b"\n" for line in lines))


def test_lines_come_back_and_an_ordinary_zstd_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "x.zst"
    with LineWriter(file) as writer:
        writer.write(b'{"a":1}')
        writer.flush()
        assert list(read_lines(file)) == [b'{"a":1}']  # of a file that is still being written
        writer.write(b"{}")

    assert list(read_lines(file)) == [b'{"a":1}', b"{}"]
    with file.open("rb") as stream:
        assert zstandard.ZstdDecompressor().stream_reader(stream).read() == b'{"a":1}\n{}\n'


def test_a_file_that_is_there_is_never_touched(tmp_path: Path) -> None:
    file = tmp_path / "x.zst"
    file.write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        LineWriter(file)

    assert file.read_bytes() == b"mine"


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    file = tmp_path / "bomb.zst"
    file.write_bytes(zstandard.compress(b"a" * 200_000_000))

    with pytest.raises(RecordingError, match="a line of more than 1000000 bytes"):
        list(read_lines(file, longest=1_000_000))


def cut(data: bytes) -> bytes:
    return data[: len(data) - 12]


WHOLE = packed(head(), answer(body="x" * 400), answer(BEGAN + 6), end(2))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no recording of dexwire"),
        (b"PK\3\4 something else", "no recording of dexwire"),
        (packed(b'{"hello":1}'), "no recording of dexwire"),
        (packed(), "no recording of dexwire"),
        (packed(answer(), end(1)), "no recording of dexwire"),
        (packed(head(format=2), end(0)), "format 2, of a newer version"),
        (packed(head(), end(0)), "holds no answer"),
        (packed(head(), answer(), answer()), "ends early: it was cut off after 2 answers"),
        (cut(WHOLE), "ends early|damaged"),
        (WHOLE[:60] + b"\xff" * 8 + WHOLE[68:], "damaged"),
        (packed(head(), answer(), b"[" * 100_000, end(2)), "damaged after 1 answers"),
        (packed(head(), answer(), b'{"t":"answer","at_ms":-1}', end(2)), "damaged after 1 answers"),
        (packed(head(), answer(), b"\xff\xfe", end(2)), "damaged after 1 answers"),
        (packed(head(), answer(BEGAN + 7), answer(), end(2)), "times out of order"),
        (packed(head(), answer(BEGAN + 9 * 86_400_000), end(1)), "times out of order"),
        (packed(head(), head(), end(0)), "times out of order"),
        (packed(head(), answer(), end(3)), "3 answers were written, 1 are there"),
        (packed(head(), answer(), end(1), answer()), "1 answers were written, 1 are there"),
    ],
)
def test_a_damaged_or_foreign_file_is_named_with_its_fault(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    file = tmp_path / "market.zst"
    file.write_bytes(content)

    with pytest.raises(RecordingError, match=complaint) as caught:
        summarize(file)

    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "missing", [lambda folder: folder, lambda folder: folder / "no.zst"], ids=["folder", "missing"]
)
def test_what_is_no_file_is_named(tmp_path: Path, missing: Callable[[Path], Path]) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        summarize(missing(tmp_path))


def test_a_summary_says_where_from_and_how_long(tmp_path: Path) -> None:
    file = tmp_path / "market.zst"
    file.write_bytes(WHOLE)

    found = summarize(file)

    assert (found.answers, found.why, found.seconds) == (2, "stopped", 0.009)
    assert found.head.sources == {"jupiter": "https://api.jup.ag"}
    assert [each.at_ms for each in read_answers(file)] == [BEGAN + 5, BEGAN + 6]
