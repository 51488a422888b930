"""Why volume, liquidity and transactions are what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from shared.merge.explained import Claim, FieldExplanation, Passed
from shared.merge.explainer import Explainer, Verdict
from shared.merge.policy import MergeRules
from shared.merge.pools import SUMMED, PoolView, figures_of
from shared.merge.readings import SourceReading
from shared.merge.rules import (
    FROM_ONE_SOURCE,
    LARGEST,
    POOLS,
    Case,
    choose_figures,
    fresh_figures,
)
from shared.merge.verdicts import Reason
from shared.merge.words import (
    drained_words,
    limit_words,
    number,
    outvoted_words,
    thin_words,
)

# Rule, and why another figure was not taken.
_RULES: Final[dict[str, tuple[str, Reason]]] = {
    **dict.fromkeys(
        LARGEST,
        ("the largest: each sees a part of the trades, so they are not added", "smaller"),
    ),
    "liquidity": (
        "the largest: what the pools hold together, or a source's own figure",
        "smaller",
    ),
    **dict.fromkeys(
        FROM_ONE_SOURCE, ("from the source that gives transactions_24h", "other_giver")
    ),
    "holders": ("the first to report them", "lower_rank"),
}


class SumExplainer(Explainer):
    """Explains the figures of which the largest stands, and those that go with them."""

    def __init__(
        self, readings: Mapping[str, SourceReading], case: Case, now_ms: int, rules: MergeRules
    ) -> None:
        super().__init__(readings, case, now_ms, rules)
        self._figures = fresh_figures(case)
        _, self._winners = choose_figures(self._figures)

    def fields(self) -> Iterator[tuple[str, FieldExplanation]]:
        """Yield name and explanation of every field that is known, or that somebody gives."""
        for field, (rule, reason) in _RULES.items():
            taken = self._winners.get(field)
            claim = None if taken is None else self._claim(field, taken)
            passed = (*self._not_taken(field, claim, reason), *self._unfit(field))
            if claim is not None or passed:
                yield field, self._taken(claim, rule, passed)

    def _claim(self, field: str, source: str) -> Claim:
        """Return a fresh figure; the time of a sum is that of its oldest part."""
        value = self._figures[source][field]
        if source != POOLS:
            return Claim(source, value, self._readings[source].fields[field].observed_ms)
        adding = [view for view in self._case.union.sums if _figure(view, field) is not None]
        sources = "+".join(sorted({view.source for view in adding}))
        oldest_ms = min(view.observed_ms for view in adding)
        return Claim(sources, value, oldest_ms, pools=len(adding))

    def _not_taken(self, field: str, taken: Claim | None, reason: Reason) -> Iterator[Passed]:
        for source, figures in self._figures.items():
            if field in figures and source != self._winners.get(field):
                claim = self._claim(field, source)
                yield self._passed(claim, reason, _why(reason, claim, taken))

    def _unfit(self, field: str) -> Iterator[Passed]:
        """Yield figures that could not be taken: too old, of drained sources, of dead pools."""
        bound_ms = self._rules.sums_stale_ms
        for source, reading in sorted(self._readings.items()):
            stamped = reading.fields.get(field)
            if stamped is not None and stamped.value is not None:
                claim = Claim(source, stamped.value, stamped.observed_ms)
                if field not in self._case.believed[source].fields:
                    yield self._passed(claim, "drained", drained_words(source, reading))
                elif field not in self._figures[source]:
                    yield self._passed(claim, *self._stale(claim.observed_ms, bound_ms, "this"))
            for held in reading.pools.values() if source in self._rules.pool_sources else ():
                view = self._views.get((source, held.pool.pool_address))
                value = getattr(held.pool, field) if field in SUMMED else None
                unfit = self._stale(held.observed_ms, bound_ms, "a pool")
                if value and (found := self._unbacked(view, field) if view else unfit):
                    claim = Claim(source, value, held.observed_ms, held.pool.pool_address)
                    yield self._passed(claim, *found)

    def _unbacked(self, view: PoolView, field: str) -> Verdict | None:
        """Return why a fresh pool's figure is not added, or not all of it."""
        if view.weight.standing == "dead":
            return self._of_view("dead_pool", view)
        if view.weight.standing == "untraded":
            return self._of_view("untraded", view)
        if view.pool.pool_address in self._case.outvoted_pools:
            return "outvoted", outvoted_words(self._case.of_sums)
        if field != "liquidity" or not view.weight.is_capped(view.pool):
            return None
        if view.weight.limit == "asset":
            return "unbacked", thin_words(view, self._rules)
        return (
            "unbacked",
            f"{number(view.weight.counted or 0.0)} USD of it count: {limit_words(view)}",
        )


def _why(reason: Reason, claim: Claim, taken: Claim | None) -> str:
    if reason == "smaller":
        assert taken is not None  # noqa: S101 - of several one is the largest
        return f"{_number(claim)} is not more than {_number(taken)}"
    if reason == "other_giver":
        return "it goes with a number of transactions that was not taken"
    return "another source comes first in the order of names (NAME_ORDER)"


def _number(claim: Claim) -> str:
    return "unknown" if isinstance(claim.value, str | dict) else number(claim.value)


def _figure(view: PoolView, field: str) -> object:
    return figures_of(view)[SUMMED.index(field)]
