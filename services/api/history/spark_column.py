"""The sparklines of a list: 24 numbers of each token, in memory, read without a query. Pure.

The first 23 are closes of whole hours, oldest first; the last is the row's own price. A number that
is not known is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

HOUR_S: Final = 3_600
CLOSES: Final = 23  # whole hours before the one that is running
_DIGITS: Final = 5  # significant ones: a sparkline has some 20 px, and a page 2,300 closes
_HEAD: Final = b',"spark":'
_PRICE: Final = b',"price":'
_UNKNOWN: Final = _HEAD + msgspec.json.encode([None] * CLOSES)[:-1] + b","


class SparkColumn:
    """Closes by token and hour."""

    def __init__(self) -> None:
        self._hour_s = 0  # start of the running hour
        self._places: dict[str, int] = {}  # token id → its line
        self._closes: NDArray[np.float64] = _empty(256)
        self._written: dict[str, bytes] = {}  # JSON without the last number, made when it is read

    def __len__(self) -> int:
        return len(self._places)

    def roll(self, now_s: int) -> None:
        """Move to the hour of a time: its closes move to the left, unknown ones come in."""
        hour_s = now_s - now_s % HOUR_S
        hours = (hour_s - self._hour_s) // HOUR_S
        if not hours:
            return
        if 0 < hours < CLOSES:
            self._closes[:, :-hours] = self._closes[:, hours:].copy()
            self._closes[:, -hours:] = np.nan
        else:
            self._closes[:] = np.nan
        self._hour_s = hour_s
        self._written.clear()

    def hours_s(self) -> list[int]:
        """Return the starts of the hours whose closes are here, oldest first."""
        return [self._hour_s - HOUR_S * back for back in range(CLOSES, 0, -1)]

    def put(self, hour_s: int, closes: Iterable[tuple[str, float]]) -> None:
        """Take over closes of one hour, by token id; other hours than these are no matter."""
        column = CLOSES - (self._hour_s - hour_s) // HOUR_S
        if not 0 <= column < CLOSES:
            return
        for token_id, close in closes:
            place = self._place(token_id)  # it may make room, in another array
            shown = float(f"{close:.{_DIGITS}g}")
            if self._closes[place, column] != shown:
                self._closes[place, column] = shown
                self._written.pop(token_id, None)

    def keep(self, ids: Iterable[str]) -> None:
        """Forget every token but these."""
        kept = [token_id for token_id in ids if token_id in self._places]
        if len(kept) == len(self._places):
            return
        lines = self._closes[[self._places[token_id] for token_id in kept]]
        self._closes = np.concatenate([lines, _empty(256)])
        self._places = {token_id: place for place, token_id in enumerate(kept)}
        self._written.clear()

    def with_sparks(self, rows: Sequence[bytes], ids: Sequence[str]) -> list[bytes]:
        """Return rows (JSON) with `spark`."""
        return [
            b"".join((row[:-1], self._line(token_id), _price(row), b"]}"))
            for row, token_id in zip(rows, ids, strict=True)
        ]

    def _line(self, token_id: str) -> bytes:
        written = self._written.get(token_id)
        if written is None:
            place = self._places.get(token_id)
            if place is None:
                return _UNKNOWN
            # NaN is written as null.
            written = _HEAD + msgspec.json.encode(self._closes[place].tolist())[:-1] + b","
            self._written[token_id] = written
        return written

    def _place(self, token_id: str) -> int:
        place = self._places.setdefault(token_id, len(self._places))
        if place == len(self._closes):
            self._closes = np.concatenate([self._closes, _empty(place)])
        return place


def _empty(lines: int) -> NDArray[np.float64]:
    return np.full((lines, CLOSES), np.nan)


def _price(row: bytes) -> bytes:
    """Return a row's price as it is written, null where it has none.

    A quote within a text is escaped, and the id comes first: the first match is the field.
    """
    start = row.find(_PRICE)
    if start < 0:
        return b"null"
    start += len(_PRICE)
    end = row.find(b",", start)
    return row[start:end] if end > 0 else row[start:-1]
