"""From readings to what one window changes: tokens are merged again and compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from services.aggregator.alerts import UNJUDGED, AlertBook
from services.aggregator.commit import Item
from services.aggregator.memory import Memory
from services.aggregator.milestones import milestones
from services.aggregator.noise import NoiseFloors, RowDiff, diff
from services.aggregator.tickers import Tickers
from shared.chains import split_token_id
from shared.merge.policy import MergeRules
from shared.merge.rules import Merged, merge_token
from shared.merge.signals import is_copycat
from shared.state.replica import Replica

_encode_json: Final = msgspec.json.encode
_decode_value: Final = msgspec.json.decode
_decode_json: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Merger:
    """Merges tokens into the items of a commit.

    Tokens whose batches wait for an answer are saved in any case. Until `quiet_until_ms` a new row
    is no event.
    """

    memory: Memory
    replica: Replica
    rules: MergeRules
    floors: NoiseFloors
    alerts: AlertBook = field(default_factory=AlertBook)
    tickers: Tickers = field(default_factory=Tickers)
    quiet_until_ms: int = 0

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
            self.memory.touch(sorted(self.tickers.remove(token)), now_ms)
            return Item(token, removed=True) if known else None
        chain, address = split_token_id(token)
        merged = merge_token(chain, address, sources, now_ms, self.rules)
        if merged.dead:
            self.memory.leave(token)
            self.memory.touch(sorted(self.tickers.remove(token)), now_ms)
            return Item(token, removed=True) if known else None
        self.memory.prune(token, now_ms, self.rules)
        # Rows of the same ticker are looked at again in the next window; in an order that is no
        # process's own, because a recording makes the same commits each time.
        self.memory.touch(sorted(self.tickers.put(token, merged.values)), now_ms)
        mark = self.tickers.mark(token)
        if mark is not None:
            merged.values["same_ticker"] = mark
            if is_copycat(mark):
                merged.values["flags"] = sorted((*merged.values.get("flags", ()), "copycat"))
        before = _decode_json(self.replica.rows[token]) if known else None
        if before is not None:
            before.pop("rv", None)
        change = diff(before, merged.values, self.floors)
        self._schedule(token, merged, before, change)
        changed = {k: _encode_json(v) for k, v in change.set.items()} if change else {}
        readings = self.memory.take_unsaved(token, now_ms, force=force or bool(changed))
        if not changed and not readings:
            return None
        judged = self.alerts.judge(token, before, change.set, now_ms) if change else UNJUDGED
        reached = milestones(before, change.set, now_ms, self.quiet_until_ms) if change else ()
        return Item(
            token, changed=changed, added=not known, readings=readings,
            milestones=reached, crossings=judged.crossings, tracks=judged.tracks, looked_ms=now_ms,
        )  # fmt: skip

    def as_committed(self, items: Iterable[Item], ts: int) -> list[Item]:
        """Return items with the alerts of the time of their commit, which comes after the look.

        The base is the value in force one window before that time, and the cool-down of what is
        reported begins with it.
        """
        return [self._judged_again(item, ts) if self._is_late(item, ts) else item for item in items]

    def _is_late(self, item: Item, ts: int) -> bool:
        if not item.changed:
            return False
        return bool(item.crossings) or not self.alerts.is_same_look(
            item.token_id, item.looked_ms, ts
        )

    def _judged_again(self, item: Item, ts: int) -> Item:
        token = item.token_id
        before = None if item.added else _decode_json(self.replica.rows[token])
        changed = {name: _decode_value(value) for name, value in item.changed.items()}
        judged = self.alerts.judge(token, before, changed, ts)
        return replace(item, crossings=judged.crossings, tracks=judged.tracks, looked_ms=ts)

    def _schedule(
        self, token: str, merged: Merged, before: Mapping[str, Any] | None, change: RowDiff | None
    ) -> None:
        shown = before if change is None or "observed_ms" not in change.set else merged.values
        shown_ms = shown["observed_ms"] if shown and "observed_ms" in shown else 0
        self.memory.schedule(token, merged.next_ms, holds_ms=shown_ms + self.floors.observed_ms)

    def settle(self, items: Iterable[Item]) -> None:
        """The store has taken these items: alerts are judged from here on."""
        for item in items:
            if item.removed:
                self.alerts.forget(item.token_id)
            else:
                self.alerts.put(item.token_id, item.tracks)
