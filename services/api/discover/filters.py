"""The filters of `/discover` and `/search`: `min_` and `max_` of figures, words, marks. Pure.

Both ends are included, all filters must be passed, and what is not known passes no bound. Figures
of a window follow `window`. Ages are counted to the page's own `as_of_ms`, so that a page is the
same whenever it is computed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dexwire.stream.figures import AGES, FACTS, FIGURES, MARKS, SIGNED, STAGES, WINDOWED_FIGURES
from services.api.search.name_index import parse_text
from shared.edge.http.problem import Problem, clip
from shared.state.columns import TRUE
from shared.state.filters import Bound, Where, Words

RANGES: Final = tuple(f"{end}_{figure}" for figure in FIGURES for end in ("min", "max"))
PARAMETERS: Final = (*RANGES, "has", "not", "stage", "launchpad", "protocol", "source", "q")
# As JSON writes numbers, without exponents: 15 digits are exact, a price has up to 30 decimals.
NUMBER: Final = r"[0-9]{1,15}(\.[0-9]{1,30})?"
SIGNED_NUMBER: Final = f"-?{NUMBER}"  # of what can be below zero
SOURCE: Final = r"[a-z][a-z0-9_-]{0,31}(:[a-z][a-z0-9_-]{0,31})?"
NAME_MAX: Final = 128  # characters of a protocol or launchpad
_NUMBER, _SIGNED, _SOURCE = (re.compile(p, re.ASCII) for p in (NUMBER, SIGNED_NUMBER, SOURCE))
_MS_PER_MINUTE: Final = 60_000
_AGE_COLUMNS: Final = {age: field.removesuffix("_ms") for age, field in AGES.items()}


@dataclass(frozen=True, slots=True)
class AgeRange:
    """A range of the time since an event, in ms, both ends included."""

    column: str  # of the event's time
    least_ms: int | None = None
    most_ms: int | None = None

    def bound(self, as_of_ms: int) -> Bound:
        """Return the range of the event's time; what is from the future has the age 0."""
        earliest = None if self.most_ms is None else float(as_of_ms - self.most_ms)
        latest = None if self.least_ms is None else float(as_of_ms - self.least_ms)
        return Bound(self.column, earliest, math.inf if self.least_ms == 0 else latest)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a request filters by; equal requests are equal."""

    bounds: tuple[Bound, ...] = ()
    ages: tuple[AgeRange, ...] = ()
    words: tuple[Words, ...] = ()
    text: str | None = None  # `q`, folded

    def __bool__(self) -> bool:
        return self != NO_FILTERS

    def where(self, as_of_ms: int) -> Where:
        """Return what the rows of a state must be."""
        return Where((*self.bounds, *(age.bound(as_of_ms) for age in self.ages)), self.words)

    def canonical(self) -> str:
        """Return a text that is the same for equal filters only."""
        return repr(self)


NO_FILTERS: Final = Filters()


def parse_filters(given: Mapping[str, str], window: str) -> Filters:
    """Parse the filters among decoded parameters. Raises Problem 400."""
    return Filters(
        bounds=tuple(_bounds(given, window)),
        ages=tuple(_ages(given)),
        words=tuple(_words(given)),
        text=None if "q" not in given else parse_text(given["q"]),
    )


def follows_window(given: Mapping[str, str]) -> bool:
    """Return whether some filter is of a figure that has windows."""
    return any(f"{end}_{figure}" in given for figure in WINDOWED_FIGURES for end in ("min", "max"))


def _bounds(given: Mapping[str, str], window: str) -> list[Bound]:
    bounds = []
    for figure in FIGURES:
        if figure in _AGE_COLUMNS:
            continue
        least, most = _range(given, figure)
        if least is not None or most is not None:
            column = f"{figure}_{window}" if figure in WINDOWED_FIGURES else figure
            bounds.append(Bound(column, _float(least), _float(most)))
    return bounds


def _ages(given: Mapping[str, str]) -> list[AgeRange]:
    """Return the ranges of ages. Times are whole ms, so rounding inwards changes nothing."""
    ages = []
    for figure, column in _AGE_COLUMNS.items():
        least, most = _range(given, figure)
        if least is not None or most is not None:
            least_ms = None if least is None else math.ceil(least * _MS_PER_MINUTE)
            most_ms = None if most is None else math.floor(most * _MS_PER_MINUTE)
            ages.append(AgeRange(column, least_ms, most_ms))
    return ages


def _words(given: Mapping[str, str]) -> list[Words]:
    words = [_marked(mark, wanted=True) for mark in _list(given, "has", MARKS)]
    words += [_marked(mark, wanted=False) for mark in _list(given, "not", MARKS)]
    stages = _list(given, "stage", STAGES)
    if stages:
        words.append(Words("stage", stages))
    for name in ("launchpad", "protocol"):
        if name in given:
            words.append(Words(name, (_name(given, name).casefold(),)))
    source = given.get("source")
    if source is not None:
        if not _SOURCE.fullmatch(source):
            detail = f"{clip(source)!r} cannot be a source"
            raise Problem(400, "bad_source", detail, param="source")
        words.append(Words("sources", (source,)))
    return words


def _marked(mark: str, *, wanted: bool) -> Words:
    return Words(mark, (TRUE,), wanted) if mark in FACTS else Words("flags", (mark,), wanted)


def _list(given: Mapping[str, str], name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the words that commas join, each once and in the order in which they are known."""
    if name not in given:
        return ()
    words = given[name].split(",")
    for word in words:
        if word not in known:
            detail = f"{name} must be of {', '.join(known)}, joined by commas: not {clip(word)!r}"
            raise Problem(400, f"bad_{name}", detail, param=name)
    return tuple(word for word in known if word in words)


def _name(given: Mapping[str, str], name: str) -> str:
    if not 1 <= len(given[name]) <= NAME_MAX:
        detail = f"{name} must have 1 to {NAME_MAX} characters"
        raise Problem(400, f"bad_{name}", detail, param=name)
    return given[name]


def _range(given: Mapping[str, str], figure: str) -> tuple[Decimal | None, Decimal | None]:
    return _number(given, f"min_{figure}", figure), _number(given, f"max_{figure}", figure)


def _number(given: Mapping[str, str], name: str, figure: str) -> Decimal | None:
    text = given.get(name)
    if text is None:
        return None
    signed = figure in SIGNED
    if not (_SIGNED if signed else _NUMBER).fullmatch(text):
        detail = f"{name} must be a number such as {'-12.5' if signed else '1000 or 0.25'}"
        raise Problem(400, "bad_number", detail, param=name)
    return Decimal(text)


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number) + 0.0  # not -0.0
