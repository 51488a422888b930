"""From merged tokens to commits: what one window writes, in pieces that block the store briefly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from services.aggregator.alerts import UNJUDGED, AlertBook, Crossing, Track, encode_track
from services.aggregator.memory import Memory
from services.aggregator.noise import NoiseFloors, diff
from services.aggregator.tickers import Tickers
from shared.chains import split_token_id
from shared.merge.policy import MergeRules
from shared.merge.rules import merge_token
from shared.model import METRICS
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
from shared.state.replica import Replica
from shared.state.row import Fields
from shared.state.store import CommitPlan, RowWrite

_METRIC_OF_FIELD: Final = {name: metric for metric, name in METRICS.items()}
_OVERHEAD: Final = 5  # what a token costs besides its fields
_ALERT_WEIGHT: Final = 8  # an event or a stored track, in fields
_NAMES: Final = ("token_name", "token_ticker")
_encode_json = msgspec.json.encode
_decode_json = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Item:
    """What one window has to say of one token."""

    token_id: str
    changed: Fields = field(default_factory=dict)  # null = became unknown
    added: bool = False
    removed: bool = False
    readings: Fields = field(default_factory=dict)  # source → JSON
    crossings: Sequence[Crossing] = ()
    tracks: Mapping[str, Track] = field(default_factory=dict)  # by window

    @property
    def weight(self) -> int:
        """How much of a commit's budget it takes, in fields."""
        alerts = _ALERT_WEIGHT * (len(self.crossings) + len(self.tracks))
        return len(self.changed) + len(self.readings) + alerts + _OVERHEAD


@dataclass(frozen=True, slots=True)
class Merger:
    """Merges tokens into the items of a commit.

    Tokens whose batches wait for an answer are saved in any case.
    """

    memory: Memory
    replica: Replica
    rules: MergeRules
    floors: NoiseFloors
    alerts: AlertBook = field(default_factory=AlertBook)
    tickers: Tickers = field(default_factory=Tickers)

    def items(self, tokens: Iterable[str], now_ms: int, saved: frozenset[str]) -> Iterator[Item]:
        """Merge the tokens again and yield what changed; dead ones leave the memory too."""
        for token in tokens:
            item = self._item(token, now_ms, force=token in saved)
            if item is not None:
                yield item

    def _item(self, token: str, now_ms: int, *, force: bool) -> Item | None:
        known = token in self.replica.rows
        sources = self.memory.sources(token)
        if not sources:
            self.memory.touch(self.tickers.remove(token), now_ms)
            return Item(token, removed=True) if known else None
        chain, address = split_token_id(token)
        merged = merge_token(chain, address, sources, now_ms, self.rules)
        if merged.dead:
            self.memory.leave(token)
            self.memory.touch(self.tickers.remove(token), now_ms)
            return Item(token, removed=True) if known else None
        self.memory.schedule(token, merged.next_ms)
        self.memory.prune(token, now_ms, self.rules)
        # Rows of the same ticker are looked at again in the next window.
        self.memory.touch(self.tickers.put(token, merged.values), now_ms)
        mark = self.tickers.mark(token)
        if mark is not None:
            merged.values["same_ticker"] = mark
        before = _decode_json(self.replica.rows[token]) if known else None
        if before is not None:
            before.pop("rv", None)
        change = diff(before, merged.values, self.floors)
        changed = {k: _encode_json(v) for k, v in change.set.items()} if change else {}
        readings = self.memory.take_unsaved(token, now_ms, force=force or bool(changed))
        if not changed and not readings:
            return None
        judged = self.alerts.judge(token, before, change.set, now_ms) if change else UNJUDGED
        return Item(
            token, changed=changed, added=not known, readings=readings,
            crossings=judged.crossings, tracks=judged.tracks,
        )  # fmt: skip

    def settle(self, items: Iterable[Item]) -> None:
        """The store has taken these items: alerts are judged from here on."""
        for item in items:
            if item.removed:
                self.alerts.forget(item.token_id)
            else:
                self.alerts.put(item.token_id, item.tracks)


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


