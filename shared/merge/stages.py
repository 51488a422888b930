"""The stage of a launch across sources (docs/DATA.md, "Stage"): evidence in one order.

It is a function of the readings that are stored, and what says "graduated" does not grow old there,
so a graduated token stays so when its old pool is seen again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from shared.launchpads import has_curve, moves_to
from shared.merge.pools import Cutoffs
from shared.merge.readings import FIRST_BLOCK_MS, MOVED_TO, SourceReading, Stamped
from shared.model import Stage

# The order of evidence. Of one kind the newest is named.
#   graduated: a source states that the token graduated, or when
#   on_curve: a source states, lately, that it is on its curve
#   moved: a pool with trades and liquidity was seen on an exchange that its launchpad moves to
#   completed: a source states that the curve is sold out
#   was_on_curve: a source stated that it is on its curve
#   launched: it comes from a launchpad with a curve
Evidence: TypeAlias = Literal[
    "graduated", "on_curve", "moved", "completed", "was_on_curve", "launched"
]
_NEVER: Final = -1


class StageFound(Struct, frozen=True):
    """A stage, by what evidence, and who says so; `source` is empty for a launchpad's name."""

    stage: Stage
    evidence: Evidence
    source: str
    observed_ms: int


def find_stage(
    readings: Mapping[str, SourceReading], launchpad: str | None, cut: Cutoffs
) -> StageFound | None:
    """Return the stage of a token's launch; None where none is known, or its launchpad has none."""
    curve = None if launchpad is None else has_curve(launchpad)
    if curve is False:
        return None
    found: dict[Evidence, StageFound] = {}
    for source, reading in readings.items():
        for each in _evidence(source, reading, launchpad, cut):
            held = found.get(each.evidence)
            if held is None or (each.observed_ms, each.source) > (held.observed_ms, held.source):
                found[each.evidence] = each
    if "completed" in found:  # it was on its curve before, whatever a source still reports
        found.pop("on_curve", None)
    order: tuple[Evidence, ...] = ("graduated", "on_curve", "moved", "completed", "was_on_curve")
    for evidence in order:
        if evidence in found:
            return found[evidence]
    return StageFound("curve", "launched", "", 0) if curve else None


def stated_stage(reading: SourceReading) -> tuple[Stage, int] | None:
    """Return the furthest stage that a source states and did not withdraw, and when."""
    signals = reading.signals
    graduated = graduated_at(reading)
    withdrawn = signals.get("stage")
    since_ms = _NEVER if withdrawn is None else withdrawn.observed_ms
    if graduated is not None and graduated.observed_ms > since_ms:
        return "graduated", graduated.observed_ms
    stages: tuple[Stage, ...] = ("graduated", "completed", "curve")
    for stage in stages:
        stamped = signals.get(f"stage.{stage}")
        if stamped is not None and stamped.observed_ms > since_ms:
            return stage, stamped.observed_ms
    return None


def graduated_at(reading: SourceReading) -> Stamped | None:
    """Return when a source says that a token graduated, if it can be true."""
    stamped = reading.signals.get("graduated_ms")
    if stamped is None or not isinstance(stamped.value, int):
        return None
    return stamped if FIRST_BLOCK_MS <= stamped.value <= stamped.observed_ms else None


def find_graduated(readings: Mapping[str, SourceReading]) -> tuple[int, str, int] | None:
    """Return the earliest graduation that can be true, whose it is, and when that was seen."""
    true = [
        (stamped.value, source, stamped.observed_ms)
        for source, reading in readings.items()
        if (stamped := graduated_at(reading)) is not None and isinstance(stamped.value, int)
    ]
    return min(true) if true else None


def _evidence(
    source: str, reading: SourceReading, launchpad: str | None, cut: Cutoffs
) -> Iterator[StageFound]:
    stated = stated_stage(reading)
    if stated is not None:
        stage, at_ms = stated
        lately: Evidence = "on_curve" if at_ms > cut.sums else "was_on_curve"
        yield StageFound(stage, lately if stage == "curve" else stage, source, at_ms)
    if launchpad is None:
        return
    for name, moved in reading.signals.items():
        if name.startswith(MOVED_TO) and moves_to(launchpad, name.removeprefix(MOVED_TO)):
            yield StageFound("graduated", "moved", source, moved.observed_ms)
