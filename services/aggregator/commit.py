"""From what a window changes to commits: in pieces that block the store briefly. Pure.

An item goes into a draft, which collects what the store writes beside what the message says; a
finished draft is a plan and its message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Struct

from services.aggregator.alerts import Crossing, Track, encode_track
from services.aggregator.milestones import Milestone
from shared.keys import Keys
from shared.state import row as rows_
from shared.state.messages import (
    Alert,
    Commit,
    NativePrice,
    Refused,
    change_natives,
    encode,
    encode_alert,
    encode_natives,
)
from shared.state.plan import CommitPlan, Writes
from shared.state.replica import PatchedRow, Replica
from shared.state.row import Fields

_OVERHEAD: Final = 5  # what a token costs besides its fields
_ALERT_WEIGHT: Final = 8  # an event or a stored track, in fields
_NAMES: Final = ("token_name", "token_ticker")


@dataclass(frozen=True, slots=True)
class Item:
    """What one window has to say of one token."""

    token_id: str
    changed: Fields = field(default_factory=dict)  # null = became unknown
    added: bool = False
    removed: bool = False
    readings: Fields = field(default_factory=dict)  # source → JSON
    milestones: Sequence[Milestone] = ()
    crossings: Sequence[Crossing] = ()
    tracks: Mapping[str, Track] = field(default_factory=dict)  # by window
    looked_ms: int = 0  # when crossings and tracks were judged

    @property
    def weight(self) -> int:
        """How much of a commit's budget it takes, in fields."""
        events = len(self.milestones) + len(self.crossings)
        alerts = _ALERT_WEIGHT * (events + len(self.tracks))
        return len(self.changed) + len(self.readings) + alerts + _OVERHEAD


def pieces(items: Iterable[Item], budget: int) -> Iterator[list[Item]]:
    """Cut a window into commits of at most `budget` fields each."""
    piece: list[Item] = []
    weight = 0
    for item in items:
        if piece and weight + item.weight > budget:
            yield piece
            piece, weight = [], 0
        piece.append(item)
        weight += item.weight
    if piece:
        yield piece


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a commit carries besides its items."""

    fence: str
    commit_id: str
    ts: int
    horizon: int
    log_from: int
    seeding: bool
    acks: tuple[str, ...] = ()
    refused: Refused = field(default_factory=dict)
    native: Mapping[str, NativePrice | None] = field(default_factory=dict)


class Draft(Struct, frozen=True):
    """A commit as the store takes it, as it is published, and as the replica applies it."""

    plan: CommitPlan
    message: Commit
    rows: list[PatchedRow]


def draft_commit(keys: Keys, replica: Replica, items: Iterable[Item], stamp: Stamp) -> Draft:
    """Build the commit that follows the replica's version. Nothing is changed yet."""
    builder = _DraftBuilder(keys, replica, stamp)
    for item in items:
        builder.put(item)
    return builder.finish()


class _DraftBuilder:
    """A commit in the making: what the store writes beside what the message says."""

    def __init__(self, keys: Keys, replica: Replica, stamp: Stamp) -> None:
        self._replica, self._stamp = replica, stamp
        self._version = replica.version + 1
        self._rv = str(self._version).encode()
        self._digest, self._tokens = replica.digest, len(replica.rows)
        self._writes = Writes(keys, self._version)
        self._rows: list[PatchedRow] = []
        self._sets: list[msgspec.Raw] = []
        self._adds: list[msgspec.Raw] = []
        self._removed: list[str] = []
        self._events: list[msgspec.Raw] = []

    def put(self, item: Item) -> None:
        """Take in what one token changes."""
        token = item.token_id
        if item.removed:
            self._remove(token)
            return
        if item.readings:
            self._writes.put_readings(token, item.readings)
        if item.tracks:
            tracks = {window: encode_track(track) for window, track in item.tracks.items()}
            self._writes.put_alert_bases(token, tracks)
        if item.milestones or item.crossings:
            names = self._names(item)
            for milestone in item.milestones:
                self._add_event(Alert(i=self._next_event(), type=milestone, id=token), names)
            for crossing in item.crossings:
                self._add_event(self._crossed(token, crossing), names)
        if item.changed:
            self._put_row(item)

    def _put_row(self, item: Item) -> None:
        token, replica = item.token_id, self._replica
        changed = {**item.changed, "rv": self._rv}
        row = replica.patched(token, changed, whole=item.added)
        self._rows.append(row)
        old_hash = replica.row_hash(token)
        self._digest = rows_.add_to_digest(self._digest, plus=row.hash, minus=old_hash)
        if row.whole:
            self._tokens += 1
            self._adds.append(msgspec.Raw(row.row))
            self._writes.add_row(token, row.changed)
            if token in replica.gone:
                self._writes.returned(token)
        else:
            diff = {"id": msgspec.json.encode(token), **changed}
            self._sets.append(msgspec.Raw(rows_.encode_row(diff)))
            self._writes.change_row(token, changed)

    def _names(self, item: Item) -> dict[str, str]:
        """Return what a token is called with this commit."""
        held = {} if item.added else self._replica.fields(item.token_id)
        fields = rows_.patch(held, item.changed)
        return {name: rows_.text(fields[name]) for name in _NAMES if name in fields}

    def _next_event(self) -> str:
        return f"{self._version}.{len(self._events)}"

    def _crossed(self, token: str, crossing: Crossing) -> Alert:
        return Alert(
            i=self._next_event(),
            type=crossing.type,
            id=token,
            w=crossing.window,
            dir="up" if crossing.move.change > 0 else "down",
            chg=round(crossing.move.change, 2),
            from_=crossing.move.base,
            to=crossing.move.value,
            lvl=crossing.level,
        )

    def _add_event(self, alert: Alert, names: Mapping[str, str]) -> None:
        event = encode_alert(msgspec.structs.replace(alert, **names))
        self._events.append(msgspec.Raw(event))
        self._writes.add_event(event, self._stamp.ts)

    def _remove(self, token: str) -> None:
        self._removed.append(token)
        self._writes.remove(token)
        self._digest = rows_.add_to_digest(self._digest, minus=self._replica.row_hash(token))
        self._tokens -= token in self._replica.rows

    def finish(self) -> Draft:
        """Return the commit of all that was put in."""
        stamp, replica = self._stamp, self._replica
        if stamp.native:
            self._writes.put_natives(encode_natives(change_natives(replica.native, stamp.native)))
        message = Commit(
            e=replica.epoch,
            pv=replica.version,
            v=self._version,
            ts=stamp.ts,
            set=self._sets,
            add=self._adds,
            del_=self._removed,
            ev=self._events,
            native=dict(stamp.native),
            acks=list(stamp.acks),
            refused=dict(stamp.refused),
            digest=rows_.format_digest(self._digest),
            horizon=stamp.horizon,
            seeding=stamp.seeding,
        )
        plan = CommitPlan(
            fence=stamp.fence,
            epoch=replica.epoch,
            commit_id=stamp.commit_id,
            pv=replica.version,
            ts=stamp.ts,
            digest=message.digest,
            tokens=self._tokens,
            horizon=stamp.horizon,
            seeding=stamp.seeding,
            message=encode(message),
            commands=self._writes.commands(),
            log_from=stamp.log_from,
        )
        return Draft(plan, message, self._rows)
