"""Rooms: topics that somebody listens to, with their own chain of versions and shared frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.ws.core.frames import (
    PRIVATE_PART,
    SHARED_PART,
    Body,
    Parts,
    diff_parts,
    event_parts,
    snap_parts,
)
from services.ws.core.news import News
from services.ws.core.views import TopicView
from shared.state.replica import Replica

# Frames of one connection and commit that are together smaller than this are joined into one
# write; larger ones are written one by one, so that each is held once however many hold it.
_JOIN_BELOW: Final = 16 * 1024
_FOLDS: Final = 16  # starting points for which a room keeps its folded diff


@dataclass(frozen=True, slots=True)
class FoldedCommits:
    """Several commits as one diff; an empty one is sent to a resuming client only."""

    parts: Parts
    empty: bool


class Room:
    """A topic in use. `pv` is the last version at which it had a frame here."""

    __slots__ = (
        "_folds",
        "_made_at",
        "_snap",
        "events",
        "idle_ms",
        "key",
        "name",
        "opened_by",
        "private",
        "pv",
        "users",
        "view",
    )

    def __init__(self, view: TopicView, version: int) -> None:
        topic = view.topic
        self.view = view
        self.name, self.key = topic.name, topic.key
        self.events = topic.kind == "alerts"  # whether it carries events, not rows
        self.private = topic.kind == "tokens"  # whether it is one connection's
        # A room that is new or newly loaded has sent nothing: its listeners start at this version,
        # so that is where its chain starts.
        self.pv = version
        self.opened_by = ""  # the client address that did
        self.users = 0  # topic sets that hold it
        self.idle_ms: int | None = None  # since when a list is kept without any
        self._snap: Parts | None = None
        self._folds: dict[int, FoldedCommits | None] = {}
        self._made_at = ("", 0)  # the state that both were made from

    def frames(self, parts: Parts, *, deflate: bool) -> Iterator[bytes]:
        """Yield a message's frames for one listener. What one alone receives is not compressed."""
        return parts.frames(deflate=deflate and not self.private)

    def snap(self, replica: Replica) -> Parts:
        """Return the snapshot at the replica's state, made once per version."""
        at = (replica.epoch, replica.version)
        if self._snap is None or self._made_at != at:
            self._renew(at)
            body = self.view.snap(replica)
            self._snap = snap_parts(self.name, replica.epoch, replica.version, body)
            if self.private:
                self._snap.retire()  # nobody else will want its frames
        return self._snap

    def fold(self, replica: Replica, since: int) -> FoldedCommits | None:
        """Return everything after `since` as one diff, made once per version.

        None: it is not known what left since then; a snapshot is due.
        """
        at = (replica.epoch, replica.version)
        if self._made_at != at:
            self._renew(at)
        if since not in self._folds:
            if len(self._folds) == _FOLDS:
                self._drop_fold(next(iter(self._folds)))
            known = since >= self.view.known_since(replica)
            self._folds[since] = self._folded(replica, since) if known else None
        return self._folds[since]

    def parts(self, pv: int, version: int, ts: int, body: Body) -> Parts:
        """Return one commit's part as a message."""
        limit = PRIVATE_PART if self.private else SHARED_PART
        if self.events:
            return event_parts(self.name, pv, version, body, limit=limit)
        return diff_parts(self.name, pv, version, ts, body, limit=limit)

    def _folded(self, replica: Replica, since: int) -> FoldedCommits:
        body, version, ts = self.view.fold(replica, since), replica.version, replica.committed_ms
        if self.events:
            parts = event_parts(self.name, since, version, body, limit=PRIVATE_PART)
        else:
            commits = version - since
            parts = diff_parts(
                self.name, since, version, ts, body, folded=commits, limit=PRIVATE_PART
            )
        return FoldedCommits(parts, empty=not body)

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


class TopicCommit:
    """One commit as the rooms send it. Frames are made when the first listener needs them."""

    __slots__ = ("_bodies", "_joined", "_parts", "pv", "ts", "v")

    def __init__(self, news: News) -> None:
        commit = news.change.commit
        self.pv, self.v, self.ts = commit.pv, commit.v, commit.ts
        self._bodies: dict[Room, tuple[int, Body]] = {}
        self._parts: dict[Room, Parts] = {}
        self._joined: dict[tuple[TopicSet, bool], tuple[tuple[bytes, ...], int]] = {}

    def add(self, room: Room, body: Body) -> None:
        """Take a room's part of the commit and move its chain on."""
        self._bodies[room] = (room.pv, body)
        room.pv = self.v
        room.forget()

    def frames(self, topics: TopicSet, *, deflate: bool = False) -> tuple[tuple[bytes, ...], int]:
        """Return what connections with these topics are written for this commit.

        The number: how many messages went into the write of another.
        """
        key = (topics, deflate)
        joined = self._joined.get(key)
        if joined is None:
            joined = self._joined[key] = self._join(topics, deflate=deflate)
        return joined

    def _join(self, topics: TopicSet, *, deflate: bool) -> tuple[tuple[bytes, ...], int]:
        changed = [room for room in topics.rooms if room in self._bodies]
        frames = [f for room in changed for f in room.frames(self._of(room), deflate=deflate)]
        if len(frames) > 1 and sum(map(len, frames)) <= _JOIN_BELOW:
            return (b"".join(frames),), len(frames) - 1
        return tuple(frames), 0

    def _of(self, room: Room) -> Parts:
        parts = self._parts.get(room)
        if parts is None:
            pv, body = self._bodies[room]
            parts = self._parts[room] = room.parts(pv, self.v, self.ts, body)
        return parts
