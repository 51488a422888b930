"""What becomes of a log line before it is written: how often, and with which characters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

PER_S: Final = 10  # lines of one event a second; what repeats faster says nothing new
_KEYS_MAX: Final = 1_000


def is_worth_a_line(count: int) -> bool:
    """Whether the `count`-th of its kind is logged: the 1st, 10th, 100th, then each 1,000th."""
    return count in (1, 10, 100) or count % 1000 == 0


class Throttle:
    """Lets each event through at most so often, and counts how many were left out before."""

    def __init__(self, clock: Callable[[], float], per_s: int = PER_S) -> None:
        self._clock = clock
        self._per_s = per_s
        self._seen: dict[Hashable, _Second] = {}

    def admit(self, key: Hashable) -> int | None:
        """Return the number of lines left out since the last one, or None to leave this one out."""
        now_s = self._clock()
        second = self._seen.get(key)
        if second is None:
            if len(self._seen) >= _KEYS_MAX:  # libraries may put values into their messages
                self._seen.clear()
            second = self._seen[key] = _Second(now_s)
        if now_s - second.since_s >= 1:
            second.since_s, second.lines = now_s, 0
        second.lines += 1
        if second.lines > self._per_s:
            second.left_out += 1
            return None
        left_out, second.left_out = second.left_out, 0
        return left_out


class _Second:
    __slots__ = ("left_out", "lines", "since_s")

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.lines = 0
        self.left_out = 0


def printable(value: object) -> object:
    """Return a value whose text cannot move a cursor, end a line or turn the direction of reading.

    Much of what is logged was written by others: an upstream, a producer, a client.
    """
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_escaped, value))
    if isinstance(value, list | tuple):
        return [printable(item) for item in value]
    return value


def printable_lines(text: str) -> str:
    """Do the same with a text of several lines, such as a trace."""
    return "\n".join(str(printable(line)) for line in text.split("\n"))


def _escaped(character: str) -> str:
    return (
        character
        if character.isprintable()
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
    )
