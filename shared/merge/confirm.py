"""Readings that say again what is known: only their time is new, so no row has to be merged."""

from __future__ import annotations

from collections.abc import Mapping

from shared.merge.ages import PRICE_FIELDS
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, Stamped, StampedPool
from shared.model import is_posted


def confirms(
    source: str, before: SourceReading, after: SourceReading, now_ms: int, rules: MergeRules
) -> bool:
    """Return whether the token's row is the same with `after` in place of `before`.

    That is, but for `observed_ms`, and at a time before the row's `next_ms`. So it must be when all
    that is repeated was fresh before, because times decide only what is fresh; but for sources of
    equal rank, of which the newest gives the price.
    """
    fresh_ms = now_ms - min(rules.price_stale_ms, rules.sums_stale_ms)
    if after.fields is not before.fields:
        if not PRICE_FIELDS.isdisjoint(after.fields) and not _has_own_rank(source, rules):
            return False
        if not _same_fields(before.fields, after.fields, fresh_ms):
            return False
    if after.signals is not before.signals and not _same_fields(
        before.signals, after.signals, fresh_ms
    ):
        return False
    if after.pools is before.pools:
        return True
    return _same_pools(before.pools, after.pools, fresh_ms, rules.price_stale_ms)


def _has_own_rank(source: str, rules: MergeRules) -> bool:
    return source in rules.price_order and not is_posted(source)


def _same_fields(
    before: Mapping[str, Stamped], after: Mapping[str, Stamped], fresh_ms: int
) -> bool:
    if len(after) != len(before):
        return False
    for name, new in after.items():
        old = before[name]
        if old is not new and (old.value != new.value or old.observed_ms <= fresh_ms):
            return False
    for name in ("created_ms", "graduated_ms"):
        time, known = after.get(name), before.get(name)
        if time is not known and known and _comes_true(time and time.value, known.observed_ms):
            return False
    return True


def _same_pools(
    before: Mapping[str, StampedPool],
    after: Mapping[str, StampedPool],
    fresh_ms: int,
    gap_ms: int,
) -> bool:
    """A pool must have been seen steadily, too (`pools.py`)."""
    if len(after) != len(before):
        return False
    for address, new in after.items():
        old = before[address]
        if old is new:
            continue
        if old.pool != new.pool or old.observed_ms <= fresh_ms:
            return False
        if old.observed_ms - old.before_ms > gap_ms or new.observed_ms - new.before_ms > gap_ms:
            return False
        if _comes_true(new.pool.created_ms, old.observed_ms):
            return False
    return True


def _comes_true(created_ms: object, observed_ms: int) -> bool:
    """A creation after the reading is not believed; after a later reading it may be."""
    return isinstance(created_ms, int) and created_ms > observed_ms
