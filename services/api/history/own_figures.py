"""What our own history adds to one token: changes over days, the highest market cap, its end.

These are the lowest in order: a source's own figure goes before ours (`preferred`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from services.api.history.database import History
from services.api.history.past_list import change_pct
from shared.edge.http.problem import Problem
from shared.history.answers import Coverage, TokenRecord

if TYPE_CHECKING:
    from services.api.history.readers import Readers

DAY_MS: Final = 86_400_000
_DAYS: Final = {"price_change_7d": 7, "price_change_30d": 30}
_KEPT: Final = 2_000  # tokens
_KEEP_S: Final = 60.0
_WAIT_S: Final = 1.0  # at most, for figures that a token is shown without just as well


class OwnChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The change of the price since its sample of some days ago, in percent."""

    value: float
    coverage: Coverage
    preferred: float | None = None  # what a source says itself


class OwnHigh(Struct, frozen=True, kw_only=True):
    """The highest market cap of all samples, in USD."""

    value: float
    at_ms: int
    coverage: Coverage


class _Row(Struct, frozen=True):
    price: float | None = None
    price_change_7d: float | None = None


class _Known(Struct, frozen=True):
    """What is kept of a token for a while; prices are those before, with what is recorded since."""

    read_s: float
    before: dict[str, tuple[float, Coverage]]
    high: OwnHigh | None


_row: Final = msgspec.json.Decoder(_Row).decode


class OwnFigures:
    """Reads them, at most once a minute for a token of which something is recorded."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(self, token: str, row: bytes) -> dict[str, OwnChange | OwnHigh] | None:
        """Return what is known of a listed token, by name; None: nothing, or the history is off."""
        if not self._history.on:
            return None
        known = self._known.get(token)
        if known is None or time.monotonic() - known.read_s > _KEEP_S:
            try:
                async with self._history.reading(_WAIT_S) as readers:
                    known = await _read(readers, token)
            except Problem:
                return None
            if known is None:
                return None
            self._keep(token, known)
        shown = _row(row)
        figures: dict[str, OwnChange | OwnHigh] = {}
        for name, (price, coverage) in known.before.items():
            value = change_pct(shown.price, price)
            if value is not None:
                stated = shown.price_change_7d if name == "price_change_7d" else None
                figures[name] = OwnChange(value=value, coverage=coverage, preferred=stated)
        if known.high is not None:
            figures["highest_market_cap"] = known.high
        return figures or None

    async def gone(self, token: str) -> TokenRecord | None:
        """Return the record of a token that was removed; None where there is none to be had."""
        if not self._history.on:
            return None
        try:
            async with self._history.reading(_WAIT_S) as readers:
                record = await readers.reader.token(token)
        except Problem:
            return None
        return record if record is not None and record.gone_ms is not None else None

    def _keep(self, token: str, known: _Known) -> None:
        self._known[token] = known
        self._known.move_to_end(token)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)


async def _read(readers: Readers, token: str) -> _Known | None:
    """Return what is recorded of a token; None: nothing yet."""
    record = await readers.reader.token(token)
    if record is None:
        return None
    now_ms = (await readers.reader.position()).at_ms
    before: dict[str, tuple[float, Coverage]] = {}
    for name, days in _DAYS.items():
        found = await readers.reader.close_at(record, now_ms - days * DAY_MS)
        if found is not None:
            coverage = await _coverage(readers, token, found[1], now_ms)
            if coverage is not None:
                before[name] = (found[0], coverage)
    return _Known(time.monotonic(), before, await _high(readers, record, now_ms))


async def _high(readers: Readers, record: TokenRecord, now_ms: int) -> OwnHigh | None:
    if record.cap_high is None or record.cap_high_ms is None:
        return None
    coverage = await _coverage(readers, record.id, record.first_ms, now_ms)
    if coverage is None:
        return None
    return OwnHigh(value=record.cap_high, at_ms=record.cap_high_ms, coverage=coverage)


async def _coverage(readers: Readers, token: str, from_ms: int, to_ms: int) -> Coverage | None:
    """Return how much of a time is recorded, by days."""
    page = await readers.reader.candles(
        token, "1d", from_ms=from_ms, to_ms=to_ms, limit=1_000, with_before=False
    )
    return None if page is None else page.coverage
