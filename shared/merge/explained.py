"""What an explanation is made of."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from shared.merge.readings import Value
from shared.merge.verdicts import Reason
from shared.model import PoolReading

Role: TypeAlias = Literal[
    "price",
    "counts",
    "outvoted",
    "thin",
    "untraded",
    "dead",
    "stale",
    "other_view",
    "ignored",
]


class Passed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure that was not taken; `why` says it in words."""

    source: str
    pool: str | None = None
    pools: int | None = None
    value: Value
    observed_ms: int
    age_ms: int
    reason: Reason
    why: str


class FieldExplanation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a row: its value, whose it is, and what was passed over.

    No `value`: unknown. `pools`: the figure is a sum over so many. `observed_ms` is the oldest part
    of a sum or a mean.
    """

    value: Value | list[str] = None
    source: str | None = None  # of several: joined with "+"
    pool: str | None = None
    pools: int | None = None
    observed_ms: int | None = None
    age_ms: int | None = None
    rule: str
    passed_over: tuple[Passed, ...] = ()


class PoolExplanation(Struct, frozen=True, kw_only=True):
    """A pool as one source sees it, and what it does for the row."""

    source: str
    role: Role
    adds: bool  # to volume, liquidity and transactions
    why: str
    observed_ms: int
    age_ms: int
    pool: PoolReading


class Explanation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a row comes from. `raw_name` and `raw_ticker` are as their maker wrote them."""

    fields: dict[str, FieldExplanation] = {}
    pools: tuple[PoolExplanation, ...] = ()
    raw_name: str | None = None
    raw_ticker: str | None = None


class Claim(Struct, frozen=True):
    """What somebody gives for a field; `pools`: a sum over so many."""

    source: str
    value: Value
    observed_ms: int
    pool: str | None = None
    pools: int | None = None
