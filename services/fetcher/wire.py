"""How single values of upstream bodies are read: leniently in shape, strictly in value.

A value that cannot be believed (no decimal number, out of range, negative where that makes no
sense) is unknown: None. It never spoils its record. Pure.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.errors import Malformed
from shared.model import LIMIT

TEXT_MAX: Final = 128
# GeckoTerminal writes up to 70 digits; nobody honest writes 200.
_DECIMAL_MAX: Final = 200
_DECIMAL = re.compile(r"\A-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?\Z")

Number: TypeAlias = str | int | float | None
MaybeNumber: TypeAlias = str | int | float | UnsetType | None
T = TypeVar("T")
N = TypeVar("N", int, float)


class Windows(Struct, frozen=True):
    """One figure over each window; a window without data is often missing."""

    m5: Number = None
    h1: Number = None
    h6: Number = None
    h24: Number = None


class Trades(Struct, frozen=True):
    """How many bought and sold in one window."""

    buys: Number = None
    sells: Number = None


class TradeWindows(Struct, frozen=True):
    """Trades over each window."""

    m5: Trades | None = None
    h1: Trades | None = None
    h6: Trades | None = None
    h24: Trades | None = None


NO_WINDOWS: Final = Windows()
NO_TRADES: Final = Trades()
NO_TRADE_WINDOWS: Final = TradeWindows()


def decimal(value: Number) -> float | None:
    """Return a finite number, from a number or a plain decimal string."""
    if isinstance(value, str):
        if len(value) > _DECIMAL_MAX or not _DECIMAL.match(value):
            return None  # "", "NaN", "1,000", " 1", "0x10", full-width digits
    elif value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def amount(value: Number) -> float | None:
    """Return a number in [0, 1e15), without the sign of zero."""
    number = decimal(value)
    return number + 0.0 if number is not None and 0 <= number < LIMIT else None


def price(value: Number) -> float | None:
    """Return an amount above 0: a price of 0 says that there is none."""
    return amount(value) or None


def percent(value: Number) -> float | None:
    """Return a number in (-1e15, 1e15)."""
    number = decimal(value)
    return number + 0.0 if number is not None and -LIMIT < number < LIMIT else None


def count(value: Number) -> int | None:
    """Return a whole number in [0, 1e15)."""
    number = amount(value)
    return int(number) if number is not None and number.is_integer() else None


def total(*parts: N | None) -> N | None:
    """Return the sum of what is known, or None when nothing is."""
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def text(value: str | None) -> str | None:
    """Return free text cut to 128 characters; empty or blank is None."""
    return (value or "").strip()[:TEXT_MAX].strip() or None


def iso_ms(value: str | None) -> int | None:
    """Return Unix milliseconds of an ISO 8601 time with a zone; nanoseconds are cut."""
    if not value or len(value) > 64:
        return None
    try:
        when = datetime.fromisoformat(value)
        return millis(when.timestamp() * 1_000) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None


def millis(value: Number) -> int | None:
    """Return a time in Unix milliseconds, after 1970; 0 is what is written when it is unknown."""
    number = amount(value)
    return int(number) or None if number is not None else None


def maybe(value: MaybeNumber, parse: Callable[[Number], T | None]) -> T | UnsetType | None:
    """Keep "not said" apart from "said to be unknown"; what cannot be believed is unknown."""
    return UNSET if isinstance(value, UnsetType) else parse(value)


def both(
    one: MaybeNumber, other: MaybeNumber, parse: Callable[[Number], N | None]
) -> N | UnsetType | None:
    """Add two figures of which one may be left out for being zero; unknown when one is unknown."""
    parts = [parse(each) for each in (one, other) if not isinstance(each, UnsetType)]
    if not parts:
        return UNSET
    known = [part for part in parts if part is not None]
    return parse(sum(known)) if len(known) == len(parts) else None


def given(value: T | None) -> T | UnsetType:
    """Return a known value, or UNSET: for fields whose absence says nothing."""
    return UNSET if value is None else value


def decode_body(decoder: msgspec.json.Decoder[T], body: bytes | Raw) -> T:
    """Decode a whole body; raise Malformed when it is not what the endpoint documents."""
    try:
        return decoder.decode(body)
    # The last two are no MsgspecError although they come from it.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"body is not what is documented: {str(error)[:120]}") from None


def decode_each(
    decoder: msgspec.json.Decoder[T], records: Iterable[Raw], refused: Counter[str]
) -> list[T]:
    """Decode records one by one; a bad one is refused alone, counted as "shape"."""
    good = []
    for record in records:
        try:
            good.append(decoder.decode(record))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            refused["shape"] += 1
    return good
