"""Times that producers post: Unix milliseconds, and the problem of others. Pure."""

from __future__ import annotations

import re
from typing import Final

from msgspec import UNSET, UnsetType

from shared.merge.readings import FIRST_BLOCK_MS

# A creation further ahead is no matter of clocks. An observation ahead becomes the time of receipt.
_AHEAD_MS: Final = 24 * 3_600_000
_UNITS: Final = ((1e-3, "seconds"), (1e3, "microseconds"), (1e6, "nanoseconds"))
_WANTED: Final = "Unix milliseconds, a number such as 1795768390123"
_PATH: Final = re.compile(r"`\$\.(observed_ms|created_ms)`")


def wrong(
    observed_ms: int | UnsetType, created_ms: int | UnsetType | None, now_ms: int
) -> str | None:
    """Return what is wrong with a token's times, None when they can be true."""
    if observed_ms is not UNSET and observed_ms < FIRST_BLOCK_MS:
        return _complaint("observed_ms", observed_ms)
    if not isinstance(created_ms, int) or FIRST_BLOCK_MS <= created_ms < now_ms + _AHEAD_MS:
        return None
    return _complaint("created_ms", created_ms)


def _complaint(name: str, value: int) -> str:
    when = "before the first chain (30 July 2015)" if value < FIRST_BLOCK_MS else "in the future"
    return f"{name} {value} is {when}; {_wanted(name, value)}"


def _wanted(name: str, value: float) -> str:
    for unit, looks_like in _UNITS:
        if FIRST_BLOCK_MS <= value / unit < 2 * FIRST_BLOCK_MS:
            return f"this looks like {looks_like}; {name} is {_WANTED}"
    return f"{name} is {_WANTED}"


def hint(complaint: str, token: bytes) -> str:
    """Return what to add to the decoder's complaint about a time; empty for any other."""
    found = _PATH.search(complaint)
    if found is None:
        return ""
    name = found[1]
    given = re.search(rb'"%s"\s*:\s*"?([0-9]{1,25}(?:\.[0-9]{1,9})?)' % name.encode(), token)
    return _wanted(name, float(given[1]) if given else 0.0)