def plan_commit(replica: Replica, items: Iterable[Item], stamp: Stamp) -> tuple[CommitPlan, Commit]:
    """Build the commit that follows the replica's version. Nothing is changed yet."""
    draft = _Draft(replica)
    for item in items:
        draft.put(item)
    message = Commit(
        e=replica.epoch,
        pv=replica.version,
        v=draft.version,
        ts=stamp.ts,
        set=draft.sets,
        add=draft.adds,
        del_=draft.removed,
        ev=[msgspec.Raw(event) for event in draft.events],
        native=dict(stamp.native),
        acks=list(stamp.acks),
        refused=dict(stamp.refused),
        digest=rows_.format_digest(draft.digest),
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
        tokens=draft.tokens,
        horizon=stamp.horizon,
        seeding=stamp.seeding,
        message=encode(message),
        rows=draft.rows,
        removed=draft.removed,
        returned=draft.returned,
        scores=draft.scores,
        unranked=draft.unranked,
        readings=draft.readings,
        events=draft.events,
        alert_bases=draft.alert_bases,
        native=encode_natives(change_natives(replica.native, stamp.native))
        if stamp.native
        else b"",
        log_from=stamp.log_from,
    )
    return plan, message


class _Draft:
    """A commit in the making: what the store writes beside what the message says."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self.version = replica.version + 1
        self._rv = str(self.version).encode()
        self.digest, self.tokens = replica.digest, len(replica.rows)
        self.sets: list[msgspec.Raw] = []
        self.adds: list[msgspec.Raw] = []
        self.rows: list[RowWrite] = []
        self.removed: list[str] = []
        self.returned: list[str] = []
        self.scores: dict[str, list[tuple[str, bytes]]] = {}
        self.unranked: dict[str, list[str]] = {}
        self.readings: dict[str, Fields] = {}
        self.events: list[bytes] = []
        self.alert_bases: dict[str, Fields] = {}

    def put(self, item: Item) -> None:
        """Take in what one token changes."""
        if item.removed:
            self._remove(item.token_id)
            return
        if item.readings:
            self.readings[item.token_id] = item.readings
        if item.tracks:
            self.alert_bases[item.token_id] = {w: encode_track(t) for w, t in item.tracks.items()}
        if item.crossings:
            names = self._names(item)
            for crossing in item.crossings:
                self.events.append(self._event(item.token_id, crossing, names))
        if not item.changed:
            return
        changed = {**item.changed, "rv": self._rv}
        before = {} if item.added else self._replica.fields(item.token_id)
        after = rows_.patch(before, changed)
        old_hash = self._replica.row_hash(item.token_id)
        self.digest = rows_.add_to_digest(self.digest, plus=rows_.row_hash(after), minus=old_hash)
        if item.added:
            self.tokens += 1
            self.adds.append(msgspec.Raw(rows_.encode_row(after)))
            if item.token_id in self._replica.gone:
                self.returned.append(item.token_id)
        else:
            self.sets.append(msgspec.Raw(rows_.encode_row({"id": before["id"], **changed})))
        self._write(item, changed)

    def _names(self, item: Item) -> dict[str, str]:
        """Return what a token is called with this commit."""
        held = {} if item.added else self._replica.fields(item.token_id)
        fields = rows_.patch(held, item.changed)
        return {name: rows_.text(fields[name]) for name in _NAMES if name in fields}

    def _event(self, token: str, crossing: Crossing, names: Mapping[str, str]) -> bytes:
        return encode_alert(
            Alert(
                i=f"{self.version}.{len(self.events)}",
                type=crossing.type,
                id=token,
                w=crossing.window,
                dir="up" if crossing.move.change > 0 else "down",
                chg=round(crossing.move.change, 2),
                from_=crossing.move.base,
                to=crossing.move.value,
                lvl=crossing.level,
                **names,
            )
        )

    def _remove(self, token: str) -> None:
        self.removed.append(token)
        for metric in METRICS:
            self.unranked.setdefault(metric, []).append(token)
        self.digest = rows_.add_to_digest(self.digest, minus=self._replica.row_hash(token))
        self.tokens -= token in self._replica.rows

    def _write(self, item: Item, changed: Fields) -> None:
        known = {name: value for name, value in changed.items() if value != rows_.NULL}
        unknown = tuple(name for name in changed if name not in known)
        replace = item.added
        self.rows.append(RowWrite(item.token_id, replace, known, () if replace else unknown))
        for name, value in changed.items():
            metric = _METRIC_OF_FIELD.get(name)
            if metric is None:
                continue
            if name in known:
                self.scores.setdefault(metric, []).append((item.token_id, value))
            elif not replace:
                self.unranked.setdefault(metric, []).append(item.token_id)
