"""Why safety, people, launch and links of a row are what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from shared.merge.explained import Claim, FieldExplanation, Passed
from shared.merge.explainer import Explainer, Verdict
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading
from shared.merge.rules import Case, choose_text, find_flags, find_signals
from shared.merge.signals import ASSURANCES, IN_POOLS, SPLITS, WORST, is_stale
from shared.merge.stages import (
    Evidence,
    StageFound,
    find_graduated,
    find_stage,
    graduated_at,
    stated_stage,
)
from shared.merge.words import drained_words, span
from shared.model import SIGNAL_FIELDS, fields_of

_RULES: Final[dict[str, str]] = {
    **dict.fromkeys(ASSURANCES, "false where anybody says so"),
    **dict.fromkeys(WORST, "the largest that anybody reports"),
    **dict.fromkeys(fields_of("traders"), "the largest: each sees a part of them"),
    **dict.fromkeys(SPLITS, "of one source, the first to report a part of this volume"),
    "links": "of each kind, the first to report one",
}
_FIRST: Final = "the first to report it"
_STAGE_WORDS: Final[dict[Evidence, str]] = {
    "graduated": "{source} states that it graduated; that does not grow old",
    "on_curve": "{source} states that it is on its curve",
    "moved": "{source} saw it trade on an exchange that {launchpad} moves its tokens to",
    "completed": "{source} states that its curve is sold out",
    "was_on_curve": "{source} stated {ago} ago that it was on its curve",
    "launched": "{launchpad} starts its tokens on a curve",
}


class SignalExplainer(Explainer):
    """Explains what `shared/merge/signals.py` and `shared/merge/stages.py` chose."""

    def __init__(
        self, readings: Mapping[str, SourceReading], case: Case, now_ms: int, rules: MergeRules
    ) -> None:
        super().__init__(readings, case, now_ms, rules)
        self._found = find_signals(case)
        self._launchpad = choose_text("launchpad", readings, case)

    def fields(self) -> Iterator[tuple[str, FieldExplanation]]:
        """Yield name and explanation of every field that is known, or that somebody gives."""
        for field in SIGNAL_FIELDS:
            if field in {"stage", "graduated_ms", "suspicious"}:
                continue
            explained = self._signal(field)
            if explained.value is not None or explained.passed_over:
                yield field, explained
        yield from self._launch()
        flags = self._flags()
        if flags is not None:
            yield "flags", flags

    def _signal(self, field: str) -> FieldExplanation:
        rule = _RULES.get(field, _FIRST)
        value, owner = self._found.values.get(field), self._found.owners.get(field)
        passed = tuple(self._not_taken(field))
        if value is None:
            return FieldExplanation(rule=rule, passed_over=passed)
        if owner == IN_POOLS:
            return self._of_pools(field, value, rule, passed)
        owners = {owner} if field != "links" else {*self._found.links.values()}
        names = sorted(name for name in owners if name is not None)
        oldest_ms = min(self._readings[name].signals[field].observed_ms for name in names)
        return self._taken(Claim("+".join(names), value, oldest_ms), rule, passed)

    def _of_pools(
        self, field: str, value: int, rule: str, passed: tuple[Passed, ...]
    ) -> FieldExplanation:
        view = next(v for v in self._case.union.sums if getattr(v.pool, field) == value)
        claim = Claim(view.source, value, view.observed_ms, view.pool.pool_address)
        return self._taken(claim, f"{rule}; at least so many in one pool", passed)

    def _not_taken(self, field: str) -> Iterator[Passed]:
        """Yield what others say of a field, and why the row does not say it."""
        taken = self._found.values.get(field)
        owners = {self._found.owners.get(field), *self._found.links.values()}
        for source in self._case.ranked:
            stamped = self._readings[source].signals.get(field)
            if stamped is None or stamped.value is None:
                continue
            if stamped.value == taken or (field == "links" and source in owners):
                continue
            claim = Claim(source, stamped.value, stamped.observed_ms)
            yield self._passed(claim, *self._why(field, claim, taken))

    def _why(self, field: str, claim: Claim, taken: object) -> Verdict:
        if field not in self._case.believed[claim.source].signals:
            return "drained", drained_words(claim.source, self._readings[claim.source])
        stamped = self._readings[claim.source].signals[field]
        if is_stale(field, stamped, self._case.ages.cut):
            return self._stale(claim.observed_ms, self._rules.sums_stale_ms, "this")
        owner = self._found.owners.get(field) or "a pool"
        if field in ASSURANCES or field in WORST:
            return "safer", f"sources differ, and {owner} reports the worse: {taken}"
        if field in _RULES and field not in SPLITS and field != "links":
            return "smaller", f"{claim.value} is not more than {taken}"
        return "lower_rank", f"{owner} comes first"

    # -- launch -----------------------------------------------------------------------------------
    def _launch(self) -> Iterator[tuple[str, FieldExplanation]]:
        launchpad = None if self._launchpad is None else self._launchpad[1]
        found = find_stage(self._readings, launchpad, self._case.ages.cut)
        passed = tuple(self._other_stages(found, launchpad))
        if found is None:
            if passed:
                yield "stage", self._taken(None, "stages are those of a curve", passed)
            return
        source, observed_ms = found.source, found.observed_ms
        if found.evidence == "launched" and self._launchpad is not None:
            source, _, observed_ms = self._launchpad
        rule = _STAGE_WORDS[found.evidence].format(
            source=source, launchpad=launchpad, ago=span(self._now_ms - observed_ms)
        )
        yield "stage", self._taken(Claim(source, found.stage, observed_ms), rule, passed)
        if found.stage == "graduated":
            yield from self._graduated()

    def _other_stages(self, found: StageFound | None, launchpad: str | None) -> Iterator[Passed]:
        """Yield what others state; what the taken source stated before, it has itself replaced."""
        for source in self._case.ranked:
            stated = stated_stage(self._readings[source])
            if stated is None:
                continue
            claim = Claim(source, *stated)
            if found is None:
                words = f"launches of {launchpad} have no curve"
                yield self._passed(claim, "no_curve", words)
            elif found.stage != claim.value and found.source != source:
                words = f"the stage is {found.stage} by better evidence"
                yield self._passed(claim, "weaker", words)

    def _graduated(self) -> Iterator[tuple[str, FieldExplanation]]:
        first = find_graduated(self._readings)
        if first is None:
            return
        passed = [
            self._passed(claim, "later", "another is earlier")
            for source in self._case.ranked
            if (stamped := graduated_at(self._readings[source])) is not None
            and (claim := Claim(source, stamped.value, stamped.observed_ms)).value != first[0]
        ]
        claim = Claim(first[1], first[0], first[2])
        yield "graduated_ms", self._taken(claim, "the earliest that can be true", passed)

    # -- flags ------------------------------------------------------------------------------------
    def _flags(self) -> FieldExplanation | None:
        found = find_flags(self._readings, self._case, self._found)
        if not found:
            return None
        rule = "; ".join(f"{flag}: {source}" for flag, source in found.items())
        sources = sorted({each for source in found.values() for each in source.split("+")})
        return FieldExplanation(value=list(found), source="+".join(sources), rule=rule)
