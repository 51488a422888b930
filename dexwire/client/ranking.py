"""What a view shows: which topic it follows, and how it filters and sorts rows. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypedDict, cast

from dexwire.stream.figures import AGES, WINDOWED_FIGURES
from dexwire.stream.rows import Row
from dexwire.stream.topics import (
    ALL,
    LIST_SIZES,
    ORDERS,
    SORTS,
    WINDOWED,
    WINDOWS,
    Order,
    Sort,
    Window,
    chain_topic,
    list_topic,
)
from dexwire.stream.trending import score_of


class Filters(TypedDict, total=False):
    """Bounds, inclusive, in the row's units; a row whose figure is unknown passes none."""

    min_price: float
    max_price: float
    min_liquidity: float
    max_liquidity: float
    min_market_cap: float
    max_market_cap: float
    min_volume: float
    max_volume: float
    min_price_change: float
    max_price_change: float
    min_transactions: float
    max_transactions: float
    min_traders: float
    max_traders: float
    min_net_buyers: float
    max_net_buyers: float
    min_buy_volume: float
    max_buy_volume: float
    min_sell_volume: float
    max_sell_volume: float
    min_organic_volume: float
    max_organic_volume: float
    min_fdv: float
    max_fdv: float
    min_price_change_7d: float
    max_price_change_7d: float
    min_holders: float
    max_holders: float
    min_top_holders_pct: float
    max_top_holders_pct: float
    min_dev_pct: float
    max_dev_pct: float
    min_dev_mints: float
    max_dev_mints: float
    min_organic_score: float
    max_organic_score: float
    min_boosts: float
    max_boosts: float
    min_graduation_pct: float
    max_graduation_pct: float
    min_age_minutes: float
    max_age_minutes: float
    min_graduated_minutes: float
    max_graduated_minutes: float


class PageFilters(Filters, total=False):
    """What pages can be filtered by beside that: exact words, which live views do not know.

    `has`, `not_` and `stage` are words joined by commas, `launchpad`, `protocol` and `source` are
    names, `q` words of ticker and name.
    """

    has: str
    not_: str
    stage: str
    launchpad: str
    protocol: str
    source: str
    q: str


_TIMES: Final = {"newest": "created_ms", "graduated": "graduated_ms"}  # sort → its time


def score_field(sort: str, window: str) -> str:
    """Return the row's field that a sort and window look at; `trending_…` is computed of several.

    Raises ValueError when there is no such one.
    """
    if sort not in SORTS:
        raise ValueError(f"sort must be one of {', '.join(SORTS)}, not {sort!r}")
    if window not in WINDOWS:
        raise ValueError(f"window must be one of {', '.join(WINDOWS)}, not {window!r}")
    if sort in _TIMES:
        return _TIMES[sort]
    return f"{sort}_{window}" if sort in WINDOWED else sort


@dataclass(frozen=True, slots=True)
class Ranking:
    """A list as `/discover` makes it: by (score, id) in the order's direction."""

    sort: Sort = "volume"
    window: Window = "24h"
    order: Order = "desc"
    chain: str | None = None
    limit: int = 50
    filters: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(
        cls,
        *,
        sort: Sort,
        window: Window,
        order: Order,
        chain: str | None,
        limit: int,
        filters: Filters,
    ) -> Ranking:
        """Check everything. Raises ValueError."""
        score_field(sort, window)
        if order not in ORDERS:
            raise ValueError(f"order must be desc or asc, not {order!r}")
        if limit < 1:
            raise ValueError("limit must be at least 1")
        unknown = filters.keys() - Filters.__annotations__.keys()
        if unknown:
            known = ", ".join(Filters.__annotations__)
            raise TypeError(f"there is no filter {min(unknown)}; known: {known}")
        bounds = tuple(cast("dict[str, float]", filters).items())
        return cls(sort, window, order, chain, limit, bounds)

    @property
    def whole(self) -> str:
        """The topic of every row that may be in the list, whatever its rank."""
        return ALL if self.chain is None else chain_topic(self.chain)

    @property
    def topic(self) -> str:
        """The topic that has all the rows this needs, and as few others as possible.

        A filter may let tokens of any rank through, so it needs all of them.
        """
        if self.filters or self.limit > LIST_SIZES[-1]:
            return self.whole
        size = next(size for size in LIST_SIZES if size >= self.limit)
        return list_topic(self.sort, self.window, self.order, self.chain, size)

    def rank(self, rows: Iterable[Row], now_ms: float) -> list[Row]:
        """Return the rows that are shown, in order. Rows without the figure are not."""
        bounds = [self._bound(key, value) for key, value in self.filters]
        kept = []
        for row in rows:
            values = cast("dict[str, Any]", row)
            score = self.score(row)
            if score is not None and all(_within(values, bound, now_ms) for bound in bounds):
                kept.append((score, row["id"], row))
        pick = heapq.nlargest if self.order == "desc" else heapq.nsmallest
        return [row for _, _, row in pick(self.limit, kept, key=lambda entry: entry[:2])]

    def score(self, row: Row) -> float | None:
        """Return what a row is ordered by, None when it is not in the list."""
        if self.sort == "trending":
            return score_of(row, self.window) or None
        return cast("dict[str, Any]", row).get(score_field(self.sort, self.window))

    def _bound(self, key: str, value: float) -> tuple[str, bool, float]:
        """Return (field, whether it is a lower bound, bound)."""
        kind, _, name = key.partition("_")
        if name in WINDOWED_FIGURES:
            name = f"{name}_{self.window}"
        return name, kind == "min", value


def _within(row: dict[str, Any], bound: tuple[str, bool, float], now_ms: float) -> bool:
    name, lower, value = bound
    if name in AGES:
        at_ms = row.get(AGES[name])
        figure = None if at_ms is None else (now_ms - at_ms) / 60_000
    else:
        figure = row.get(name)
    if figure is None:
        return False
    return bool(figure >= value if lower else figure <= value)
