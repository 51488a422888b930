"""Why volume, liquidity and transactions are what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.merge.explained import (
    Clock,
    FieldExplanation,
    Passed,
    Reason,
    backed_words,
    dead_words,
    drained_words,
    number,
    outvoted_words,
    thin_words,
    too_old,
    untraded_words,
)
from shared.merge.policy import MergeRules
from shared.merge.pools import SUMMED, PoolView, figures_of, totals
from shared.merge.readings import SourceReading, is_dead
from shared.merge.rules import LARGEST, Case
from shared.merge.standing import weigh
from shared.model import PoolReading

POOLS = ""  # stands for the sum over pools among the sources


class SumExplainer:
    """Explains the figures of which the largest stands, and those that go with them."""

    def __init__(
        self,
        readings: Mapping[str, SourceReading],
        case: Case,
        now_ms: int,
        rules: MergeRules,
    ) -> None:
        self._readings, self._case = readings, case
        self._now_ms, self._rules = now_ms, rules
        self._clock = Clock(now_ms)
        self._totals = totals(case.union)

    def fields(self) -> Iterator[tuple[str, FieldExplanation]]:
        """Yield name and explanation of every field that is known, or that somebody gives."""
        winner: str | None = None
        for field in LARGEST:
            explained, taken = self._largest(field)
            winner = taken if field == "transactions_24h" else winner
            if explained.value is not None or explained.passed_over:
                yield field, explained
        for side in ("buys_24h", "sells_24h"):
            offers = self._offers(side)
            taken = winner if winner in offers else None
            explained = self._explained(
                side, "from the source that gives transactions_24h", offers, taken, "other_giver"
            )
            if explained.value is not None or explained.passed_over:
                yield side, explained
        offers = self._offers("holders")
        if offers:
            taken = next(iter(offers))
            yield (
                "holders",
                self._explained("holders", "the first to say", offers, taken, "lower_rank"),
            )

    def _largest(self, field: str) -> tuple[FieldExplanation, str | None]:
        offers = self._offers(field)
        taken = max(offers, key=lambda who: offers[who], default=None)  # of equals the first
        rule = "the largest: each sees a part of the trades, so they are not added"
        if field == "liquidity":
            rule = "the largest: what the pools hold together, or a source's own figure"
        return self._explained(field, rule, offers, taken, "smaller"), taken

    def _offers(self, field: str) -> dict[str, float]:
        """Return the fresh figures by who gives them: the pools first, then in name order."""
        offers: dict[str, float] = {}
        if field in self._totals:
            offers[POOLS] = self._totals[field]
        for source in self._case.ranked:
            stamped = self._case.believed[source].fields.get(field)
            fresh = stamped is not None and stamped.observed_ms > self._case.ages.cut.sums
            if stamped is not None and fresh and isinstance(stamped.value, int | float):
                offers[source] = stamped.value
        return offers

    def _explained(
        self, field: str, rule: str, offers: Mapping[str, float], taken: str | None, reason: Reason
    ) -> FieldExplanation:
        passed = [
            self._passed(
                field, who, value, reason, offers.get(taken) if taken is not None else None
            )
            for who, value in offers.items()
            if who != taken
        ]
        passed += self._unfit(field)
        if taken is None:
            return FieldExplanation(rule=rule, passed_over=tuple(passed))
        source, pools, observed_ms = self._origin_of(field, taken)
        return FieldExplanation(
            value=offers[taken],
            source=source,
            pools=pools,
            observed_ms=observed_ms,
            age_ms=self._now_ms - observed_ms,
            rule=rule,
            passed_over=tuple(passed),
        )

    def _passed(
        self, field: str, who: str, value: float, reason: Reason, taken: float | None
    ) -> Passed:
        source, pools, observed_ms = self._origin_of(field, who)
        words = {
            "smaller": f"{number(value)} is not more than {number(taken)}",
            "other_giver": "it goes with a number of transactions that was not taken",
            "lower_rank": "another source comes first in the order of names (NAME_ORDER)",
        }
        return self._clock.passed(source, value, observed_ms, reason, words[reason], pools=pools)

    def _origin_of(self, field: str, who: str) -> tuple[str, int | None, int]:
        """Return the source or sources, the number of pools, and the time of the oldest part."""
        if who != POOLS:
            return who, None, self._readings[who].fields[field].observed_ms
        views = [view for view in self._case.union.sums if _figure(view, field) is not None]
        sources = sorted({view.source for view in views})
        return "+".join(sources), len(views), min(view.observed_ms for view in views)

    def _unfit(self, field: str) -> Iterator[Passed]:
        """Yield figures that could not be taken: too old, of drained sources, of dead pools."""
        for source in sorted(self._readings):
            reading = self._readings[source]
            stamped = reading.fields.get(field)
            if stamped is not None and stamped.value is not None:
                unfit = self._old(stamped.observed_ms, "this")
                if unfit is None and field not in self._case.believed[source].fields:
                    unfit = ("drained", drained_words(source, reading))
                if unfit is not None:
                    yield self._clock.passed(source, stamped.value, stamped.observed_ms, *unfit)
            if source in self._rules.pool_sources and field in SUMMED:
                yield from self._unfit_pools(source, field)

    def _unfit_pools(self, source: str, field: str) -> Iterator[Passed]:
        for held in self._readings[source].pools.values():
            pool, value = held.pool, getattr(held.pool, field)
            unfit = self._old(held.observed_ms, "a pool")
            if unfit is None:
                unfit = self._unbacked(pool, field)
            if value and unfit is not None:
                yield self._clock.passed(
                    source, value, held.observed_ms, *unfit, pool=pool.pool_address
                )

    def _unbacked(self, pool: PoolReading, field: str) -> tuple[Reason, str] | None:
        """Return why a fresh pool's figure is not added, or not all of it."""
        if is_dead(pool):
            return "dead_pool", dead_words(pool)
        weight = weigh(pool, self._rules)
        if weight.standing == "untraded":
            return "untraded", untraded_words()
        consensus = self._case.of_sums
        if consensus is not None and pool.pool_address in self._case.outvoted_pools:
            return "outvoted", outvoted_words(consensus)
        if field != "liquidity" or weight.counted == pool.liquidity:
            return None
        if pool.against_unknown:
            return "unbacked", thin_words(pool, self._rules)
        counted = number(weight.counted or 0.0)
        return "unbacked", f"{counted} USD of it count: {backed_words(pool, self._rules)}"

    def _old(self, observed_ms: int, what: str) -> tuple[Reason, str] | None:
        if observed_ms > self._case.ages.cut.sums:
            return None
        age_ms = self._now_ms - observed_ms
        return "stale", too_old(age_ms, self._rules.sums_stale_ms, what)


def _figure(view: PoolView, field: str) -> object:
    return figures_of(view)[SUMMED.index(field)]
