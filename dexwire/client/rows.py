"""What the client makes of rows and patches."""

from __future__ import annotations

from typing import TypedDict, cast

from dexwire.stream.rows import Patch, Row


class Trending(TypedDict):
    """Why a row has its place in a list by `trending`: its score is the sum of its parts."""

    window: str
    score: int
    parts: dict[str, int]


class QuotedRow(Row, total=False):
    """A row as pages and searches give it: with `quote` also in its chain's own coin.

    With `explain`, pages sorted by `trending` say what its place is made of.
    """

    price_native: float
    market_cap_native: float
    trending: Trending
    spark: list[float | None]  # with `spark`: hourly closes, the newest last


def patched(row: Row, patch: Patch) -> Row:
    """Return a new row with the patch's fields; what became unknown is absent."""
    fields = {**row, **patch}
    return cast("Row", {name: value for name, value in fields.items() if value is not None})


def merged(earlier: Patch, later: Patch) -> Patch:
    """Return one patch that does what two in a row do."""
    return cast("Patch", {**earlier, **later})
