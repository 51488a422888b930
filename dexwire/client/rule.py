"""The client's rule (docs/STREAM.md), complete and without I/O: frames in, events out.

It keeps a version per topic and one epoch, never rows: a consumer that takes the events in order
holds the state (`Table`). One thing is stricter than the protocol's text: after a gap, a heartbeat
does not lift the topic until it is repaired. Else a heartbeat that was already on its way would
cover the gap, and the repairing diff would be ignored as "already covered".
"""

from __future__ import annotations

from dexwire.client.events import Alert, Diff, Event, Gap, Snapshot
from dexwire.stream.messages import (
    Beat,
    Delta,
    Events,
    Frame,
    Ident,
    Lost,
    Occurrence,
    Ok,
    Resume,
    Snap,
)
from dexwire.stream.rows import Patch, Row
from dexwire.stream.topics import WATCHLIST, is_alerts


class Rule:
    """How far each topic has been received, and what that makes of the next frame."""

    def __init__(self) -> None:
        self.epoch = ""
        self.versions: dict[str, int] = {}
        self._parts: dict[str, list[Snap] | list[Delta] | list[Events]] = {}
        self._gaps: set[str] = set()  # topics that wait for their repair
        self._listening: set[str] = set()  # alert topics that the server has confirmed
        self._pending: int | None = None  # id of a resume that was not answered yet
        self._next_epoch = ""
        self._edit: Ident = None  # id of an edit of the watchlist that was not answered yet

    def take(self, frame: Frame) -> list[Event]:
        """Take one frame. A Gap that `resumes` requires the caller to send `resume()`."""
        match frame:
            case Snap():
                return self._on_snap(frame)
            case Delta():
                return self._on_delta(frame)
            case Events():
                return self._on_events(frame)
            case Beat():
                return self._on_beat(frame)
            case Lost():
                return self._on_lost(frame)
            case Ok():
                self._on_ok(frame)
        return []

    def resume(self, ident: int, watch: list[str] | None = None) -> Resume:
        """Return the message that requests everything after what is held."""
        message = Resume(id=ident, e=self.epoch, topics=dict(self.versions), watch=watch)
        self._pending = ident
        if self._next_epoch and all(map(is_alerts, self.versions)):
            # No snapshot will come to bring the new epoch.
            self.epoch, self._next_epoch = self._next_epoch, ""
            self.versions.clear()
        return message

    def connected(self) -> None:
        """Forget what was under way on the connection before."""
        self._parts.clear()
        self._gaps.clear()
        self._listening.clear()
        self._pending = self._edit = None
        self._next_epoch = ""

    def edit(self, ident: Ident) -> None:
        """Note an edit of the watchlist, which starts over.

        Until it is answered, what comes is still of the old list; and a version of the old list
        must never be resumed with the new one.
        """
        self.forget(WATCHLIST)
        self._edit = ident

    def forget(self, topic: str) -> None:
        """Hold nothing of a topic any more: its next frame that counts is a snapshot."""
        self.versions.pop(topic, None)
        self._parts.pop(topic, None)
        self._gaps.discard(topic)
        self._listening.discard(topic)

    # -- frames -----------------------------------------------------------------------------------
    def _on_snap(self, frame: Snap) -> list[Event]:
        topic = frame.k
        if frame.e != self.epoch:
            self.versions.clear()
            self._parts.clear()
            self._gaps.clear()
            self.epoch, self._next_epoch = frame.e, ""
        if topic == WATCHLIST and self._edit is not None:
            return []
        parts = self._parts.get(topic)
        snaps = [p for p in parts or () if isinstance(p, Snap) and p.v == frame.v]
        snaps.append(frame)
        if frame.more:
            self._parts[topic] = snaps
            return []
        self._parts.pop(topic, None)
        self._gaps.discard(topic)
        self.versions[topic] = frame.v
        return [] if is_alerts(topic) else [_snapshot(snaps)]

    def _on_delta(self, frame: Delta) -> list[Event]:
        topic = frame.k
        held = self.versions.get(topic)
        if held is None or frame.v <= held:
            return []
        if frame.pv > held:
            return self._gap(topic, held, frame.v)
        parts = self._parts.get(topic)
        deltas = [p for p in parts or () if isinstance(p, Delta) and p.v == frame.v]
        deltas.append(frame)
        if frame.more:
            self._parts[topic] = deltas
            return []
        self._parts.pop(topic, None)
        self._gaps.discard(topic)
        self.versions[topic] = frame.v
        return [_diff(deltas)]

    def _on_events(self, frame: Events) -> list[Event]:
        topic = frame.k
        held = self.versions.get(topic)
        if held is not None and frame.v <= held:
            return []
        if held is not None and frame.pv > held:
            return self._gap(topic, held, frame.v)
        parts = self._parts.get(topic)
        received = [p for p in parts or () if isinstance(p, Events) and p.v == frame.v]
        received.append(frame)
        if frame.more:
            self._parts[topic] = received
            return []
        self._parts.pop(topic, None)
        self._gaps.discard(topic)
        self.versions[topic] = frame.v
        return [
            Alert(
                topic=topic,
                version=_version_of(one),
                key=one.i,
                kind=one.type,
                token_id=one.id,
                window=one.w,
                direction=one.dir,
                change=one.chg,
                before=one.from_,
                after=one.to,
                level=one.lvl,
                token_name=one.token_name,
                token_ticker=one.token_ticker,
            )
            for part in received
            for one in part.ev
            if held is None or _version_of(one) > held  # what was delivered is not delivered again
        ]

    def _on_beat(self, frame: Beat) -> list[Event]:
        if frame.e != self.epoch:
            if self.versions:
                if self._pending is not None:
                    return []
                self._next_epoch = frame.e
                return [Gap(reason="epoch")]
            self.epoch = frame.e  # nothing is held that could be wrong
        for topic in self._listening - self._gaps:
            self.versions.setdefault(topic, frame.v)
        for topic, held in self.versions.items():
            if topic not in self._gaps and topic not in self._parts:
                self.versions[topic] = max(held, frame.v)
        return []

    def _on_lost(self, frame: Lost) -> list[Event]:
        if frame.to is not None:
            # What follows is sent from there on; it is no further gap.
            self.versions[frame.k] = max(self.versions.get(frame.k, 0), frame.to)
        self._gaps.discard(frame.k)
        gap = Gap(reason="lost", topic=frame.k, lost=frame.n, since=frame.from_, until=frame.to)
        return [gap]

    def _on_ok(self, frame: Ok) -> None:
        if self._pending is not None and frame.id == self._pending:
            self._pending = None
        if self._edit is not None and frame.id == self._edit:
            self._edit = None
        self._listening.update(topic for topic in frame.starts if is_alerts(topic))

    def _gap(self, topic: str, since: int, until: int) -> list[Event]:
        """Report a gap once; while a resume is on its way, further ones of it are the same."""
        self._parts.pop(topic, None)
        if self._pending is not None and topic in self._gaps:
            return []
        self._gaps.add(topic)
        return [Gap(reason="missed", topic=topic, since=since, until=until)]


def _version_of(one: Occurrence) -> int:
    return int(one.i.partition(".")[0])


def _snapshot(parts: list[Snap]) -> Snapshot:
    last = parts[-1]
    rows = {row["id"]: row for part in parts for row in part.rows}
    ids = next((part.ids for part in parts if part.ids is not None), None)
    ordered = list(rows.values()) if ids is None else [rows[i] for i in ids if i in rows]
    return Snapshot(topic=last.k, epoch=last.e, version=last.v, rows=ordered, ids=ids)


def _diff(parts: list[Delta]) -> Diff:
    last = parts[-1]
    sets: list[Patch] = [patch for part in parts for patch in part.set]
    adds: list[Row] = [row for part in parts for row in part.add]
    return Diff(
        topic=last.k,
        prev=parts[0].pv,
        version=last.v,
        ts_ms=last.ts,
        set=sets,
        add=adds,
        removed=[ident for part in parts for ident in part.del_],
        ids=next((part.ids for part in parts if part.ids is not None), None),
        commits=max(part.cf for part in parts),
    )
