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
from functools import cache
from types import NoneType
from typing import Final, TypeAlias, TypeVar, cast, get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from services.fetcher.repair import repaired
from shared.errors import MalformedBody
from shared.model import LIMIT

TEXT_MAX: Final = 128
# GeckoTerminal writes up to 70 digits; nobody honest writes 200.
_DECIMAL_MAX: Final = 200
_DECIMAL = re.compile(r"\A-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?\Z")

Number: TypeAlias = str | int | float | None
MaybeNumber: TypeAlias = str | int | float | UnsetType | None
# A name or ticker: "1000" arrives as 1000 now and then.
FreeText: TypeAlias = str | int | float | None
T = TypeVar("T")
N = TypeVar("N", int, float)
# What msgspec raises; the last two are no MsgspecError although they come from it.
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ERROR_MEMBERS: Final = ("message", "error", "errors", "detail", "code")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


class Windows(Struct, frozen=True):
    """One figure over each window; a window without data is often missing."""

    m5: Number = None
    m15: Number = None
    m30: Number = None
    h1: Number = None
    h6: Number = None
    h24: Number = None


class Trades(Struct, frozen=True):
    """How often, and by how many different people, was bought and sold in one window."""

    buys: Number = None
    sells: Number = None
    buyers: Number = None
    sellers: Number = None


class TradeWindows(Struct, frozen=True):
    """Trades over each window."""

    m5: Trades | None = None
    m15: Trades | None = None
    m30: Trades | None = None
    h1: Trades | None = None
    h6: Trades | None = None
    h24: Trades | None = None


class Held(Struct, frozen=True):
    """What a pool holds: in USD together, and of each side in tokens."""

    usd: Number = None
    base: Number = None
    quote: Number = None


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


def text(value: FreeText) -> str | None:
    """Return free text cut to 128 characters; empty or blank is None.

    Without the U+FFFD that stands for broken characters: no address can hold it, a name can.
    """
    if not isinstance(value, str):
        value = _digits(value)
    return value.replace("\ufffd", "").strip()[:TEXT_MAX].strip() or None


def _digits(value: float | None) -> str:
    """Return a number that is a name; one that no name would be is empty."""
    return "" if value is None or abs(value) >= LIMIT else str(value)


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
    """Keep "not reported" apart from "reported as unknown"; what cannot be believed is unknown."""
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


def decode_body(decoder: msgspec.json.Decoder[T], body: bytes | Raw, refused: Counter[str]) -> T:
    """Decode a whole body; what is no valid JSON costs its value or its record, not the others.

    `refused` counts what that cost. Raises Malformed when the body as a whole is not what the
    endpoint documents.
    """
    try:
        return decoder.decode(body)
    except _UNREADABLE as error:
        why = f"body is not what is documented: {str(error)[:120]}"
    counted: Counter[str] = Counter()
    container = _struct_in(decoder.type)
    members = [each.encode_name for each in _fields(container)] if container else []
    clean = repaired(bytes(body), members, counted)
    try:
        whole = decoder.decode(clean)
    except _UNREADABLE:
        fitted = _fit(container, clean, counted) if container else None
        if fitted is None:
            raise MalformedBody(why) from None
        whole = cast("T", fitted)
    refused.update(counted)
    return whole


def refuse_error(body: bytes) -> None:
    """Raise Malformed when a body without records says that something went wrong.

    Such an answer comes with status 200 now and then; it does not mean that there are no tokens.
    """
    try:
        members = _MEMBERS.decode(repaired(body, (), Counter()))
    except (*_UNREADABLE, MalformedBody):
        return
    errors = [name for name in _ERROR_MEMBERS if members.get(name, Raw(b"null")) != Raw(b"null")]
    if errors:
        raise MalformedBody(f"an error with status 200: {bytes(members[errors[0]])[:80]!r}")


def decode_each(
    decoder: msgspec.json.Decoder[T], records: Iterable[Raw], refused: Counter[str]
) -> list[T]:
    """Decode records one by one; a bad one is refused alone, counted as "shape".

    A bad value is unknown and spoils neither: counted as "value_…".
    """
    good = []
    for record in records:
        try:
            good.append(decoder.decode(record))
        except _UNREADABLE:
            counted: Counter[str] = Counter()
            salvaged = _salvage(decoder.type, record, counted)
            if salvaged is None:
                refused["shape"] += 1
            else:
                refused.update(counted)
                good.append(cast("T", salvaged))
    return good


def _salvage(kind: object, record: Raw, refused: Counter[str]) -> Struct | None:
    """Return a record without its bad values, or None when it cannot do without one."""
    struct = _struct_in(kind)
    try:
        return _fit(struct, repaired(b"[%s]" % bytes(record), (), refused)[1:-1], refused)
    except MalformedBody:
        return None


def _fit(kind: type[Struct] | None, record: bytes | Raw, refused: Counter[str]) -> Struct | None:
    """Decode a record field by field. A bad value is null, or left out where null is nothing.

    Return None when the record is no object, or when a field it must have is missing or bad.
    """
    if kind is None:
        return None
    try:
        members = _MEMBERS.decode(record)
    except _UNREADABLE:
        return None
    values: dict[str, object] = {}
    for each in _fields(kind):
        given_value = members.get(each.encode_name)
        if given_value is None:
            if each.required:
                return None
            continue
        try:
            values[each.name] = _decoder_of(each.type).decode(given_value)
        except _UNREADABLE:
            fitted = _fit(_struct_in(each.type), given_value, refused)
            if fitted is None:
                if each.required:
                    return None
                refused["value_shape"] += 1
            if fitted is not None or _nullable(each.type):
                values[each.name] = fitted
    return kind(**values)


def _struct_in(kind: object) -> type[Struct] | None:
    """Return the struct that a type is, or that a union holds."""
    for each in get_args(kind) or (kind,):
        if isinstance(each, type) and issubclass(each, Struct):
            return each
    return None


def _nullable(kind: object) -> bool:
    return NoneType in get_args(kind)


@cache
def _fields(kind: type[Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


@cache
def _decoder_of(kind: object) -> msgspec.json.Decoder[object]:
    return msgspec.json.Decoder(kind)
