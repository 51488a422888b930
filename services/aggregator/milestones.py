"""Which commits list a token or see it graduate (docs/DATA.md, "Alerts"). Pure.

What was reported is what the committed row says, so nothing beside the row has to be remembered: a
row is new once, and its stage becomes `graduated` once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

Row: TypeAlias = Mapping[str, Any]
Milestone: TypeAlias = Literal["listed", "graduated"]

# An epoch writes every row again, and an empty store is filled with what the sources list: in its
# first minute a new row does not mean that the token is new.
QUIET_MS: Final = 60_000
# A token that was seen on its curve has graduated even if nobody could say so for a while; one
# that graduated years ago may have been seen by a source that only knows the curve it has left.
_WATCHED_MS: Final = 24 * 3_600_000
_UNWATCHED_MS: Final = 600_000  # of a token that was not seen on its curve
_BEFORE: Final = frozenset({"curve", "completed"})


def milestones(
    before: Row | None, changed: Row, now_ms: int, quiet_until_ms: int = 0
) -> tuple[Milestone, ...]:
    """Return what a commit that changes a row from `before` (None: it is new) reports.

    Until `quiet_until_ms` only a graduation that was watched is reported.
    """
    found: list[Milestone] = []
    quiet = now_ms < quiet_until_ms
    if before is None and not quiet:
        found.append("listed")
    if changed.get("stage") == "graduated" and _is_news(before or {}, changed, now_ms, quiet=quiet):
        found.append("graduated")
    return tuple(found)


def _is_news(before: Row, changed: Row, now_ms: int, *, quiet: bool) -> bool:
    if before.get("stage") == "graduated":
        return False
    since_ms = {**before, **changed}.get("graduated_ms")
    if before.get("stage") in _BEFORE:
        return since_ms is None or now_ms - since_ms <= _WATCHED_MS
    return not quiet and since_ms is not None and now_ms - since_ms <= _UNWATCHED_MS
