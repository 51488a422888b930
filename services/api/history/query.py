"""Query strings of what was recorded, parsed as strictly as those of the list. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from services.api.discover.query import parse_parameters
from shared.chains import canonical_chain
from shared.edge.http.problem import Problem, clip
from shared.history.candle import INTERVALS, Interval

T = TypeVar("T", bound=str)
CANDLES_MAX: Final = 1_000
CANDLES_DEFAULT: Final = 300
ALERTS_MAX: Final = 500
ALERTS_DEFAULT: Final = 100
PAST_MAX: Final = 100
PAST_DEFAULT: Final = 20
SORTS: Final = ("volume", "price_change", "liquidity", "market_cap", "newest")
# Of these windows candles have volumes, or closes at both ends.
SORT_WINDOWS: Final[dict[str, tuple[str, ...]]] = {
    "volume": ("5m", "1h", "24h"),
    "price_change": ("1h", "24h"),
}
WINDOWS: Final = ("5m", "1h", "24h")
_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_MS_MIN: Final = 1_000_000_000_000  # September 2001: what is smaller counts seconds


@dataclass(frozen=True, slots=True)
class CandlesQuery:
    """What candles a request wants: the newest `limit` of `[from_ms, to_ms)`."""

    interval: Interval = "5m"
    from_ms: int | None = None
    to_ms: int | None = None
    limit: int = CANDLES_DEFAULT
    fill: bool = False


@dataclass(frozen=True, slots=True)
class AlertsQuery:
    """What alerts a request wants: the newest `limit` of `[from_ms, to_ms)`."""

    from_ms: int | None = None
    to_ms: int | None = None
    limit: int = ALERTS_DEFAULT


@dataclass(frozen=True, slots=True)
class PastQuery:
    """What list of the past a request wants."""

    at_ms: int
    sort: str = "volume"
    window: str = "24h"  # "-" where the sort has none
    order: str = "desc"
    chain: str | None = None
    limit: int = PAST_DEFAULT


def parse_candles(query_string: bytes) -> CandlesQuery:
    """Parse the query of `…/candles`. Raises Problem 400."""
    given = parse_parameters(query_string, ("interval", "from", "to", "limit", "fill"))
    from_ms, to_ms = _span(given)
    return CandlesQuery(
        interval=_one_of("interval", given.get("interval", "5m"), INTERVALS),
        from_ms=from_ms,
        to_ms=to_ms,
        limit=_limit(given, CANDLES_DEFAULT, CANDLES_MAX),
        fill="fill" in given and bool(_one_of("fill", given["fill"], ("previous",))),
    )


def parse_alerts(query_string: bytes) -> AlertsQuery:
    """Parse the query of `…/alerts`. Raises Problem 400."""
    given = parse_parameters(query_string, ("from", "to", "limit"))
    return AlertsQuery(*_span(given), limit=_limit(given, ALERTS_DEFAULT, ALERTS_MAX))


def parse_past(query_string: bytes) -> PastQuery:
    """Parse the query of `/history/discover`. Raises Problem 400."""
    known = ("at_ms", "sort", "window", "order", "chain", "limit")
    given = parse_parameters(query_string, known)
    if "at_ms" not in given:
        raise Problem(400, "bad_at_ms", f"at_ms is {_A_TIME}", param="at_ms")
    sort = _one_of("sort", given.get("sort", "volume"), SORTS)
    windows = SORT_WINDOWS.get(sort, ())
    if "window" in given and not windows:
        raise Problem(400, "bad_window", f"sort={sort} has no window", param="window")
    return PastQuery(
        at_ms=_time(given, "at_ms") or 0,
        sort=sort,
        window=_one_of("window", given.get("window", "24h"), windows) if windows else "-",
        order=_one_of("order", given.get("order", "desc"), ("desc", "asc")),
        chain=_chain(given),
        limit=_limit(given, PAST_DEFAULT, PAST_MAX),
    )


_A_TIME: Final = "a time in Unix milliseconds, such as 1795768390123"


def _span(given: Mapping[str, str]) -> tuple[int | None, int | None]:
    from_ms, to_ms = _time(given, "from"), _time(given, "to")
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise Problem(400, "bad_from", "from must be before to", param="from")
    return from_ms, to_ms


def _time(given: Mapping[str, str], name: str) -> int | None:
    """Return a time, None where none is given."""
    text = given.get(name)
    if text is None:
        return None
    time_ms = int(text) if _DIGITS.fullmatch(text) else -1
    if time_ms < _MS_MIN:
        looks = ": this looks like seconds" if time_ms > _MS_MIN // 1_000 else ""
        raise Problem(400, f"bad_{name}", f"{name} is {_A_TIME}{looks}", param=name)
    return time_ms


def _limit(given: Mapping[str, str], default: int, most: int) -> int:
    text = given.get("limit")
    if text is None:
        return default
    limit = int(text) if len(text) <= 4 and _DIGITS.fullmatch(text) else 0
    if not 1 <= limit <= most:
        raise Problem(400, "bad_limit", f"limit must be 1 to {most}", param="limit")
    return limit


def _one_of(name: str, value: str, choices: Sequence[T]) -> T:
    for choice in choices:
        if choice == value:
            return choice
    raise Problem(400, f"bad_{name}", f"{name} must be one of {', '.join(choices)}", param=name)


def _chain(given: Mapping[str, str]) -> str | None:
    if "chain" not in given:
        return None
    chain = canonical_chain(given["chain"])
    if chain is None:
        detail = f"{clip(given['chain'])!r} cannot be a chain"
        raise Problem(400, "bad_chain", detail, param="chain")
    return chain
