"""What each pool does for a row, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from shared.merge.explained import PoolExplanation, Role
from shared.merge.explainer import Explainer
from shared.merge.policy import MergeRules
from shared.merge.pools import PoolView, PricePool, agrees
from shared.merge.readings import SourceReading, StampedPool
from shared.merge.rules import Case
from shared.merge.words import (
    UNTRADED,
    added_words,
    dead_words,
    number,
    outvoted_words,
    thin_words,
)

_ORDER: Final = get_args(Role)


def explain_pools(
    readings: Mapping[str, SourceReading], case: Case, now_ms: int, rules: MergeRules
) -> tuple[PoolExplanation, ...]:
    """Return every view of every pool: the one that gives the price first, then by depth."""
    explainer = _PoolExplainer(readings, case, now_ms, rules)
    explained = [
        explainer.explain(source, held)
        for source, reading in sorted(readings.items())
        for held in reading.pools.values()
    ]
    explained.sort(key=_depth, reverse=True)
    return tuple(sorted(explained, key=lambda each: _ORDER.index(each.role)))


def _depth(explained: PoolExplanation) -> tuple[float, float, str, str]:
    pool = explained.pool
    liquidity = -1.0 if pool.liquidity is None else pool.liquidity
    volume = -1.0 if pool.volume_24h is None else pool.volume_24h
    return (liquidity, volume, pool.pool_address, explained.source)


class _PoolExplainer(Explainer):
    def __init__(
        self, readings: Mapping[str, SourceReading], case: Case, now_ms: int, rules: MergeRules
    ) -> None:
        super().__init__(readings, case, now_ms, rules)
        self._adding = {view.pool.pool_address: view for view in case.union.sums}

    def explain(self, source: str, held: StampedPool) -> PoolExplanation:
        address = held.pool.pool_address
        view = self._views.get((source, address))
        role, why = self._role(source, held, view)
        return PoolExplanation(
            source=source,
            role=role,
            adds=view is not None and view is self._adding.get(address),
            why=why,
            observed_ms=held.observed_ms,
            age_ms=self._now_ms - held.observed_ms,
            pool=held.pool,
        )

    def _role(self, source: str, held: StampedPool, view: PoolView | None) -> tuple[Role, str]:
        best = self._case.best
        if source not in self._rules.pool_sources:
            return "ignored", f"pools of {source} are not used (POOL_SOURCES)"
        if view is None:
            _, why = self._stale(held.observed_ms, self._rules.sums_stale_ms, "a pool")
            return "stale", why
        if best is not None and view is best.view:
            return "price", self._price_words(best)
        other = self._adding.get(held.pool.pool_address)
        if other is view:
            return self._role_of_adding(view)
        if other is not None:
            words = f"the same pool is taken from {other.source}, so that it counts once"
            return "other_view", words
        return self._role_of_dropped(view)

    def _role_of_dropped(self, view: PoolView) -> tuple[Role, str]:
        if view.weight.standing == "dead":
            return "dead", dead_words(view.pool)
        if view.weight.standing == "untraded":
            return "untraded", f"{UNTRADED}; nothing of it is added"
        if view.pool.pool_address in self._case.outvoted_pools:
            return "outvoted", f"{outvoted_words(self._case.of_sums)}; nothing of it is added"
        return "other_view", "another source knows that this pool is dead"

    def _role_of_adding(self, view: PoolView) -> tuple[Role, str]:
        if view.weight.standing == "untraded":
            return "untraded", f"{UNTRADED}; its liquidity is not added"
        if not view.pool.price:
            return "thin", f"it has no price; {added_words(view)}"
        if view.weight.standing == "thin":
            return "thin", f"{thin_words(view, self._rules)}; {added_words(view)}"
        if not agrees(view, self._case.consensus):
            return "outvoted", f"{outvoted_words(self._case.consensus)}; {added_words(view)}"
        return "counts", added_words(view)

    def _price_words(self, best: PricePool) -> str:
        pick, pool, weight = self._case.pick, best.view.pool, best.view.weight
        if weight.standing == "untraded":
            words = f"no other price is known, and {UNTRADED}"
        elif best.thin:
            least = number(self._rules.min_pool_liquidity)
            words = f"no pool of {least} USD is traded enough; of the thin ones it is"
            words += f" the most traded ({number(pool.volume_24h)} USD in 24 h)"
        else:
            words = f"the deepest pool by what is traded ({number(weight.say)} USD)"
        if best.outvoted:
            return f"{words}; but {outvoted_words(self._case.consensus)}"
        if pick is None or pick.label == "weighted":
            return words
        if pick.chosen.candidate.view is None:
            return f"{words}; but the price is {pick.label}'s"
        return f"{words}: its price is the token's"
