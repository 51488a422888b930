"""Why a row says what it says: every field's source and age, and what was passed over.

Nothing is decided here: the rules have decided (shared/merge/rules.py), and what they returned is
put into words. What a rule dropped is found by its absence in what the rule kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.merge.ages import find_ages
from shared.merge.explain_pools import explain_pools
from shared.merge.explain_price import PriceExplainer
from shared.merge.explain_signals import SignalExplainer
from shared.merge.explain_sums import SumExplainer
from shared.merge.explained import Claim, Explanation, FieldExplanation, Passed
from shared.merge.explainer import Explainer
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, is_dead, pool_created_ms, token_created_ms
from shared.merge.rules import SHOWN_TEXTS, choose_text, examine, find_created, read_text
from shared.model import ROW_FIELDS

__all__ = ["Explanation", "explain"]


def explain(readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules) -> Explanation:
    """Return why the row of these readings is what it is; empty when nothing is known.

    A token that is dead and not removed yet is explained as it last was.
    """
    ages = find_ages(readings, now_ms, rules)
    if ages is None:
        return Explanation()
    case = examine(readings, min(now_ms, ages.newest_ms + rules.dead_after_ms - 1), rules)
    assert case is not None  # noqa: S101 - it is alive at that time
    rest = _TextExplainer(readings, case, now_ms, rules)
    found = dict(rest.fields())
    found |= PriceExplainer(readings, case, now_ms, rules).fields()
    found |= SumExplainer(readings, case, now_ms, rules).fields()
    found |= SignalExplainer(readings, case, now_ms, rules).fields()
    return Explanation(
        fields={name: found[name] for name in ROW_FIELDS if name in found},
        pools=explain_pools(readings, case, now_ms, rules),
        raw_name=rest.raw("token_name"),
        raw_ticker=rest.raw("token_ticker"),
    )


class _TextExplainer(Explainer):
    """Explains names, creation, and what the row says of itself."""

    def fields(self) -> Iterator[tuple[str, FieldExplanation]]:
        """Yield name and explanation of every field that is known, or that somebody gives."""
        best = self._case.best
        for field in SHOWN_TEXTS:
            explained = self._text(field)
            if explained.value is not None or explained.passed_over:
                yield field, explained
        created = self._created()
        if created.value is not None or created.passed_over:
            yield "created_ms", created
        if best is not None:
            rule = "the pool that gives the price, or would" if best.thin else "the deepest pool"
            view = best.view
            claim = Claim(view.source, view.pool.pool_address, view.observed_ms)
            yield "pool_address", self._taken(claim, rule)
        yield from self._of_the_row()

    def _of_the_row(self) -> Iterator[tuple[str, FieldExplanation]]:
        ages, sums = self._case.ages, self._case.union.sums
        if sums:
            sources = "+".join(sorted({view.source for view in sums}))
            rule = "fresh pools that add to the sums, each once"
            yield "pool_count", FieldExplanation(value=len(sums), source=sources, rule=rule)
        rule = "those that have reported anything lately"
        yield "sources", FieldExplanation(value=ages.sources, rule=rule)
        rule = "true when no source has reported anything lately; the row is then as it last was"
        yield "stale", FieldExplanation(value=ages.stale, rule=rule)
        rule = "the newest of all that is known"
        age_ms = self._now_ms - ages.newest_ms
        yield "observed_ms", FieldExplanation(value=ages.newest_ms, age_ms=age_ms, rule=rule)

    # -- texts ------------------------------------------------------------------------------------
    def raw(self, field: str) -> str | None:
        """Return a shown text as it was written."""
        for claim, text in self._texts(field):
            if text is not None:
                return claim.value if isinstance(claim.value, str) else None
        return None

    def _texts(self, field: str) -> Iterator[tuple[Claim, str | None]]:
        """Yield what every source says, in order, and the text as it is shown."""
        for source in self._case.ranked:
            stamped = self._readings[source].fields.get(field)
            if stamped is not None and isinstance(stamped.value, str):
                claim = Claim(source, stamped.value, stamped.observed_ms)
                yield claim, read_text(field, stamped.value)

    def _text(self, field: str) -> FieldExplanation:
        rule = f"the first to report one: {', '.join(self._rules.name_order)}"
        if field == "protocol":
            rule = "of the pool that gives the price, else the first to report one"
        taken = choose_text(field, self._readings, self._case)
        passed: list[Passed] = []
        for claim, text in self._texts(field):
            if text is None:
                why = "nothing of it can be seen"
                passed.append(self._passed(claim, "unreadable", why))
            elif taken is not None and text != taken[1]:
                why = f"{taken[0]} comes first"
                other = Claim(claim.source, text, claim.observed_ms)
                passed.append(self._passed(other, "lower_rank", why))
        return self._taken(taken and Claim(*taken), rule, passed)

    # -- creation ---------------------------------------------------------------------------------
    def _created(self) -> FieldExplanation:
        """Explain the earliest creation that can be true: of the token, or of a pool not dead."""
        rule = "the earliest that can be true, of the token or of a pool"
        earliest = find_created(self._readings, self._rules)
        taken: Claim | None = None
        passed: list[Passed] = []
        for claim, true, dead in self._births():
            if dead:
                why = "a pool without liquidity proves nothing"
                passed.append(self._passed(claim, "dead_pool", why))
            elif true is None:
                why = "before the first chain, or after it was seen"
                passed.append(self._passed(claim, "impossible", why))
            elif true == earliest:
                taken = taken or claim
            elif claim.pool is None:
                passed.append(self._passed(claim, "later", "another is earlier"))
        return self._taken(taken, rule, passed)

    def _births(self) -> Iterator[tuple[Claim, int | None, bool]]:
        """Yield every creation, itself again where it can be true, and whether it is a dead pool's.

        Of one time the first is named: a source's own, then its pools by address.
        """
        for source, reading in sorted(self._readings.items()):
            stamped = reading.fields.get("created_ms")
            if stamped is not None and isinstance(stamped.value, int):
                claim = Claim(source, stamped.value, stamped.observed_ms)
                yield claim, token_created_ms(stamped), False
            if source in self._rules.pool_sources:
                for address, held in sorted(reading.pools.items()):
                    if held.pool.created_ms is not None:
                        claim = Claim(source, held.pool.created_ms, held.observed_ms, address)
                        yield claim, pool_created_ms(held), is_dead(held.pool)
