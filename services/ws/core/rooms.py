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


@dataclass(frozen=True, slots=True)
class Fold:
    """Several commits as one diff; an empty one is told to who resumes, not to who caught up."""

    parts: Parts
    empty: bool


class Room:
    """A topic in use. `pv` is the last version at which it had a frame here."""

    __slots__ = ("_folds", "_folds_at", "_snap", "_snap_at", "name", "pv", "users", "view")

    def __init__(self, view: View, version: int) -> None:
        self.view = view
        self.name = view.topic.name
        # A room that is new or newly loaded has said nothing: its listeners start at this version,
        # so that is where its chain starts.
        self.pv = version
        self.users = 0  # topic sets that hold it
        self._snap: Parts | None = None
        self._snap_at: object = None
        self._folds: dict[int, Fold | None] = {}
        self._folds_at: object = None

    def snap(self, replica: Replica) -> Parts:
        """Return the snapshot at the replica's state, made once per version."""
        at = (replica.epoch, replica.version)
        if self._snap is None or self._snap_at != at:
            self.forget()
            body = self.view.snap(replica)
            self._snap = snap_parts(self.name, replica.epoch, replica.version, body)
            self._snap_at = at
        return self._snap

    def fold(self, replica: Replica, since: int) -> Fold | None:
        """Return everything after `since` as one diff, made once per version.

        None: it is not known what was removed since then; a snapshot is due.
        """
        at = (replica.epoch, replica.version)
        if self._folds_at != at:
            self._folds, self._folds_at = {}, at
        if since not in self._folds:
            body = self.view.fold(replica, since)
            self._folds[since] = None if body is None else self._folded(replica, since, body)
        return self._folds[since]

    def _folded(self, replica: Replica, since: int, body: Body) -> Fold:
        version, ts = replica.version, replica.committed_ms
        count = version - since
        parts = diff_parts(self.name, since, version, ts, body, folded=count, limit=PRIVATE_PART)
        return Fold(parts, empty=not body)

    def forget(self) -> None:
        """Let go of the snapshot."""
        if self._snap is not None:
            self._snap.retire()
        self._snap = None


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
