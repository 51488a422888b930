"""Addresses that gave no image, remembered for a while. Pure."""

from __future__ import annotations

from typing import Final

from services.images.errors import NoImage

_NAMES_MAX: Final = 20_000


class Failures:
    """The clock is the caller's, in seconds. Beyond so many names the oldest are forgotten."""

    def __init__(self, keep_s: float, *, names_max: int = _NAMES_MAX) -> None:
        self._keep_s = keep_s
        self._names_max = names_max
        self._found: dict[str, tuple[float, str, str]] = {}  # until, reason, detail; oldest first

    def put(self, name: str, error: NoImage, now_s: float) -> None:
        """Remember a failure, without its traceback: that holds on to the file."""
        self._found.pop(name, None)
        self._found[name] = (now_s + self._keep_s, error.reason, error.detail)
        if len(self._found) > self._names_max:
            del self._found[next(iter(self._found))]

    def find(self, name: str, now_s: float) -> NoImage | None:
        """Return why a name gave no image a short time ago: a new error, to be raised once."""
        until_s, reason, detail = self._found.get(name, (0.0, "", ""))
        return NoImage(reason, detail) if now_s < until_s else None
