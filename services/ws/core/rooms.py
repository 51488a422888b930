"""Rooms: topics that somebody listens to, with their own chain of versions and shared frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.ws.core.frames import (
    PRIVATE_PART,
    SHARED_PART,
    Body,
    Parts,
    diff_parts,
    snap_parts,
)
from services.ws.core.views import View
from shared.replica import Change, Replica

# Frames of one connection and commit that are together smaller than this are joined into one
# write; larger ones are written one by one, so that each is held once however many hold it.
_JOIN_BELOW: Final = 16 * 1024
_FOLDS: Final = 16  # starting points for which a room keeps its folded diff


@dataclass(frozen=True, slots=True)
class Fold:
    """Several commits as one diff; an empty one is told to who resumes, not to who caught up."""

    parts: Parts
    empty: bool


class Room:
    """A topic in use. `pv` is the last version at which it had a frame here."""

    __slots__ = ("_folds", "_made_at", "_snap", "name", "pv", "users", "view")

    def __init__(self, view: View, version: int) -> None:
        self.view = view
        self.name = view.topic.name
        # A room that is new or newly loaded has said nothing: its listeners start at this version,
        # so that is where its chain starts.
        self.pv = version
        self.users = 0  # topic sets that hold it
        self._snap: Parts | None = None
        self._folds: dict[int, Fold | None] = {}
        self._made_at = ("", 0)  # the state that both were made from

    def snap(self, replica: Replica) -> Parts:
        """Return the snapshot at the replica's state, made once per version."""
        at = (replica.epoch, replica.version)
        if self._snap is None or self._made_at != at:
            self._renew(at)
            body = self.view.snap(replica)
            self._snap = snap_parts(self.name, replica.epoch, replica.version, body)
        return self._snap

    def fold(self, replica: Replica, since: int) -> Fold | None:
        """Return everything after `since` as one diff, made once per version.

        None: it is not known what was removed since then; a snapshot is due.
        """
        at = (replica.epoch, replica.version)
        if self._made_at != at:
            self._renew(at)
        if since not in self._folds:
            if len(self._folds) == _FOLDS:
                self._drop_fold(next(iter(self._folds)))
            body = self.view.fold(replica, since)
            self._folds[since] = None if body is None else self._folded(replica, since, body)
        return self._folds[since]

    def _folded(self, replica: Replica, since: int, body: Body) -> Fold:
        version, ts = replica.version, replica.committed_ms
        count = version - since
        parts = diff_parts(self.name, since, version, ts, body, folded=count, limit=PRIVATE_PART)
        return Fold(parts, empty=not body)

    def forget(self) -> None:
        """Let go of the snapshot and the folded diffs: the topic has changed."""
        if self._snap is not None:
            self._snap.retire()
            self._snap = None
        for since in tuple(self._folds):
            self._drop_fold(since)

    def _renew(self, at: tuple[str, int]) -> None:
        self.forget()
        self._made_at = at

    def _drop_fold(self, since: int) -> None:
        fold = self._folds.pop(since)
        if fold is not None:
            fold.parts.retire()


class TopicSet:
    """The topics of one or more connections: equal sets are one object and share joined bytes."""

    __slots__ = ("members", "names", "rooms")

    def __init__(self, names: frozenset[str], rooms: tuple[Room, ...]) -> None:
        self.names = names
        self.rooms = rooms
        self.members = 0


class Batch:
    """One commit as the rooms tell it. Frames are made when the first listener needs them."""

    __slots__ = ("_bodies", "_frames", "_joined", "pv", "ts", "v")

    def __init__(self, change: Change) -> None:
        self.pv, self.v, self.ts = change.commit.pv, change.commit.v, change.commit.ts
        self._bodies: dict[Room, tuple[int, Body]] = {}
        self._frames: dict[Room, tuple[bytes, ...]] = {}
        self._joined: dict[TopicSet, tuple[bytes, ...]] = {}

    def add(self, room: Room, body: Body) -> None:
        """Take a room's part of the commit and move its chain on."""
        self._bodies[room] = (room.pv, body)
        room.pv = self.v
        room.forget()

    def frames(self, topics: TopicSet) -> tuple[bytes, ...]:
        """Return what connections with these topics are written for this commit."""
        joined = self._joined.get(topics)
        if joined is None:
            joined = self._joined[topics] = self._join(topics)
        return joined

    def _join(self, topics: TopicSet) -> tuple[bytes, ...]:
        frames = [f for room in topics.rooms if room in self._bodies for f in self._of(room)]
        if len(frames) > 1 and sum(map(len, frames)) <= _JOIN_BELOW:
            return (b"".join(frames),)
        return tuple(frames)

    def _of(self, room: Room) -> tuple[bytes, ...]:
        frames = self._frames.get(room)
        if frames is None:
            pv, body = self._bodies[room]
            parts = diff_parts(room.name, pv, self.v, self.ts, body, limit=SHARED_PART)
            frames = self._frames[room] = tuple(parts)
        return frames
