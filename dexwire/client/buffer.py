"""What waits for a consumer that is busy: the latest of everything, never a queue of the past.

Diffs of a topic are folded into one, a snapshot swallows what came before it, of the states only
the last is kept, of the alerts the last ALERTS. So the buffer holds at most one state of each topic
whatever the consumer does. Pure.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from dexwire.client.errors import Malformed
from dexwire.client.events import Alert, Diff, Event, Gap, Snapshot, State
from dexwire.client.rows import merged, patched
from dexwire.client.table import Table
from dexwire.stream.rows import Patch, Row

ALERTS: Final = 1_000
# Rows that a folded diff may name. Past that a snapshot is as short; without this bound the ids of
# tokens that came and went would pile up for as long as the consumer sleeps.
FOLDED_ROWS: Final = 50_000


class EventSink(Protocol):
    """Where a connection's events go."""

    def put(self, event: Event) -> str | None:
        """Take one event; return a topic that has to be requested again, if one has to be."""


class FoldedDiffs:
    """Any number of diffs of one topic in a row, as one that does the same."""

    def __init__(self, first: Diff) -> None:
        self._prev, self._version, self._ts_ms = first.prev, first.version, first.ts_ms
        self._set: dict[str, Patch] = {}
        self._add: dict[str, Row] = {}
        self._removed: dict[str, None] = {}
        self._ids = first.ids
        self._commits = 0
        self.add(first)

    def __len__(self) -> int:
        return len(self._set) + len(self._add) + len(self._removed)

    def add(self, diff: Diff) -> None:
        """Fold the next diff into it."""
        for patch in diff.set:
            ident = patch["id"]
            if ident in self._add:
                self._add[ident] = patched(self._add[ident], patch)
            else:
                self._set[ident] = merged(self._set.get(ident, patch), patch)
        for row in diff.add:
            self._set.pop(row["id"], None)
            self._removed.pop(row["id"], None)
            self._add[row["id"]] = row
        for ident in diff.removed:
            self._set.pop(ident, None)
            self._add.pop(ident, None)
            self._removed[ident] = None
        if diff.ids is not None:
            self._ids = diff.ids
            # A row that left an ordered list gets no further diffs.
            staying = set(diff.ids)
            self._set = {i: patch for i, patch in self._set.items() if i in staying}
            self._add = {i: row for i, row in self._add.items() if i in staying}
        self._version, self._ts_ms = diff.version, diff.ts_ms
        self._commits += diff.commits

    def diff(self, topic: str) -> Diff:
        """Return all of it as one diff."""
        return Diff(
            topic=topic,
            prev=self._prev,
            version=self._version,
            ts_ms=self._ts_ms,
            set=list(self._set.values()),
            add=list(self._add.values()),
            removed=list(self._removed),
            ids=self._ids,
            commits=self._commits,
        )


class Buffer:
    """An `EventSink` that is read one event at a time."""

    def __init__(self, *, alerts: int = ALERTS, folded_rows: int = FOLDED_ROWS) -> None:
        self._state: State | None = None
        self._gaps: dict[tuple[str, str | None], Gap] = {}
        self._alerts: deque[Alert] = deque()
        self._topics: dict[str, Table | FoldedDiffs] = {}
        self._most_alerts = alerts
        self._most_rows = folded_rows

    def put(self, event: Event) -> str | None:
        """Take one event; return a topic that has to be requested again, if one has to be."""
        try:
            return self._put(event)
        except Malformed:  # a fault of the gateway's; what is held of the topic cannot be trusted
            topic = None if isinstance(event, State) else event.topic
            self._topics.pop(topic or "", None)
            return topic

    def _put(self, event: Event) -> str | None:
        match event:
            case State():
                self._state = event
            case Gap():
                self._put_gap(event)
            case Alert():
                self._alerts.append(event)
                if len(self._alerts) > self._most_alerts:
                    self._put_gap(Gap(reason="slow", topic=self._alerts.popleft().topic, lost=1))
            case Snapshot():
                table = Table()
                table.replace(event)
                self._topics.pop(event.topic, None)
                self._topics[event.topic] = table
            case Diff():
                return self._put_diff(event)
        return None

    def take(self) -> Event | None:
        """Return the next event, None when there is nothing new."""
        if self._state is not None:
            state, self._state = self._state, None
            return state
        if self._gaps:
            return self._gaps.pop(next(iter(self._gaps)))
        if self._alerts:
            return self._alerts.popleft()
        for topic in self._topics:
            waiting = self._topics.pop(topic)
            if isinstance(waiting, FoldedDiffs):
                return waiting.diff(topic)
            return Snapshot(
                topic=topic,
                epoch=waiting.epoch,
                version=waiting.version,
                rows=waiting.ordered(),
                ids=waiting.ids,
            )
        return None

    def _put_diff(self, diff: Diff) -> str | None:
        waiting = self._topics.get(diff.topic)
        if waiting is None:
            self._topics[diff.topic] = FoldedDiffs(diff)
        elif isinstance(waiting, FoldedDiffs):
            waiting.add(diff)
            if len(waiting) > self._most_rows:
                del self._topics[diff.topic]
                self._put_gap(Gap(reason="slow", topic=diff.topic))
                return diff.topic
        else:
            waiting.apply(diff)
        return None

    def _put_gap(self, gap: Gap) -> None:
        """Keep one gap per topic and reason; what was lost adds up."""
        known = self._gaps.pop((gap.reason, gap.topic), None)
        if known is not None:
            lost = None if gap.lost is None else (known.lost or 0) + gap.lost
            gap = Gap(
                reason=gap.reason, topic=gap.topic, lost=lost, since=known.since, until=gap.until
            )
        self._gaps[gap.reason, gap.topic] = gap
