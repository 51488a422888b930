"""What each pool does for a row, and why."""

from __future__ import annotations

from collections.abc import Mapping

from shared.merge.explained import Role, ToldPool, dead_words, number, thin_words, too_old
from shared.merge.policy import MergeRules
from shared.merge.pools import depth, is_deep
from shared.merge.readings import SourceReading, StampedPool, is_dead
from shared.merge.rules import Case, PricePick

_ORDER = ("price", "counts", "thin", "other_view", "dead", "stale", "ignored")


def tell_pools(
    readings: Mapping[str, SourceReading],
    case: Case,
    pick: PricePick | None,
    now_ms: int,
    rules: MergeRules,
) -> tuple[ToldPool, ...]:
    """Return every view of every pool: the one that tells the price first, then by depth."""
    judge = _Judge(case, pick, now_ms, rules)
    told = [
        judge.tell(source, stamped)
        for source in sorted(readings)
        for stamped in readings[source].pools.values()
    ]
    told.sort(key=lambda each: (depth(each.pool), each.source), reverse=True)
    return tuple(sorted(told, key=lambda each: _ORDER.index(each.role)))


class _Judge:
    def __init__(self, case: Case, pick: PricePick | None, now_ms: int, rules: MergeRules) -> None:
        self._case, self._pick, self._now_ms, self._rules = case, pick, now_ms, rules
        self._adding = {view.pool.pool_address: view.source for view in case.union.sums}
        self._deep = any(is_deep(view.pool, rules) for view in case.union.quotes)

    def tell(self, source: str, stamped: StampedPool) -> ToldPool:
        pool = stamped.pool
        adds = self._adding.get(pool.pool_address) == source
        role, why = self._role(source, stamped, adds=adds)
        return ToldPool(
            source=source,
            role=role,
            adds=adds,
            why=why,
            observed_ms=stamped.observed_ms,
            age_ms=self._now_ms - stamped.observed_ms,
            pool=pool,
        )

    def _role(self, source: str, stamped: StampedPool, *, adds: bool) -> tuple[Role, str]:
        pool, best = stamped.pool, self._case.best
        if source not in self._rules.pool_sources:
            return "ignored", f"pools of {source} are not used (POOL_SOURCES)"
        if stamped.observed_ms <= self._case.ages.cut.sums:
            age_ms = self._now_ms - stamped.observed_ms
            return "stale", too_old(age_ms, self._rules.sums_stale_ms, "a pool")
        if best is not None and best.view.source == source and best.view.pool is pool:
            return "price", self._price_words()
        if not adds:
            other = self._adding.get(pool.pool_address)
            if other is not None:
                return "other_view", f"the same pool is taken from {other}, so that it counts once"
            if is_dead(pool):
                return "dead", dead_words(pool)
            return "other_view", "another source knows that this pool is dead"
        if not pool.price:
            return "thin", "it has no price; its volume, liquidity and trades are added"
        if not is_deep(pool, self._rules):
            return "thin", f"{thin_words(pool, self._rules)}; its volume and trades are added"
        return "counts", "its volume, liquidity and trades are added"

    def _price_words(self) -> str:
        best, pick = self._case.best, self._pick
        assert best is not None  # noqa: S101 - the caller has just compared with it
        pool = best.view.pool
        if best.thin:
            said = f"no pool holds {number(self._rules.min_pool_liquidity)} USD; of the thin ones "
            said += f"it is the most traded ({number(pool.volume_24h)} USD in 24 h)"
        else:
            said = f"the deepest pool ({number(pool.liquidity)} USD)"
        if pick is None or pick.label == "weighted":
            return said
        if pick.chosen.giver.view is None:
            return f"{said}; but the price is {pick.label}'s"
        return f"{said}: its price is the token's"
