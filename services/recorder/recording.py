"""Turns what the feed says into what is to be written. Pure: it knows no clock and no database.

Time is the store's, as commits and heartbeats carry it. The parts that are not written yet are
bounded: by tokens and intervals, not by commits (batch.py, Folded.shed).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from services.recorder.batch import ALERTS_MOST, AlertWrite, Batch, GapWrite, HotChange, TokenWrite
from services.recorder.counts import RecorderCounts
from shared.history.candle import SECONDS
from shared.history.fold import TokenState, end_freshness, fold, hottest, read_look
from shared.history.write import Position
from shared.state.messages import Heartbeat
from shared.state.replica import Change, Replica
from shared.state.row import format_digest

# A heartbeat comes each second, and a token that is read is committed at least every 30 s: without
# a message for longer nothing was recorded.
SILENCE_MS: Final = 30_000
_MINUTE_MS: Final = 60_000


class _Kind(msgspec.Struct):
    type: str
    id: str
    i: str


_read_kind: Final = msgspec.json.Decoder(_Kind).decode


class Recording:
    """The state of all tokens, and what waits to be written. A listener of the feed."""

    def __init__(
        self,
        replica: Replica,
        counts: RecorderCounts,
        *,
        fresh_for_ms: int,
        hot_tokens: int,
        waiting_max: int,
    ) -> None:
        self.replica = replica
        self.states: dict[str, TokenState] = {}
        self.watched: Iterable[str] = ()
        self.at_ms = 0  # of the last message
        self._counts = counts
        self._fresh_for_ms = fresh_for_ms
        self._hot_tokens, self._waiting_max = hot_tokens, waiting_max
        self._rows: dict[str, bytes] = {}  # as the replica had them, for those that it removes
        self._first: dict[str, int] = {}  # tokens that are new in the present batch
        self._touched: set[str] = set()
        self._batch = Batch()
        self._epoch = ""
        self._sweep = False  # rows that are not in the new state are to be noted as removed
        self._minute = self._hot = 0
        self._settled = True  # no reload since the last commit

    # -- the feed ---------------------------------------------------------------------------------
    def on_commit(self, change: Change) -> None:
        """Fold a commit's rows."""
        commit = change.commit
        self._note(commit.ts)
        rows = self.replica.rows
        for entries in (change.adds, change.sets):
            for token_id, _ in entries:
                if (row := rows.get(token_id)) is not None:
                    self._look(token_id, row, commit.ts)
        for token_id in change.dels:
            self._remove(token_id, commit.ts)
        for raw in commit.ev:
            self._alert(bytes(raw), commit.ts)
        self._swept()

    def on_reset(self) -> None:
        """Take over a state of which the way here was not seen."""
        replica = self.replica
        why = "a new epoch began" if replica.epoch != self._epoch else "commits were not seen"
        known, at_ms = bool(self._epoch), replica.committed_ms
        self._epoch = replica.epoch
        for state in self.states.values():
            end_freshness(self._batch.folded, state, self.at_ms)
        self._touched.update(self.states)
        self._sweep = True
        if not at_ms:  # an empty state: its first commit says when
            self._settled = not known
            return
        if known:
            self._outage(at_ms, why)
        self._note(at_ms)
        for token_id, row in replica.rows.items():
            self._look(token_id, row, at_ms)
        self._choose_hot(at_ms)
        self._swept()

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Note that the pipeline is alive."""
        self._note(heartbeat.ts)
        self._swept()

    def _note(self, ts: int) -> None:
        """Note the time of a message, and what was missed before it."""
        if not self._settled:
            self._settled = True
            self._outage(ts, "a new epoch began")
        elif self.at_ms and ts - self.at_ms > SILENCE_MS:
            self._outage(ts, "nothing was committed, and no heartbeat came")
        self.at_ms = ts
        minute = ts // _MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._choose_hot(minute * _MINUTE_MS)

    def _outage(self, to_ms: int, why: str) -> None:
        if self.at_ms and to_ms > self.at_ms:
            self.add_gap(GapWrite("", self.at_ms, to_ms, why))

    def _look(self, token_id: str, row: bytes, ts: int) -> None:
        state = self.states.get(token_id)
        if state is None:
            state = self.states[token_id] = TokenState(id=token_id)
            self._first[token_id] = ts
            if self._hot < self._hot_tokens:
                self._set_hot(ts, {token_id}, set())
        try:
            look = read_look(row)
        except ValueError:  # a newer version's row
            look = None
        if look is not None:
            folded = self._batch.folded
            self._counts.looks += fold(folded, state, look, ts, self._fresh_for_ms)
        self._rows[token_id] = row
        self._touched.add(token_id)

    def _remove(self, token_id: str, ts: int) -> None:
        state, row = self.states.pop(token_id, None), self._rows.pop(token_id, None)
        self._touched.discard(token_id)
        if state is None or row is None:
            return
        end_freshness(self._batch.folded, state, ts)
        if state.hot:
            self._set_hot(ts, set(), {token_id}, gone=state)
        first = self._first.pop(token_id, ts)
        self._batch.tokens[token_id] = TokenWrite(row, state, first, gone_ms=ts)

    def _alert(self, body: bytes, ts: int) -> None:
        try:
            alert = _read_kind(body)
        except ValueError:
            return
        alerts = self._batch.alerts
        alerts.append(AlertWrite(alert.id, ts, f"{self._epoch}:{alert.i}", alert.type, body))
        if len(alerts) > ALERTS_MOST:
            del alerts[0]

    def _swept(self) -> None:
        """Note the removal of what is not in a state that was loaded, once it is complete."""
        if self._sweep and not self.replica.seeding:
            self._sweep = False
            for token_id in self.states.keys() - self.replica.rows.keys():
                self._remove(token_id, self.at_ms)

    # -- minutes for some -------------------------------------------------------------------------
    def _choose_hot(self, at_ms: int) -> None:
        now = {token_id for token_id, state in self.states.items() if state.hot}
        volumes = [(token_id, state.volume) for token_id, state in self.states.items()]
        chosen = hottest(volumes, self.watched, now, self._hot_tokens)
        if chosen != now:
            self._set_hot(at_ms, chosen - now, now - chosen)

    def _set_hot(
        self, at_ms: int, began: set[str], ended: set[str], gone: TokenState | None = None
    ) -> None:
        for token_id in began:
            self.states[token_id].hot = True
        for token_id in ended:
            (gone or self.states[token_id]).hot = False
        self._hot += len(began) - len(ended)
        changes = self._batch.hot
        if changes and changes[-1].at_ms == at_ms and not changes[-1].began & ended:
            changes[-1].began |= began
            changes[-1].ended |= ended
        else:
            changes.append(HotChange(at_ms, began, ended))

    # -- the writer -------------------------------------------------------------------------------
    def add_gap(self, gap: GapWrite) -> None:
        """Note an outage; one with the same source and beginning takes the place of the other."""
        if (gap.source, gap.from_ms) not in self._batch.gaps:
            self._counts.outages[gap.source or "pipeline"] += 1
        self._batch.gaps[gap.source, gap.from_ms] = gap

    def start_from(
        self,
        position: Position,
        states: Mapping[str, TokenState],
        rows: Mapping[str, bytes],
    ) -> None:
        """Go on from what is written."""
        self.states, self._rows = dict(states), dict(rows)
        self._epoch, self.at_ms = position.epoch, position.at_ms
        self._minute = position.at_ms // _MINUTE_MS
        self._hot = sum(state.hot for state in states.values())

    def take(self) -> Batch:
        """Return what waits; from now on the next batch is made."""
        batch, self._batch = self._batch, Batch()
        for token_id in self._touched:
            state = msgspec.structs.replace(self.states[token_id])
            first = self._first.get(token_id, self.at_ms)
            batch.tokens[token_id] = TokenWrite(self._rows[token_id], state, first)
        self._touched, self._first = set(), {}
        digest = format_digest(self.replica.digest)
        batch.after = Position(self.replica.epoch, self.replica.version, digest, self.at_ms)
        return batch

    def put_back(self, batch: Batch) -> None:
        """Take back a batch that was not written."""
        first = {i: token.first_ms for i, token in batch.tokens.items()}
        self._first = first | self._first
        self._batch.put_before(batch)

    @property
    def waiting(self) -> int:
        """The number of candles that wait."""
        return self._batch.folded.size()

    def shed(self) -> None:
        """Leave out the oldest candles when too many wait, and note it as an outage of ours."""
        for tier, first, last in self._batch.folded.shed(self._waiting_max):
            self._counts.shed[tier] += 1
            to_ms = (last + SECONDS[tier]) * 1000
            self.add_gap(GapWrite("", first * 1000, to_ms, "the history could not be written"))
