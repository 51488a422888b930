"""What lists are ordered and filtered by, of all rows: a column of numbers or words per field.

Pure. A change costs one array store per field. Trending scores are computed when a list of them is
read, of the rows that have changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from dexwire.stream.figures import AGES, FACTS, FIGURES, WINDOWED_FIGURES
from dexwire.stream.trending import UNRANKED
from shared.model import RANKED, TRENDING, WINDOWS
from shared.state import trending
from shared.state.filters import Mask, Slots, Tags, Where

Floats = npt.NDArray[np.float64]

_FILTERED: Final = tuple(
    name
    for figure in FIGURES
    if figure not in AGES
    for name in ([f"{figure}_{w}" for w in WINDOWS] if figure in WINDOWED_FIGURES else [figure])
)
# Column → the row's field: what lists are ordered by, filtered by, and scored by.
_FIELD_OF: Final = {
    **RANKED,
    **{name: name for name in _FILTERED if name not in RANKED},
    "observed": "observed_ms",
}
_COLUMN_OF: Final = {field: column for column, field in _FIELD_OF.items()}
_PLACES: Final = {column: place for place, column in enumerate((*_FIELD_OF, *TRENDING))}
TRUE: Final = "true"  # the word of a true fact


class Columns:
    """Figures and words of rows, by slot; all are unknown at first."""

    def __init__(self, size: int) -> None:
        self._words = {
            "protocol": Tags(size, _read_folded),
            "launchpad": Tags(size, _read_folded),
            "sources": Tags(size, _read_list),
            "flags": Tags(size, _read_list),
            "stage": Tags(size, _read_word),
            **{fact: Tags(size, _read_fact) for fact in (*FACTS, "stale")},
        }
        self._changes = 0
        self._changed: npt.NDArray[np.int64] = np.zeros(size, dtype=np.int64)  # at which change
        self._scored = dict.fromkeys(TRENDING, 0)  # up to which change its scores are right
        self._use(np.full((len(_PLACES), size), np.nan))

    def _use(self, figures: Floats) -> None:
        self._figures = figures
        self._by_field = {field: figures[_PLACES[column]] for field, column in _COLUMN_OF.items()}

    def grow(self, more: int) -> None:
        """Make room for more rows."""
        empty = np.full((len(_PLACES), more), np.nan)
        self._use(np.concatenate([self._figures, empty], axis=1))
        self._changed = np.concatenate([self._changed, np.zeros(more, dtype=np.int64)])
        for tags in self._words.values():
            tags.grow(more)

    def put(self, slot: int, changed: Mapping[str, bytes]) -> None:
        """Take over a row's changed fields (JSON values; null: unknown)."""
        figures, words = self._by_field, self._words
        for name, value in changed.items():
            if name in figures:
                figures[name][slot] = np.nan if value == b"null" else float(value)
            elif name in words:
                words[name].put(slot, value)
        self._changes += 1
        self._changed[slot] = self._changes

    def forget(self, slot: int) -> None:
        """Make everything of a row unknown."""
        self._figures[:, slot] = np.nan
        for tags in self._words.values():
            tags.clear(slot)
        self._changes += 1
        self._changed[slot] = self._changes

    def figure(self, column: str, used: int) -> Floats:
        """Return a column of the first `used` rows, NaN where unknown. Do not change it."""
        if column in TRENDING:
            self._score(column)
        return self._figures[_PLACES[column], :used]

    def passing(self, where: Where, used: int) -> Mask:
        """Return which rows pass; a comparison with an unknown figure (NaN) is always false."""
        passing = np.ones(used, dtype=np.bool_)
        for bound in where.bounds:
            column = self.figure(bound.column, used)
            if bound.least is not None:
                passing &= column >= bound.least
            if bound.most is not None:
                passing &= column <= bound.most
        rows = slice(used)
        for words in where.words:
            passing &= self._words[words.column].having(words.any_of, rows) == words.wanted
        return passing

    def trending_parts(self, column: str, slots: Slots) -> dict[str, Floats]:
        """Return the parts of these rows' trending scores (shared.state.trending)."""
        return trending.parts_of(self._of(slots), self._banned(slots), TRENDING[column])

    def _score(self, column: str) -> None:
        slots = np.flatnonzero(self._changed > self._scored[column])
        if len(slots):
            banned, window = self._banned(slots), TRENDING[column]
            scores = trending.scores_of(self._of(slots), banned, window)
            self._figures[_PLACES[column], slots] = scores
            self._scored[column] = self._changes

    def _of(self, slots: Slots) -> Callable[[str], Floats]:
        return lambda field: self._by_field[field][slots]

    def _banned(self, slots: Slots) -> Mask:
        flagged = self._words["flags"].having(UNRANKED, slots)
        return flagged | self._words["stale"].having((TRUE,), slots)


def _read_folded(value: bytes) -> frozenset[str]:
    return frozenset((msgspec.json.decode(value, type=str).casefold(),))


def _read_word(value: bytes) -> frozenset[str]:
    return frozenset((msgspec.json.decode(value, type=str),))


def _read_list(value: bytes) -> frozenset[str]:
    return frozenset(msgspec.json.decode(value, type=list[str]))


def _read_fact(value: bytes) -> frozenset[str]:
    return frozenset((TRUE,)) if value == b"true" else frozenset()
