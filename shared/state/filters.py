"""What a filtered list requires of its rows, and the columns of words that it needs. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_COMPACT_AT: Final = 1_024  # distinct values; below it nothing is gained

Mask = npt.NDArray[np.bool_]
Slots = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class Bound:
    """A range of one figure, both ends included. What is not known is in no range."""

    column: str  # one of numbers (shared.state.columns)
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """One of these words has to be in a field; or, not `wanted`, none of them. Unknown has none."""

    column: str  # one of words
    any_of: tuple[str, ...]  # as the column's reader gives them
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Where:
    """Everything that a row must be; an empty one is passed by all rows."""

    bounds: tuple[Bound, ...] = ()
    words: tuple[Words, ...] = ()


class Tags:
    """A column of short word lists: a code per row, each distinct list kept once."""

    def __init__(self, size: int, read: Callable[[bytes], frozenset[str]]) -> None:
        self._read = read
        self._codes: npt.NDArray[np.int32] = np.full(size, -1, dtype=np.int32)
        self._code_of: dict[bytes, int] = {}
        self._words: list[frozenset[str]] = []  # by code
        self._compact_at = _COMPACT_AT

    def put(self, slot: int, value: bytes) -> None:
        """Take over a row's value, as JSON; null: it has none."""
        code = self._code_of.get(value)
        if code is None:
            if value == b"null":
                self._codes[slot] = -1
                return
            if len(self._words) >= self._compact_at:
                self._compact()
            code = self._code_of[value] = len(self._words)
            self._words.append(self._read(value))
        self._codes[slot] = code

    def clear(self, slot: int) -> None:
        """Forget a row's value."""
        self._codes[slot] = -1

    def grow(self, more: int) -> None:
        """Make room for more rows."""
        self._codes = np.concatenate([self._codes, np.full(more, -1, dtype=np.int32)])

    def having(self, any_of: tuple[str, ...], rows: slice | Slots) -> Mask:
        """Return which of these rows have one of the words."""
        wanted = [not words.isdisjoint(any_of) for words in self._words]
        return np.array([*wanted, False])[self._codes[rows]]  # code -1 is the last

    def _compact(self) -> None:
        """Drop what no row has any more; else values that come and go would pile up."""
        live, renumbered = np.unique(self._codes, return_inverse=True)
        offset = int(live[0] == -1)  # code -1 stays what it is
        values = list(self._code_of)  # in the order of their codes
        kept = live[offset:].tolist()
        self._codes = (renumbered - offset).astype(np.int32)
        self._words = [self._words[code] for code in kept]
        self._code_of = {values[code]: new for new, code in enumerate(kept)}
        self._compact_at = max(_COMPACT_AT, 2 * len(kept))
