"""Names that similar systems use for parameters of the list and their values. Pure.

docs/COMING_FROM.md lists them. They are resolved before a query is checked, so that a request is
the same, in the cache and in a cursor, whichever names it was written in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.api.discover.filters import RANGES
from shared.edge.http.problem import Problem
from shared.model import WINDOWED, WINDOWS


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


# Their name → ours.
PARAMETERS: Final[dict[str, str]] = {
    **dict.fromkeys(("sortBy", "sort_by", "orderBy", "order_by"), "sort"),
    **dict.fromkeys(
        ("timeframe", "timeFrame", "time_frame", "period", "timePeriod", "time_period"), "window"
    ),
    **dict.fromkeys(("sortOrder", "sort_order", "direction"), "order"),
    **dict.fromkeys(("pageSize", "page_size", "perPage", "per_page"), "limit"),
    "offset": "cursor",
    "network": "chain",
    "search": "q",
    **{_camel(name): name for name in RANGES},
}
_PLAIN_SORTS: Final[dict[str, str]] = {
    **dict.fromkeys(("marketcap", "marketCap", "mcap"), "market_cap"),
    "priceChange": "price_change",
    **dict.fromkeys(("transaction_count", "transactionCount", "txns", "trades"), "transactions"),
    **dict.fromkeys(("created", "created_at", "createdAt", "created_ms"), "newest"),
}
# Their sort → our sort and its window.
_WINDOWED_SORTS: Final[dict[str, tuple[str, str]]] = {
    spelling: (sort, window)
    for sort in sorted(WINDOWED)
    for window in WINDOWS
    for spelling in (f"{sort}_{window}", f"{_camel(sort)}{window}")
} | {"price_1hr_change": ("price_change", "1h"), "price_24hr_change": ("price_change", "24h")}
_WINDOWS: Final[dict[str, str]] = {
    **{f"{window[-1]}{window[:-1]}": window for window in WINDOWS},  # DexScreener's h24
    **{window.upper(): window for window in WINDOWS},
    **{f"{window}r": window for window in WINDOWS if window.endswith("h")},
    "5min": "5m",
    "1d": "24h",
}
_ORDERS: Final = {"DESC": "desc", "descending": "desc", "ASC": "asc", "ascending": "asc"}


def resolve(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return parameters under our names and values, and by our names those that were written.

    Raises Problem 400 for a parameter that is given under two names, and for two windows.
    """
    ours: dict[str, str] = {}
    written: dict[str, str] = {}
    for name, value in given.items():
        real = PARAMETERS.get(name, name)
        if real in ours:
            detail = f"{written[real]} and {name} are the same parameter"
            raise Problem(400, "repeated_parameter", detail, param=name)
        ours[real], written[real] = value, name
    for name, values in (("window", _WINDOWS), ("order", _ORDERS), ("sort", _PLAIN_SORTS)):
        if name in ours:
            ours[name] = values.get(ours[name], ours[name])
    sort = ours.get("sort", "")
    if sort in _WINDOWED_SORTS:
        ours["sort"], window = _WINDOWED_SORTS[sort]
        if ours.setdefault("window", window) != window:
            detail = f"{written['sort']}={sort} is of {window}: leave {written['window']} out"
            raise Problem(400, "bad_window", detail, param=written["window"])
    return ours, written
