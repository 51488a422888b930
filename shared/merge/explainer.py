"""What the parts of an explanation share: the case, the rules, and the time it is given at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from shared.merge.explained import Claim, FieldExplanation, Passed
from shared.merge.policy import MergeRules
from shared.merge.pools import PoolView
from shared.merge.readings import SourceReading
from shared.merge.rules import Case
from shared.merge.verdicts import Reason
from shared.merge.words import UNTRADED, dead_words, outvoted_words, rare_words, span, thin_words

Verdict: TypeAlias = tuple[Reason, str]  # with its sentence


class Explainer:
    """Puts into words what the rules returned of one token."""

    def __init__(
        self, readings: Mapping[str, SourceReading], case: Case, now_ms: int, rules: MergeRules
    ) -> None:
        self._readings, self._case = readings, case
        self._now_ms, self._rules = now_ms, rules
        self._views = case.pools.views()

    def _taken(
        self, claim: Claim | None, rule: str, passed: Iterable[Passed] = ()
    ) -> FieldExplanation:
        """Return the explanation of a field; of one that is unknown there is no claim."""
        if claim is None:
            return FieldExplanation(rule=rule, passed_over=tuple(passed))
        return FieldExplanation(
            value=claim.value,
            source=claim.source,
            pool=claim.pool,
            pools=claim.pools,
            observed_ms=claim.observed_ms,
            age_ms=self._now_ms - claim.observed_ms,
            rule=rule,
            passed_over=tuple(passed),
        )

    def _passed(self, claim: Claim, reason: Reason, why: str) -> Passed:
        """Return a figure that was not taken, with its age."""
        return Passed(
            source=claim.source,
            pool=claim.pool,
            pools=claim.pools,
            value=claim.value,
            observed_ms=claim.observed_ms,
            age_ms=self._now_ms - claim.observed_ms,
            reason=reason,
            why=why,
        )

    def _stale(self, observed_ms: int, bound_ms: int, what: str) -> Verdict:
        age_ms = self._now_ms - observed_ms
        return "stale", f"seen {span(age_ms)} ago; {what} counts for {span(bound_ms)}"

    def _of_view(self, reason: Reason, view: PoolView) -> Verdict:
        """Return why a fresh view of a pool is not taken, in words."""
        rules = self._rules
        match reason:
            case "dead_pool":
                return reason, dead_words(view.pool)
            case "untraded":
                return reason, UNTRADED
            case "outvoted":
                return reason, outvoted_words(self._case.consensus or self._case.of_sums)
            case "thin":
                return reason, thin_words(view, rules)
            case "rare":
                return reason, rare_words(view, self._case.ages.cut, rules)
            case "stale":
                return self._stale(view.observed_ms, rules.price_stale_ms, "a price")
            case "quote_side":
                return reason, "it describes the pool's other token"
            case _:
                return reason, f"PRICE_ORDER leaves out {view.weight.standing} pools"
