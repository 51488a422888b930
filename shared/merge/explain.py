"""Why a row says what it says: every field's source and age, and what was passed over.

The same decisions as in rules.py, explained instead of taken: for every token, time and rule, the
values given are those of `merge_token` (a law in tests/merge/test_explain.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.merge.ages import find_ages
from shared.merge.explain_pools import explain_pools
from shared.merge.explain_price import PriceExplainer
from shared.merge.explain_sums import SumExplainer
from shared.merge.explained import Clock, Explanation, FieldExplanation, Passed
from shared.merge.names import shown
from shared.merge.policy import MergeRules
from shared.merge.readings import FIRST_BLOCK_MS, SourceReading, is_dead
from shared.merge.rules import SHOWN_TEXTS, Case, examine, pick_price
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
    pick = pick_price(case, rules)
    texts = _TextExplainer(readings, case, now_ms, rules)
    found = dict(texts.fields())
    found |= PriceExplainer(readings, case, pick, now_ms, rules).fields()
    found |= SumExplainer(readings, case, now_ms, rules).fields()
    return Explanation(
        fields={name: found[name] for name in ROW_FIELDS if name in found},
        pools=explain_pools(readings, case, pick, now_ms, rules),
        raw_name=texts.raw("token_name"),
        raw_ticker=texts.raw("token_ticker"),
    )


class _TextExplainer:
    """Explains names, creation, and what the row says of itself."""

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

    def fields(self) -> Iterator[tuple[str, FieldExplanation]]:
        case, best = self._case, self._case.best
        for field in SHOWN_TEXTS:
            explained = self._text(field)
            if explained is not None:
                yield field, explained
        if best is not None:
            rule = "the pool that gives the price, or would" if best.thin else "the deepest pool"
            value = best.view.pool.pool_address
            yield "pool_address", self._of(best.view.source, value, best.view.observed_ms, rule)
        if case.union.sums:
            sources = sorted({view.source for view in case.union.sums})
            rule = "fresh pools that add to the sums, each once"
            yield (
                "pool_count",
                FieldExplanation(value=len(case.union.sums), source="+".join(sources), rule=rule),
            )
        created = self._created()
        if created is not None:
            yield "created_ms", created
        rule = "those that have said anything lately"
        yield "sources", FieldExplanation(value=case.ages.sources, rule=rule)
        rule = "true when no source has said anything lately; the row is then as it last was"
        yield "stale", FieldExplanation(value=case.ages.stale, rule=rule)
        rule = "the newest of all that is known"
        age_ms = self._now_ms - case.ages.newest_ms
        yield "observed_ms", FieldExplanation(value=case.ages.newest_ms, age_ms=age_ms, rule=rule)

    def raw(self, field: str) -> str | None:
        """Return a shown text as it was written."""
        for source, value, _ in self._claims(field):
            if source and shown(field, value) is not None:
                return value
        return None

    def _claims(self, field: str) -> Iterator[tuple[str, str, int]]:
        for source in self._case.ranked:
            stamped = self._readings[source].fields.get(field)
            if stamped is not None and isinstance(stamped.value, str):
                yield source, stamped.value, stamped.observed_ms

    def _text(self, field: str) -> FieldExplanation | None:
        taken: FieldExplanation | None = None
        best = self._case.best
        rule = f"the first to say: {', '.join(self._rules.name_order)}"
        if field == "protocol":
            rule = "of the pool that gives the price, else the first to say"
            protocol = best.view.pool.protocol if best is not None else None
            if best is not None and protocol is not None:
                taken = self._of(best.view.source, protocol, best.view.observed_ms, rule)
        passed: list[Passed] = []
        for source, value, observed_ms in self._claims(field):
            text = shown(field, value)
            if text is None:
                why = "nothing of it can be seen"
                passed.append(self._clock.passed(source, value, observed_ms, "unreadable", why))
            elif taken is None:
                taken = self._of(source, text, observed_ms, rule)
            elif text != taken.value:
                why = f"{taken.source} comes first"
                passed.append(self._clock.passed(source, text, observed_ms, "lower_rank", why))
        if taken is None:
            return FieldExplanation(rule=rule, passed_over=tuple(passed)) if passed else None
        return FieldExplanation(
            value=taken.value,
            source=taken.source,
            observed_ms=taken.observed_ms,
            age_ms=taken.age_ms,
            rule=rule,
            passed_over=tuple(passed),
        )

    def _created(self) -> FieldExplanation | None:
        """Explain the earliest creation that can be true: of the token, or of a pool not dead."""
        rule = "the earliest that can be true, of the token or of a pool"
        true: list[tuple[int, str, str | None, int]] = []
        passed: list[Passed] = []
        for source, pool, value, observed_ms, dead in self._births():
            if value < FIRST_BLOCK_MS or value > observed_ms:
                why = "before the first chain, or after it was seen"
                passed.append(
                    self._clock.passed(source, value, observed_ms, "impossible", why, pool)
                )
            elif dead:
                why = "a pool without liquidity proves nothing"
                passed.append(
                    self._clock.passed(source, value, observed_ms, "dead_pool", why, pool)
                )
            else:
                true.append((value, source, pool, observed_ms))
        if not true:
            return FieldExplanation(rule=rule, passed_over=tuple(passed)) if passed else None
        true.sort(key=lambda each: (each[0], each[1], each[2] or ""))
        first = true[0]
        passed += [
            self._clock.passed(source, value, observed_ms, "later", "another is earlier", pool)
            for value, source, pool, observed_ms in true[1:]
            if value != first[0] and pool is None
        ]
        return FieldExplanation(
            value=first[0],
            source=first[1],
            pool=first[2],
            observed_ms=first[3],
            age_ms=self._now_ms - first[3],
            rule=rule,
            passed_over=tuple(passed),
        )

    def _births(self) -> Iterator[tuple[str, str | None, int, int, bool]]:
        for source in sorted(self._readings):
            reading = self._readings[source]
            stamped = reading.fields.get("created_ms")
            if stamped is not None and isinstance(stamped.value, int):
                yield source, None, stamped.value, stamped.observed_ms, False
            if source in self._rules.pool_sources:
                for held in reading.pools.values():
                    if held.pool.created_ms is not None:
                        address = held.pool.pool_address
                        created_ms = held.pool.created_ms
                        yield source, address, created_ms, held.observed_ms, is_dead(held.pool)

    def _of(self, source: str, value: str, observed_ms: int, rule: str) -> FieldExplanation:
        age_ms = self._now_ms - observed_ms
        return FieldExplanation(
            value=value, source=source, observed_ms=observed_ms, age_ms=age_ms, rule=rule
        )
