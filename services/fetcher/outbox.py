"""Readings of one source on their way to `/ingest`: batches of what fits, and a bound. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from shared.chains import token_id
from shared.model import Reading

READINGS_MAX: Final = 500  # of one post, and
BODY_MAX: Final = 256 * 1024  # bytes of its body: what `/ingest` takes (docs/HTTP.md, "Limits")
WAITING_MAX: Final = 8 * 1024 * 1024  # bytes; half a minute of what the live sources give
_KEPT: Final = 0.75  # of the bound, after making room, so that it is made seldom
_ENVELOPE: Final = 128  # bytes of a body besides its readings

Dropped = Literal["superseded", "overflow", "too_large", "refused"]
DROPPED: Final[tuple[Dropped, ...]] = ("superseded", "overflow", "too_large", "refused")
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Entry:
    token: str
    observed_ms: int
    encoded: bytes


class Outbox:
    """The readings that wait, oldest first.

    Past the bound (bytes) only the newest of each token stays, and then the newest of all.
    """

    def __init__(self, bound: int = WAITING_MAX) -> None:
        self._bound = bound
        self._waiting: deque[_Entry] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether there is enough for a whole post."""
        return len(self._waiting) >= READINGS_MAX or self._bytes >= BODY_MAX

    def put(self, readings: Iterable[Reading]) -> Counter[Dropped]:
        """Add readings; return how many were dropped, by reason.

        `too_large`: one does not fit into a post. `superseded`: there is a newer one of its token.
        `overflow`: there are too many tokens.
        """
        dropped: Counter[Dropped] = Counter()
        for reading in readings:
            encoded = _encode(reading)
            if len(encoded) > BODY_MAX - _ENVELOPE:
                dropped["too_large"] += 1
                continue
            token = token_id(reading.chain, reading.token_address)
            self._waiting.append(_Entry(token, reading.observed_ms, encoded))
            self._bytes += len(encoded)
        if self._bytes > self._bound:
            self._make_room(dropped)
        return dropped

    def take(self) -> tuple[bytes, ...]:
        """Take the oldest readings that fit into one post, encoded; none when none wait."""
        taken: list[bytes] = []
        room = BODY_MAX - _ENVELOPE
        while self._waiting and len(taken) < READINGS_MAX:
            room -= len(self._waiting[0].encoded) + 1  # and a comma
            if room < -1:
                break
            taken.append(self._waiting.popleft().encoded)
            self._bytes -= len(taken[-1])
        return tuple(taken)

    def _make_room(self, dropped: Counter[Dropped]) -> None:
        newest: dict[str, _Entry] = {}
        for each in self._waiting:
            held = newest.get(each.token)
            if held is None or each.observed_ms >= held.observed_ms:
                newest[each.token] = each
        kept = deque(each for each in self._waiting if newest[each.token] is each)
        dropped["superseded"] += len(self._waiting) - len(kept)
        self._bytes = sum(len(each.encoded) for each in kept)
        while self._bytes > self._bound * _KEPT:
            self._bytes -= len(kept.popleft().encoded)
            dropped["overflow"] += 1
        self._waiting = kept


def body_of(source: str, readings: Iterable[bytes]) -> bytes:
    """Return the body of a post."""
    return b'{"source":"%s","tokens":[%s]}' % (source.encode(), b",".join(readings))
