"""The log of the state: day files from which each version of the day is made again (HISTORY.md).

A file begins with a snapshot, so it stands alone: a `head`, then a `snapshot` with its rows, then
the commits as they were published; another snapshot wherever versions in between were not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from shared.errors import Diverged
from shared.recording.lines import RecordingError, read_lines
from shared.recording.traffic import Millis, Word
from shared.state.messages import Commit
from shared.state.orders import NoOrders
from shared.state.replica import Replica
from shared.state.row import decode_row, format_digest, text

FORMAT: Final = 1
SUFFIX: Final = ".jsonl.zst"
ROWS_AT_ONCE: Final = 200  # of a snapshot, in one line


class StateLogHead(Struct, frozen=True, kw_only=True, tag_field="t", tag="head"):
    """The first line of a file."""

    dexwire: Literal["state"] = "state"
    format: int = FORMAT
    version: Word  # of dexwire
    began_ms: Millis


class LoggedSnapshot(Struct, frozen=True, kw_only=True, tag_field="t", tag="snapshot"):
    """The state at a version; its rows follow."""

    e: Word
    v: Annotated[int, Meta(ge=0)]
    ts: Millis
    digest: Word
    tokens: Annotated[int, Meta(ge=0)]


class Rows(Struct, frozen=True, kw_only=True, tag_field="t", tag="rows"):
    """Some rows of the snapshot before."""

    rows: list[Raw]


Line: TypeAlias = StateLogHead | LoggedSnapshot | Rows | Commit
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
encode: Final = msgspec.json.Encoder().encode


def snapshot_lines(replica: Replica) -> Iterator[bytes]:
    """Yield the lines of a snapshot."""
    yield encode(
        LoggedSnapshot(
            e=replica.epoch, v=replica.version, ts=replica.committed_ms,
            digest=format_digest(replica.digest), tokens=len(replica.rows),
        )
    )  # fmt: skip
    rows = list(replica.rows.values())
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield encode(Rows(rows=[Raw(row) for row in rows[start : start + ROWS_AT_ONCE]]))


class Rebuilt(Struct):
    """What a file made so far. The replica is at the version of the last step."""

    replica: Replica
    snapshots: int = 0
    versions: int = 0  # states whose digest was compared, and was right


def rebuild(path: Path) -> Iterator[Rebuilt]:
    """Make each version of a file again; yield after each one, its digest compared.

    Raises RecordingError for what is damaged or foreign, and where a digest differs. A file that is
    still being written, or whose process was killed, ends with what it has.
    """
    lines = _decoded(path)
    if not isinstance(next(lines, None), StateLogHead):
        raise RecordingError(f"{path} is no state log of dexwire")
    made = Rebuilt(Replica(new_orders=NoOrders))
    for line in lines:
        if isinstance(line, LoggedSnapshot):
            made.snapshots += 1
            _load(path, made.replica, line, lines)
        elif isinstance(line, Commit):
            try:
                made.replica.apply(line)
            except Diverged as error:
                raise RecordingError(f"{path}: {error}") from None
        else:
            raise RecordingError(f"{path} is damaged: a line out of place")
        made.versions += 1
        yield made


def _load(path: Path, replica: Replica, snapshot: LoggedSnapshot, lines: Iterator[Line]) -> None:
    """Take over a snapshot and its rows."""
    replica.reset(snapshot.e)
    while len(replica.rows) < snapshot.tokens:
        line = next(lines, None)
        if not isinstance(line, Rows) or not line.rows:
            raise RecordingError(f"{path} is damaged: a snapshot is not whole")
        for raw in line.rows:
            try:
                fields = decode_row(raw)
                replica.load_row(text(fields["id"]), fields)
            except (ValueError, KeyError, RecursionError):
                raise RecordingError(f"{path} is damaged: a snapshot holds no row") from None
    replica.version, replica.committed_ms, replica.seeding = snapshot.v, snapshot.ts, False
    if format_digest(replica.digest) != snapshot.digest:
        raise RecordingError(f"{path}: the digest differs in the snapshot of version {snapshot.v}")


def _decoded(path: Path) -> Iterator[Line]:
    for number, data in enumerate(read_lines(path), start=1):
        try:
            line = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if number == 1:
                raise RecordingError(f"{path} is no state log of dexwire") from None
            reason = str(error)[:120]
            raise RecordingError(f"{path} is damaged in line {number}: {reason}") from None
        if isinstance(line, StateLogHead) and line.format != FORMAT:
            raise RecordingError(f"{path} has format {line.format}, of a newer version of dexwire")
        yield line
