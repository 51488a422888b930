"""All readings of all tokens, and which tokens must be looked at again. Pure: time is passed in."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Final

from services.aggregator.shares import Shares
from shared.chains import token_id
from shared.merge.confirm import confirms
from shared.merge.policy import MergeRules
from shared.merge.readings import (
    ReadingError,
    SourceReading,
    decode_source_reading,
    encode_source_reading,
    merge,
    merge_reading,
    prune,
)
from shared.model import Reading, is_posted

_TRADES: Final = ("volume_24h", "transactions_24h", "volume_1h", "transactions_1h")
_NEVER: Final = 1 << 63
_DEFAULT_RULES: Final = MergeRules()
SAVE_EVERY_MS = 30_000  # a reading that changes no row is still stored this often


class Memory:
    """Readings by token and source.

    Every aggregator keeps one, the standbys too: merging does not depend on order or repetition,
    so a standby that has received the same readings holds the same memory.
    """

    def __init__(
        self,
        max_tokens: int,
        max_per_producer: int | None = None,
        rules: MergeRules = _DEFAULT_RULES,
    ) -> None:
        """`max_per_producer`: tokens that only one producer posts; None: no bound of its own."""
        self._rules = rules
        self._readings: dict[str, dict[str, SourceReading]] = {}
        self._max_tokens = max_tokens
        self._max_per_producer = max_tokens if max_per_producer is None else max_per_producer
        self._shares = Shares()
        self.made_room = 0  # tokens that were removed for others
        # Forgotten here, not yet removed in a commit → whether it made room for another.
        self._leaving: dict[str, bool] = {}
        self._dirty: dict[str, int] = {}  # id → when it was last touched (ms)
        self._due_at: dict[str, int] = {}  # id → ms at which a bound is crossed
        self._due: list[tuple[int, str]] = []  # heap of (ms to look at it, id): not after it
        self._queued_at: dict[str, int] = {}  # the heap entry that counts, per id
        self._holds_ms: dict[str, int] = {}  # id → latest time of a reading that may only confirm
        self._unsaved: dict[str, set[str]] = {}  # id → sources newer than what is stored
        self._saved_ms: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._readings)

    def tokens(self) -> list[str]:
        """Return all ids, in no order."""
        return list(self._readings)

    def sources(self, token: str) -> Mapping[str, SourceReading]:
        """Return a token's readings by source; empty when there are none."""
        return self._readings.get(token, {})

    def add(self, source: str, reading: Reading, now_ms: int, producer: str = "") -> str:
        """Merge a reading; return its token id.

        `producer`: whose key posted it; without one, of a posted reading, its source. Raises
        ReadingError when there is no room for a new token: `too_many_tokens`, `producer_share`.
        """
        token = token_id(reading.chain, reading.token_address)
        owner = (producer or source) if is_posted(source) else None
        by_source = self._readings.get(token)
        if by_source is None:
            self._make_room(owner, now_ms)
            self._leaving.pop(token, None)
            by_source = self._readings[token] = {}
        before = by_source.get(source)
        after = merge_reading(before, reading)
        if after is not before:
            by_source[source] = after
            if (
                before is None
                or reading.observed_ms > self._holds_until(token, now_ms)
                or not confirms(source, before, after, now_ms, self._rules)
            ):
                self._dirty[token] = now_ms
            self._unsaved.setdefault(token, set()).add(source)
        if owner is None:
            self._shares.drop(token)
        else:
            traded = any(_positive(getattr(reading, name)) for name in _TRADES)
            self._share(token, owner, traded=traded)
        return token

    def _holds_until(self, token: str, now_ms: int) -> int:
        """Return the latest time of readings that may confirm the row as it was merged; 0: none."""
        if token in self._dirty or now_ms >= self._due_at.get(token, 0):
            return 0
        return self._holds_ms.get(token, 0)

    def _make_room(self, owner: str | None, now_ms: int) -> None:
        """See to it that one more token fits. Raises ReadingError.

        A producer's token takes the room of another only where that one's producer has more: so
        shares become equal, and nobody who posts a lot can displace one who does not.
        """
        held = 0 if owner is None else self._shares.count(owner)
        if self._max_tokens > self._max_per_producer <= held:
            raise ReadingError("producer_share", f"{owner} has {held} tokens already")
        if len(self._readings) < self._max_tokens:
            return
        weakest = self._shares.weakest(0 if owner is None else held + 1)
        if weakest is None:
            raise ReadingError("too_many_tokens", f"there are {len(self)} already")
        self.leave(weakest, made_room=True)
        self._dirty[weakest] = now_ms
        self.made_room += 1

    def _share(self, token: str, owner: str, *, traded: bool) -> None:
        """Count a token with its producer; one that a polled source knows is nobody's."""
        if all(map(is_posted, self._readings[token])):
            self._shares.put(token, owner, traded=traded)
        else:
            self._shares.drop(token)

    def merge_stored(self, token: str, stored: Mapping[str, bytes]) -> None:
        """Merge what the store holds of a token: source → JSON. What cannot be read is no loss."""
        if token in self._leaving:  # its removal is about to be committed
            return
        by_source = self._readings.setdefault(token, {})
        for source, data in stored.items():
            try:
                theirs, ours = decode_source_reading(data), by_source.get(source)
            except ReadingError:
                continue
            by_source[source] = theirs if ours is None else merge(ours, theirs)
        if by_source:
            # Whose key it was is not stored; a token that was posted since keeps its producer.
            stamped = (held.fields.get(name) for held in by_source.values() for name in _TRADES)
            traded = any(_positive(each.value) for each in stamped if each is not None)
            self._share(token, min(by_source), traded=traded)

    def touch(self, tokens: Iterable[str], now_ms: int) -> None:
        """Look at these tokens again in the next window."""
        known, leaving = self._readings, self._leaving
        self._dirty.update((t, now_ms) for t in tokens if t in known or t in leaving)

    def take_dirty(self, now_ms: int) -> list[str]:
        """Return, once, the tokens that were touched or have crossed a freshness bound."""
        while self._due and self._due[0][0] <= now_ms:
            at, token = heapq.heappop(self._due)
            if self._queued_at.get(token) != at:
                continue
            del self._queued_at[token]
            due_ms = self._due_at.get(token)
            if due_ms is not None and due_ms <= now_ms:
                del self._due_at[token]
                self._dirty[token] = now_ms
            elif due_ms is not None:  # it was put off since
                self._queue(token, due_ms)
        taken, self._dirty = list(self._dirty), {}
        return taken

    def forget_dirty(self, before_ms: int) -> None:
        """Forget what was touched before a time: a standby trusts the leader with it."""
        self._dirty = {token: at for token, at in self._dirty.items() if at >= before_ms}
        self.left(list(self._leaving))

    def prune(self, token: str, now_ms: int, rules: MergeRules) -> None:
        """Drop what no later merge of this token can use."""
        by_source = self._readings.get(token, {})
        for source, reading in by_source.items():
            kept = prune(reading, now_ms, rules)
            if kept is not reading:
                by_source[source] = kept

    def schedule(self, token: str, at_ms: int | None, *, holds_ms: int = 0) -> None:
        """Look at this token again at a time, and at no earlier one named before.

        `holds_ms`: until when its sources may see what is known again without a look: their time is
        shown too, and it is noise up to then.
        """
        self._holds_ms[token] = holds_ms
        if at_ms is None:
            self._due_at.pop(token, None)
            return
        self._due_at[token] = at_ms
        # One that is put off keeps its place: most are, again and again, and never come up.
        if at_ms < self._queued_at.get(token, _NEVER):
            self._queue(token, at_ms)

    def _queue(self, token: str, at_ms: int) -> None:
        self._queued_at[token] = at_ms
        heapq.heappush(self._due, (at_ms, token))

    def leave(self, token: str, *, made_room: bool = False) -> None:
        """Drop a token whose removal is to be committed."""
        self.forget(token)
        self._leaving[token] = made_room

    def withdraw_removals(self) -> None:
        """Forget what was to be removed and is not yet, but for what made room for others.

        A term that ends may have missed what its successor received, and acknowledged, of a token
        that looked dead. What made room for another still does: here is no room for it.
        """
        self._leaving = {token: True for token, made_room in self._leaving.items() if made_room}

    def left(self, tokens: Iterable[str]) -> None:
        """What was to be done about these tokens is committed, unless they were touched since."""
        for token in tokens:
            if token not in self._dirty:
                self._leaving.pop(token, None)

    def made_room_for_others(self, token: str) -> bool:
        """Return whether a token was removed for another, in a commit that is still to come."""
        return self._leaving.get(token, False)

    def forget(self, token: str) -> None:
        """Drop a token and everything kept of it."""
        self._shares.drop(token)
        self._readings.pop(token, None)
        self._dirty.pop(token, None)
        self._due_at.pop(token, None)
        self._holds_ms.pop(token, None)
        self._unsaved.pop(token, None)
        self._saved_ms.pop(token, None)

    def take_unsaved(self, token: str, now_ms: int, *, force: bool) -> dict[str, bytes]:
        """Return, once, the readings to go with the next commit: source → JSON.

        `force`: the row changes or somebody waits for it. Otherwise every SAVE_EVERY_MS.
        """
        sources = self._unsaved.get(token)
        if not sources or not (force or now_ms - self._saved_ms.get(token, 0) >= SAVE_EVERY_MS):
            return {}
        del self._unsaved[token]
        self._saved_ms[token] = now_ms
        held = self._readings[token]
        return {source: encode_source_reading(held[source]) for source in sorted(sources)}

    def save_all_again(self) -> None:
        """Take nothing for stored: the store may have lost what it took."""
        self._unsaved = {token: set(sources) for token, sources in self._readings.items()}
        self._saved_ms.clear()

    def put_back(self, token: str, sources: Iterable[str]) -> None:
        """The commit that was to store these readings failed."""
        if token in self._readings:
            self._unsaved.setdefault(token, set()).update(sources)
            self._saved_ms.pop(token, None)

    def overdue(self, now_ms: int, limit: int) -> list[str]:
        """Return tokens whose readings have waited SAVE_EVERY_MS for a commit to go with."""
        found = []
        for token in self._unsaved:
            if now_ms - self._saved_ms.get(token, 0) >= SAVE_EVERY_MS:
                found.append(token)
                if len(found) == limit:
                    break
        return found


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0
