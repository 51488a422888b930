"""`explain=1`: rows with the parts of their trending score. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from services.api.discover.query import DiscoverQuery
from shared.state.orders import Orders


def explain_rows(
    rows: Iterable[bytes], ids: Sequence[str], query: DiscoverQuery, orders: Orders
) -> list[bytes]:
    """Return rows (JSON) with `trending`: window, score, and its parts as far as they are known.

    A row that is ranked no longer, on a later page of a walk, has the score 0 and no parts.
    """
    explained = orders.trending_parts(ids, query.metric)
    return [
        row[:-1] + b',"trending":' + _encode(query.window, parts) + b"}"
        for row, parts in zip(rows, explained, strict=True)
    ]


def _encode(window: str, parts: dict[str, int]) -> bytes:
    score = sum(parts.values())
    return msgspec.json.encode({"window": window, "score": score, "parts": parts})
