"""The filters of `/discover`: `min_` and `max_` of figures, protocol, source, words. Pure.

Both ends are included, all filters must be passed, and what is not known passes no bound. Figures
of a window follow `window`. Age is counted to the page's own `as_of_ms`, so that a page is the same
whenever it is computed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from services.api.search.name_index import parse_text
from shared.edge.http.problem import Problem, clip
from shared.model import WINDOWED
from shared.state.filters import Bound, Where

FIGURES: Final = (
    "price",
    "liquidity",
    "market_cap",
    "volume",
    "price_change",
    "transactions",
    "age_minutes",
)
RANGES: Final = tuple(f"{end}_{figure}" for figure in FIGURES for end in ("min", "max"))
PARAMETERS: Final = (*RANGES, "protocol", "source", "q")
# As JSON writes numbers, without exponents: 15 digits are exact, a price has up to 30 decimals.
NUMBER: Final = r"[0-9]{1,15}(\.[0-9]{1,30})?"
SIGNED: Final = f"-?{NUMBER}"  # of what can be below zero
SOURCE: Final = r"[a-z][a-z0-9_-]{0,31}(:[a-z][a-z0-9_-]{0,31})?"
PROTOCOL_MAX: Final = 128
_NUMBER, _SIGNED, _SOURCE = (re.compile(p, re.ASCII) for p in (NUMBER, SIGNED, SOURCE))
_MS_PER_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True)
class Filters:
    """What a request filters by; equal requests are equal."""

    bounds: tuple[Bound, ...] = ()
    min_age_ms: int | None = None
    max_age_ms: int | None = None
    protocol: str | None = None
    source: str | None = None
    text: str | None = None  # `q`, folded

    def __bool__(self) -> bool:
        return self != NO_FILTERS

    def where(self, as_of_ms: int) -> Where:
        """Return what the rows of a state must be; a token from the future has the age 0."""
        least = None if self.max_age_ms is None else float(as_of_ms - self.max_age_ms)
        most = None if self.min_age_ms is None else float(as_of_ms - self.min_age_ms)
        if self.min_age_ms == 0:
            most = math.inf
        bounds = self.bounds
        if least is not None or most is not None:
            bounds = (*bounds, Bound("created", least, most))
        return Where(bounds, self.protocol, self.source)

    def canonical(self) -> str:
        """Return a text that is the same for equal filters only."""
        return repr(self)


NO_FILTERS: Final = Filters()


def parse_filters(given: Mapping[str, str], window: str) -> Filters:
    """Parse the filters among decoded parameters. Raises Problem 400."""
    bounds = []
    for figure in FIGURES[:-1]:
        least, most = (_number(given, f"{end}_{figure}") for end in ("min", "max"))
        if least is not None or most is not None:
            column = f"{figure}_{window}" if figure in WINDOWED else figure
            bounds.append(Bound(column, _float(least), _float(most)))
    youngest, oldest = (_number(given, f"{end}_age_minutes") for end in ("min", "max"))
    protocol = given.get("protocol")
    if protocol is not None and not 1 <= len(protocol) <= PROTOCOL_MAX:
        detail = f"protocol must have 1 to {PROTOCOL_MAX} characters"
        raise Problem(400, "bad_protocol", detail, param="protocol")
    source = given.get("source")
    if source is not None and not _SOURCE.fullmatch(source):
        detail = f"{clip(source)!r} cannot be a source"
        raise Problem(400, "bad_source", detail, param="source")
    return Filters(
        bounds=tuple(bounds),
        # Times are whole milliseconds, so rounding inwards changes nothing.
        min_age_ms=None if youngest is None else math.ceil(youngest * _MS_PER_MINUTE),
        max_age_ms=None if oldest is None else math.floor(oldest * _MS_PER_MINUTE),
        protocol=None if protocol is None else protocol.casefold(),
        source=source,
        text=None if "q" not in given else parse_text(given["q"]),
    )


def follows_window(given: Mapping[str, str]) -> bool:
    """Return whether some filter is of a figure that has windows."""
    return any(f"{end}_{figure}" in given for figure in WINDOWED for end in ("min", "max"))


def _number(given: Mapping[str, str], name: str) -> Decimal | None:
    text = given.get(name)
    if text is None:
        return None
    signed = name.endswith("_price_change")
    if not (_SIGNED if signed else _NUMBER).fullmatch(text):
        detail = f"{name} must be a number such as {'-12.5' if signed else '1000 or 0.25'}"
        raise Problem(400, "bad_number", detail, param=name)
    return Decimal(text)


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number) + 0.0  # not -0.0
