"""Figures as people read them. The same vectors (tests/vectors/format.json) bind the web page.

Ties round away from zero, on the exact value of the float: what JavaScript's `toFixed` does too.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

UNKNOWN: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"
_UP, _DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"
_SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_UNITS: Final = ((12, "T"), (9, "B"), (6, "M"), (3, "K"))
_TINY_ZEROS: Final = 4  # so many zeros after the point are counted instead of written
_3_DIGITS: Final = Context(prec=3, rounding=ROUND_HALF_UP)
_4_DIGITS: Final = Context(prec=4, rounding=ROUND_HALF_UP)
_CENT: Final = Decimal("0.01")
_HOUR_S: Final = 3_600
_DAY_S: Final = 24 * _HOUR_S
_MONTH_S: Final = 2_629_800  # 365.25 days / 12
_AGE_UNITS: Final = (
    (12 * _MONTH_S, "y", _MONTH_S, "mo"),
    (_MONTH_S, "mo", _DAY_S, "d"),
    (_DAY_S, "d", _HOUR_S, "h"),
    (_HOUR_S, "h", 60, "m"),
)


def price(usd: float | None) -> str:
    """Return a price: `$64,213.00`, `$1.23`, `$0.1050`, `$0.0₅123` for 0.00000123.

    Below 1 it has four significant digits, zeros included; behind four zeros it has three.
    """
    exact = _exact(usd)
    if exact is None:
        return UNKNOWN
    if exact == 0:
        return "$0"
    sign = _MINUS if exact < 0 else ""
    size = abs(exact)
    if size >= 10**6:
        return f"{sign}${_compact(size)}"
    if _4_DIGITS.plus(size) < 1:
        return f"{sign}${_small(size, _4_DIGITS)}"
    return f"{sign}${size.quantize(_CENT, ROUND_HALF_UP):,}"


def amount(usd: float | None) -> str:
    """Return a sum of money in three digits: `$0.500`, `$853`, `$1.23K`, `$45.6M`."""
    exact = _exact(usd)
    if exact is None:
        return UNKNOWN
    if exact == 0:
        return "$0"
    return f"{_MINUS if exact < 0 else ''}${_compact(abs(exact))}"


def count(number: float | None) -> str:
    """Return a number of things: `853`, `1.23K`, `45.6M`."""
    exact = _exact(number)
    if exact is None:
        return UNKNOWN
    whole = exact.quantize(Decimal(1), ROUND_HALF_UP)
    sign, size = (_MINUS if whole < 0 else ""), abs(whole)
    return sign + (str(size) if size < 1000 else _compact(size))


def percent(value: float | None) -> str:
    """Return a change with its direction: `▲ +3.56%` (a minus after `▼`), `0.00%`."""
    exact = _exact(value)
    if exact is None:
        return UNKNOWN
    rounded = exact.quantize(_CENT, ROUND_HALF_UP)
    if rounded == 0:
        return "0.00%"
    size = abs(rounded)
    text = str(size) if size < 1000 else _compact(size)
    return f"{_UP} +{text}%" if rounded > 0 else f"{_DOWN} {_MINUS}{text}%"


def age(milliseconds: float | None) -> str:
    """Return a length of time: `59s`, `5m 07s`, `5h 12m`, `3d 4h`, `1mo 3d`, `2y 10mo`.

    It has the two largest units. From an hour on the second is left out when it is 0; seconds
    behind minutes always have two digits, so that a running age keeps its width. A month is a
    twelfth of 365.25 days.
    """
    exact = _exact(milliseconds)
    if exact is None:
        return UNKNOWN
    seconds = max(0, int(exact)) // 1000
    if seconds < _HOUR_S:
        return f"{seconds // 60}m {seconds % 60:02}s" if seconds >= 60 else f"{seconds}s"
    size, unit, smaller, smaller_unit = next(each for each in _AGE_UNITS if seconds >= each[0])
    rest = seconds % size // smaller
    return f"{seconds // size}{unit}" + (f" {rest}{smaller_unit}" if rest else "")


def _exact(value: float | None) -> Decimal | None:
    """Return the float's exact value; what is no number is unknown."""
    return None if value is None or not math.isfinite(value) else Decimal(value)


def _compact(size: Decimal) -> str:
    """Return three digits and a unit; rounding may bring the next unit (999.6 → 1.00K)."""
    rounded = _3_DIGITS.plus(size)
    for exponent, unit in _UNITS:
        if rounded.adjusted() >= exponent:
            return f"{_plain(rounded.scaleb(-exponent))}{unit}"
    return _plain(rounded) if rounded >= 1 else _small(size, _3_DIGITS)


def _plain(rounded: Decimal) -> str:
    """Write three digits of a number from 1 on, without an exponent: 1.23, 12.3, 123, 1230."""
    return f"{rounded:.{max(0, 2 - rounded.adjusted())}f}"


def _small(size: Decimal, context: Context) -> str:
    """Write a number below 1 in the context's digits; many zeros are counted in a subscript."""
    rounded = context.plus(size)
    if -rounded.adjusted() - 1 >= _TINY_ZEROS:
        context = _3_DIGITS
        rounded = context.plus(size)
    zeros = -rounded.adjusted() - 1
    text = f"{rounded:.{zeros + context.prec}f}"
    if zeros < _TINY_ZEROS:
        return text
    return f"0.0{str(zeros).translate(_SUBSCRIPTS)}{text[2 + zeros :]}"
