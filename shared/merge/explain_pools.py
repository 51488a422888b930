"""What each pool does for a row, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from shared.merge.explained import (
    PoolExplanation,
    Role,
    dead_words,
    number,
    outvoted_words,
    thin_words,
    too_old,
    untraded_words,
)
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, StampedPool, is_dead
from shared.merge.rules import Case, PricePick
from shared.merge.standing import Weight, weigh
from shared.model import PoolReading

_ORDER: Final = get_args(Role)


def explain_pools(
    readings: Mapping[str, SourceReading],
    case: Case,
    pick: PricePick | None,
    now_ms: int,
    rules: MergeRules,
) -> tuple[PoolExplanation, ...]:
    """Return every view of every pool: the one that gives the price first, then by depth."""
    judge = _Judge(case, pick, now_ms, rules)
    explained = [
        judge.explain(source, stamped)
        for source in sorted(readings)
        for stamped in readings[source].pools.values()
    ]
    explained.sort(key=_depth, reverse=True)
    return tuple(sorted(explained, key=lambda each: _ORDER.index(each.role)))


def _depth(explained: PoolExplanation) -> tuple[float, float, str, str]:
    pool = explained.pool
    liquidity = -1.0 if pool.liquidity is None else pool.liquidity
    volume = -1.0 if pool.volume_24h is None else pool.volume_24h
    return (liquidity, volume, pool.pool_address, explained.source)


class _Judge:
    def __init__(self, case: Case, pick: PricePick | None, now_ms: int, rules: MergeRules) -> None:
        self._case, self._pick, self._now_ms, self._rules = case, pick, now_ms, rules
        self._adding = {view.pool.pool_address: view.source for view in case.union.sums}

    def explain(self, source: str, stamped: StampedPool) -> PoolExplanation:
        pool = stamped.pool
        adds = self._adding.get(pool.pool_address) == source
        role, why = self._role(source, stamped, adds=adds)
        return PoolExplanation(
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
            if weigh(pool, self._rules).standing == "untraded":
                return "untraded", f"{untraded_words()}; nothing of it is added"
            consensus = self._case.of_sums
            if consensus is not None and pool.pool_address in self._case.outvoted_pools:
                return "outvoted", f"{outvoted_words(consensus)}; nothing of it is added"
            return "other_view", "another source knows that this pool is dead"
        return self._role_of_adding(pool, weigh(pool, self._rules))

    def _role_of_adding(self, pool: PoolReading, weight: Weight) -> tuple[Role, str]:
        if weight.standing == "untraded":
            return "untraded", f"{untraded_words()}; its liquidity is not added"
        if not pool.price:
            return "thin", "it has no price; its volume, liquidity and trades are added"
        if weight.standing == "thin":
            return "thin", f"{thin_words(pool, self._rules)}; its volume and trades are added"
        consensus = self._case.consensus
        if consensus is not None and consensus.contradicts(pool.price):
            return "outvoted", f"{outvoted_words(consensus)}; its volume and trades are added"
        return "counts", "its volume, liquidity and trades are added"

    def _price_words(self) -> str:
        best, pick = self._case.best, self._pick
        assert best is not None  # noqa: S101 - the caller has just compared with it
        pool = best.view.pool
        if best.view.weight.standing == "untraded":
            words = f"no other price is known, and {untraded_words()}"
        elif best.thin:
            least = number(self._rules.min_pool_liquidity)
            words = f"no pool of {least} USD is traded enough; of the thin ones it is"
            words += f" the most traded ({number(pool.volume_24h)} USD in 24 h)"
        else:
            words = f"the deepest pool by what is traded ({number(best.view.weight.say)} USD)"
        if best.outvoted and self._case.consensus is not None:
            return f"{words}; but {outvoted_words(self._case.consensus)}"
        if pick is None or pick.label == "weighted":
            return words
        if pick.chosen.candidate.view is None:
            return f"{words}; but the price is {pick.label}'s"
        return f"{words}: its price is the token's"
