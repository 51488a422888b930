"""What the client makes of rows and patches."""

from __future__ import annotations

from typing import cast

from dexwire.stream.rows import Patch, Row


class QuotedRow(Row, total=False):
    """A row as pages and searches give it: with `quote` also in its chain's own coin."""

    price_native: float
    market_cap_native: float


def patched(row: Row, patch: Patch) -> Row:
    """Return a new row with the patch's fields; what became unknown is absent."""
    fields = {**row, **patch}
    return cast("Row", {name: value for name, value in fields.items() if value is not None})


def merged(earlier: Patch, later: Patch) -> Patch:
    """Return one patch that does what two in a row do."""
    return cast("Patch", {**earlier, **later})
