"""What became of the fields of a committed batch: those that the rows do not show, and why. Pure.

A field that was accepted is either shown by the row of its token, or named here with a reason. The
answer is about states, not about who changed them: `before` and `after` are the rows around the
commit, so that repeating a batch whose outcome was unknown gives a true answer too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from services.api.ingest.body import AcceptedToken
from shared.edge.http.problem import clip
from shared.merge.explain import explain
from shared.merge.explained import FieldExplanation
from shared.merge.policy import MergeRules
from shared.merge.readings import (
    ReadingError,
    SourceReading,
    Stamped,
    decode_source_reading,
    stored_as,
)
from shared.merge.words import number, span
from shared.state.row import Fields

Row: TypeAlias = Mapping[str, Any]
Reasons: TypeAlias = Mapping[str, tuple[str, str]]  # field → (code, sentence)
SAME: Final = "same"
_DETAIL_MAX: Final = 160
_decode_row: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Unchanged(Struct, frozen=True):
    """Fields of one posted token that the list does not show, or showed before it was posted.

    `code`: `same` (the row had these values already), `noise` (within the noise floor of what is
    committed), `older` (a later reading of this producer stands), `too_old` and `not_listed` (the
    token has no row), or the reason for which another figure was preferred (docs/DATA.md,
    "Explanation"); `not_shown` when the store did not say why.
    """

    index: int
    code: str
    fields: list[str]
    detail: str


class Posted(Struct, frozen=True):
    """One accepted token, whose it is (as readings carry it), and when it was observed."""

    source: str
    token: AcceptedToken
    observed_ms: int


def decode(row: bytes | None) -> Row | None:
    """Return a row's values, None for no row."""
    return None if row is None else _decode_row(row)


def hidden_fields(token: AcceptedToken, row: Row | None) -> list[str]:
    """Return the posted fields whose value is not what the row shows as it was posted."""
    if row is None:
        return list(token.fields)
    return [name for name, value in token.fields.items() if not _is_shown(row, name, value)]


def _is_shown(row: Row, name: str, value: Any) -> bool:  # noqa: ANN401 - a field's value
    if name == "links":  # a row has each kind from the first source that knows it
        shown = _value(row, name) or {}
        _, posted = stored_as(name, value)
        return isinstance(posted, dict) and posted.items() <= shown.items()
    if name == "suspicious":
        return bool(_value(row, name) == bool(value))
    return bool(_value(row, name) == value)


def _value(row: Row, name: str) -> Any:  # noqa: ANN401 - a field's value
    """Return a field as a row shows it; `suspicious` is one of its flags."""
    if name == "suspicious":
        return "suspicious" in row.get("flags", ())
    return row.get(name)


def judge_token(
    token: AcceptedToken, rows: tuple[Row | None, Row | None], reasons: Reasons
) -> list[Unchanged]:
    """Return the entries of one token: one per reason.

    `rows`: before the batch was published, and with its commit. `reasons`: of the fields that the
    row shows otherwise, (code, sentence); fields that are missing there are shown after all.
    """
    before, after = rows
    found: dict[str, list[tuple[str, str]]] = {}
    for name in token.fields:
        if name in reasons:
            code, why = reasons[name]
            found.setdefault(code, []).append((name, why))
        elif (
            before is not None and after is not None and _value(before, name) == _value(after, name)
        ):
            found.setdefault(SAME, []).append((name, "the row had this value already"))
    return [
        Unchanged(token.index, code, [name for name, _ in explained], _sentence(explained))
        for code, explained in found.items()
    ]


def reasons_of(
    posted: Posted, row: Row | None, stored: Fields | None, now_ms: int, rules: MergeRules
) -> Reasons:
    """Return why the row does not show fields as they were posted.

    `stored` are the token's readings as JSON, None when they could not be read.
    """
    token = posted.token
    if stored is None:
        why = "not_shown", "the list shows another value, or none; the store did not say why"
        return dict.fromkeys(hidden_fields(token, row), why)
    if row is None:
        return dict.fromkeys(token.fields, _without_row(posted.observed_ms, now_ms, rules))
    readings = _decoded(stored)
    explanation = explain(readings, now_ms, rules)
    own = readings.get(posted.source, SourceReading())
    found = {}
    for name in hidden_fields(token, row):
        key, _ = stored_as(name, token.fields[name])
        held = own.fields.get(name) or own.signals.get(key)
        why_not = _reason(posted, name, held, _value(row, name), explanation.fields.get(name))
        if why_not is not None:
            found[name] = why_not
    return found


def _without_row(observed_ms: int, now_ms: int, rules: MergeRules) -> tuple[str, str]:
    age_ms = now_ms - observed_ms
    if age_ms >= rules.dead_after_ms:
        bound = span(rules.dead_after_ms)
        return "too_old", f"observed {span(age_ms)} ago; a token not seen for {bound} is not listed"
    return "not_listed", "the aggregator made no row of this token"


def _reason(
    posted: Posted,
    name: str,
    held: Stamped | None,
    shown: object,
    explained: FieldExplanation | None,
) -> tuple[str, str] | None:
    """Return why one field is not shown as posted, None when it is shown after all."""
    _, value = stored_as(name, posted.token.fields[name])
    if held is None:
        if name == "created_ms":
            return "impossible", "it would have been created after it was seen"
        return "not_listed", "the aggregator did not take this field"
    if held.value != value:  # its time may differ: the aggregator's clock decides what is future
        later_ms = held.observed_ms - posted.observed_ms
        when = f"observed {span(later_ms)} later" if later_ms > 0 else "of the same time"
        return "older", f"a reading of yours {when} stands: {_shown(held.value)}"
    if name == "suspicious":
        return "safer", "another source calls the token suspicious"
    if explained is None or explained.value is None:
        return None if value is None else _passed_over(explained, posted.source, "impossible")
    if value is not None and posted.source in (explained.source or "").split("+"):
        if explained.value == shown:
            return None  # as it is shown: a name without what cannot be seen, or part of a mean
        floor = f"within the noise floor of the committed {_shown(shown)} (docs/DATA.md, Noise)"
        return "noise", f"{_shown(explained.value)} is {floor}"
    return _passed_over(explained, posted.source, "lower_rank")


def _passed_over(
    explained: FieldExplanation | None, source: str, otherwise: str
) -> tuple[str, str]:
    for passed in explained.passed_over if explained else ():
        if passed.source == source and passed.pool is None:
            return passed.reason, passed.why
    if explained is None or not explained.source:
        return otherwise, "not believed"
    return otherwise, f"{explained.source} gives {_shown(explained.value)}"


def _decoded(stored: Fields) -> dict[str, SourceReading]:
    readings = {}
    for source, raw in sorted(stored.items()):
        try:
            readings[source] = decode_source_reading(raw)
        except ReadingError:
            continue  # the token's page logs it
    return readings


def _shown(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value) if abs(value) >= 100 else f"{value:.8g}"
    return "unknown" if value is None else clip(str(value), 32)


def _sentence(explained: Sequence[tuple[str, str]]) -> str:
    """Join the reasons of several fields; those that have one reason share its words."""
    by_why: dict[str, list[str]] = {}
    for name, why in explained:
        by_why.setdefault(why, []).append(name)
    return clip(
        "; ".join(f"{', '.join(names)}: {why}" for why, names in by_why.items()), _DETAIL_MAX
    )
