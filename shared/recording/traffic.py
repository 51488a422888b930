"""A recording of upstream traffic, line by line, and reading it back (docs/HISTORY.md).

One `head`, an `answer` for each attempt in the order of their ends, one `end`. A file without its
end was cut off: by a full disk, a kill or a copy that stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from shared.recording.lines import RecordingError, read_lines

FORMAT: Final = 1
SPAN_MAX_MS: Final = 8 * 86_400_000  # longer than any recording of ours may be

Millis: TypeAlias = Annotated[int, Meta(ge=0, lt=10**14)]
Text = Annotated[str, Meta(max_length=65_536)]
Word = Annotated[str, Meta(max_length=256)]


class TrafficHead(Struct, frozen=True, kw_only=True, tag_field="t", tag="head"):
    """The first line: where the traffic is from."""

    dexwire: Literal["traffic"] = "traffic"
    format: int = FORMAT
    version: Word  # of dexwire
    began_ms: Millis
    sources: dict[Word, Word]  # name → address of its API
    replayed: bool = False  # of a replayed market: not of the sources themselves


class RecordedAnswer(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="answer"
):
    """One attempt, and what came of it.

    `at_ms`: when it ended, by a clock that never goes back; `observed_ms`: when its answer began.
    A body is text where it is valid UTF-8, else `raw` (base64). Status 0: nothing was answered, and
    `error` is the kind of failure.
    """

    at_ms: Millis
    took_ms: Millis
    source: Word
    method: Literal["GET"] = "GET"
    path: Text
    query: tuple[tuple[Word, Text], ...] = ()
    status: Annotated[int, Meta(ge=0, le=999)] = 0
    headers: dict[Word, Text] = {}
    observed_ms: Millis = 0
    body: str = ""
    raw: bytes = b""
    error: Word = ""

    @property
    def content(self) -> bytes:
        """The body as it arrived, inflated."""
        return self.raw or self.body.encode()


class End(Struct, frozen=True, kw_only=True, tag_field="t", tag="end"):
    """The last line: how much there was, and why no more."""

    at_ms: Millis
    answers: int
    why: Word  # "stopped", "time", "size"


Line: TypeAlias = TrafficHead | RecordedAnswer | End
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
encode: Final = msgspec.json.Encoder().encode
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole recording holds."""

    head: TrafficHead
    answers: int
    last_ms: int
    why: str

    @property
    def seconds(self) -> float:
        """How much market time it takes."""
        return (self.last_ms - self.head.began_ms) / 1000


def read_answers(path: Path) -> Iterator[RecordedAnswer]:
    """Yield the answers of a recording. Raises RecordingError where it is not whole or not ours."""
    for line in _read(path):
        if isinstance(line, RecordedAnswer):
            yield line


def summarize(path: Path) -> Summary:
    """Read a recording to its end; return what it holds.

    Raises RecordingError, which says how far it is whole, and for one without any answer.
    """
    lines = _read(path)
    head = next(lines)
    assert isinstance(head, TrafficHead)  # noqa: S101 - what `_read` yields first
    for count, line in enumerate(lines):
        if isinstance(line, End):
            if not count:
                raise RecordingError(f"{path} holds no answer")
            return Summary(head, count, line.at_ms, line.why)
    raise AssertionError("unreachable")  # pragma: no cover - `_read` ends with an End or raises


def _read(path: Path) -> Iterator[Line]:
    """Yield a head, answers in the order of their time, and an end; anything else is an error."""
    lines = read_lines(path)
    head = _head(path, next(lines, b""))
    yield head
    at_ms, count = head.began_ms, 0
    for data in lines:
        line = _decoded(path, data, count)
        if isinstance(line, TrafficHead) or not at_ms <= line.at_ms <= head.began_ms + SPAN_MAX_MS:
            raise RecordingError(f"{path} is damaged after {count} answers: times out of order")
        at_ms = line.at_ms
        if isinstance(line, End):
            if line.answers != count or next(lines, None) is not None:
                raise RecordingError(
                    f"{path} is damaged: {line.answers} answers were written, {count} are there"
                )
            yield line
            return
        count += 1
        yield line
    raise RecordingError(f"{path} ends early: it was cut off after {count} answers")


def _head(path: Path, data: bytes) -> TrafficHead:
    try:
        head = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RecordingError(f"{path} is no recording of dexwire") from None
    if not isinstance(head, TrafficHead):
        raise RecordingError(f"{path} is no recording of dexwire")
    if head.format != FORMAT:
        raise RecordingError(f"{path} has format {head.format}, of a newer version of dexwire")
    return head


def _decoded(path: Path, data: bytes, count: int) -> Line:
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)[:120]
        raise RecordingError(f"{path} is damaged after {count} answers: {reason}") from None
