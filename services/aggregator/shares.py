"""Tokens that only producers post: how many each producer has, and which make room. Pure.

What a producer says of its tokens is its own word, so a full list makes room at the producer with
the most tokens, whatever it says: there the token without any trade that was not posted for longest
goes first. Tokens of which a polled source has a reading are never here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Held:
    """The tokens of one producer, the one that was not posted for longest first."""

    untraded: dict[str, None] = field(default_factory=dict)
    traded: dict[str, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.untraded) + len(self.traded)


class Shares:
    """Every call takes constant time, however many tokens and producers there are."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}  # producer → its tokens
        self._producer: dict[str, str] = {}  # token → the producer that posted it first
        self._by_count: dict[int, dict[str, None]] = {}  # number of tokens → producers
        self._most = 0

    def count(self, producer: str) -> int:
        """Return how many tokens a producer has."""
        return len(self._held.get(producer, ()))

    def put(self, token: str, producer: str, *, traded: bool) -> None:
        """Note that a producer posted a token; one that is here keeps its producer."""
        owner = self._producer.setdefault(token, producer)
        held = self._held.setdefault(owner, _Held())
        before = len(held)
        held.untraded.pop(token, None)
        was_traded = token in held.traded
        held.traded.pop(token, None)
        (held.traded if traded or was_traded else held.untraded)[token] = None
        self._recount(owner, before, len(held))

    def drop(self, token: str) -> None:
        """Forget a token: it is gone, or a polled source knows it."""
        owner = self._producer.pop(token, None)
        if owner is None:
            return
        held = self._held[owner]
        before = len(held)
        held.untraded.pop(token, None)
        held.traded.pop(token, None)
        if not held:
            del self._held[owner]
        self._recount(owner, before, len(held))

    def weakest(self, more_than: int = 0) -> str | None:
        """Return the token to make room, of the producer with the most; None if none has more."""
        if self._most <= more_than:
            return None
        held = self._held[next(iter(self._by_count[self._most]))]
        return next(iter(held.untraded or held.traded))

    def _recount(self, producer: str, before: int, after: int) -> None:
        if before == after:
            return
        if before:
            self._by_count[before].pop(producer)
            if not self._by_count[before]:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[producer] = None
        # Counts change by one, so the most does too.
        if after > self._most or (before == self._most and before not in self._by_count):
            self._most = after
