"""What counts as a change (docs/DATA.md), and diffs of the changes that count.

A change is measured against the last *committed* value, so a slow drift adds up until it passes.
What is below the floor is neither written nor published.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from shared.model import fields_of

_MISSING: Final = object()
_SUMS: Final = fields_of("size", "sum", "trades", "side", "holders")


class NoiseFloors(Struct, frozen=True, kw_only=True):
    """The least change that counts: a fraction of the committed value, or an absolute step.

    Where a field has both (percentages), a change has to pass the larger. 0 lets all through.
    """

    price: float = 1e-4
    sums: float = 1e-3  # volume, liquidity, transactions, market cap, fdv, holders
    change: float = 1e-3
    change_points: float = 0.01  # percentage points
    spread: float = 0.05
    spread_points: float = 0.1  # percentage points
    parts: float = 0.02  # parts of a volume, and people: they decide no rank to a thousandth
    net: float = 0.1  # net buyers
    net_count: float = 2
    score_points: float = 1.0  # of 100
    share_points: float = 0.5  # percentage points of the supply, or of a curve
    observed_ms: int = 30_000  # rides along with any other change; alone only past this


NO_FLOORS: Final = NoiseFloors(**dict.fromkeys(NoiseFloors.__struct_fields__, 0))


class RowDiff(Struct, frozen=True):
    """The fields of a row that changed; None means "became unknown"."""

    set: dict[str, Any]


@lru_cache(maxsize=8)
def _table(floors: NoiseFloors) -> dict[str, tuple[float, float]]:
    """Return (relative, absolute) by field; a field that is not here has no floor."""
    return {
        "price": (floors.price, 0.0),
        **dict.fromkeys(_SUMS, (floors.sums, 0.0)),
        **dict.fromkeys(fields_of("change"), (floors.change, floors.change_points)),
        "price_spread_pct": (floors.spread, floors.spread_points),
        **dict.fromkeys(fields_of("traders", "split"), (floors.parts, 0.0)),
        **dict.fromkeys(fields_of("net"), (floors.net, floors.net_count)),
        **dict.fromkeys(fields_of("score"), (0.0, floors.score_points)),
        **dict.fromkeys(fields_of("share", "progress"), (0.0, floors.share_points)),
    }


def diff(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], floors: NoiseFloors
) -> RowDiff | None:
    """Return the fields of `after` whose change counts, or None if none does.

    `before` is the row as committed, None for a new one. A change to or from 0 or unknown always
    counts. `observed_ms` rides along. `rv` is not a value and is left alone. For every pair,
    apply(before, diff(before, after)) equals `after` within the floors.
    """
    if before is None:
        return RowDiff(dict(after))
    table = _table(floors)
    changed: dict[str, Any] = {}
    for name, new in after.items():
        old = before.get(name, _MISSING)
        if old == new or name == "observed_ms":
            continue
        if old is not _MISSING and old and new and (floor := table.get(name)) is not None:
            relative, absolute = floor
            if abs(new - old) <= max(relative * abs(old), absolute):
                continue
        changed[name] = new
    for name in before:
        if name not in after and name not in ("rv", "observed_ms"):
            changed[name] = None
    _add_observed(changed, before, after, floors)
    return RowDiff(changed) if changed else None


def _add_observed(
    changed: dict[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    floors: NoiseFloors,
) -> None:
    old: int | None = before.get("observed_ms")
    new: int | None = after.get("observed_ms")
    if old == new:
        return
    if changed or old is None or new is None or abs(new - old) > floors.observed_ms:
        changed["observed_ms"] = new


def apply(before: Mapping[str, Any] | None, change: RowDiff | None) -> dict[str, Any]:
    """Return the row after a diff; no diff leaves it as it is."""
    row = dict(before or {})
    if change is None:
        return row
    for name, value in change.set.items():
        if value is None:
            row.pop(name, None)
        else:
            row[name] = value
    return row
