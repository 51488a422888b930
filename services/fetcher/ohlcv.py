"""Candles in an answer of JSON:API: rows of start, four prices and volume. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec
from msgspec import Raw, Struct

from services.fetcher.source import ParsedBody
from services.fetcher.values import Number, amount, decode_body, decode_each, price
from shared.history.candle import Tier
from shared.history.foreign import ForeignBar, clean


class WireRows(Struct, frozen=True):
    """Newest first; intervals without a trade are left out."""

    ohlcv_list: list[Raw]


class WireRecord(Struct, frozen=True):
    """The one record of an answer."""

    attributes: WireRows


class WireCandles(Struct, frozen=True):
    """An answer about the candles of one pool."""

    data: WireRecord


_CANDLES: Final = msgspec.json.Decoder(WireCandles)
_ROW: Final = msgspec.json.Decoder(tuple[int, Number, Number, Number, Number, Number])


def no_readings(_body: bytes, _observed_ms: int) -> ParsedBody:
    """Return nothing: candles are no readings of now."""
    return ParsedBody()


def read_candles(body: bytes, tier: Tier) -> list[ForeignBar]:
    """Read the candles of a pool; rows that cannot be are left out. Raises MalformedBody."""
    refused: Counter[str] = Counter()
    rows = decode_body(_CANDLES, body, refused).data.attributes.ohlcv_list
    found = []
    for start, *figures in decode_each(_ROW, rows, refused):
        o, h, low, c = (price(figure) for figure in figures[:4])
        if start >= 0 and o and h and low and c:
            found.append(ForeignBar(start, o, h, low, c, amount(figures[4])))
    return clean(found, tier)
