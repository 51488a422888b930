"""What a list must hold at a state, as docs/HTTP.md and docs/STREAM.md say it. Pure."""

from __future__ import annotations

import random
from typing import Any, Final, NamedTuple

from tests.chaos.history import Row, State

_WINDOWED: Final = {"volume", "price_change", "transactions"}
_SORTS: Final = ("volume", "liquidity", "market_cap", "price_change", "transactions", "newest")
_WINDOWS: Final = ("5m", "1h", "6h", "24h")


class Query(NamedTuple):
    """One list: its figure, its direction, and what may be in it."""

    sort: str
    window: str
    order: str
    chain: str = ""
    at_least: tuple[str, float] | None = None  # a figure without a window, and its least value

    @property
    def field(self) -> str:
        if self.sort == "newest":
            return "created_ms"
        return f"{self.sort}_{self.window}" if self.sort in _WINDOWED else self.sort

    def parameters(self) -> dict[str, Any]:
        """Return it as `/discover` takes it."""
        given: dict[str, Any] = {"sort": self.sort, "order": self.order}
        if self.sort in _WINDOWED:
            given["window"] = self.window
        if self.chain:
            given["chain"] = self.chain
        if self.at_least:
            given[f"min_{self.at_least[0]}"] = f"{self.at_least[1]:g}"
        return given

    def topic(self, count: int) -> str:
        """Return the topic of its first rows."""
        window = self.window if self.sort in _WINDOWED else "-"
        return f"list:{self.sort}:{window}:{self.order}:{self.chain or '*'}:{count}"


def draw(dice: random.Random, *, filters: bool = True) -> Query:
    """Return some list."""
    chain = dice.choice(("", "", "", "solana", "base", "ethereum"))
    least = dice.choice((None, None, ("liquidity", 1_000.0), ("price", 0.01)))
    return Query(
        dice.choice(_SORTS),
        dice.choice(_WINDOWS),
        dice.choice(("desc", "desc", "asc")),
        chain,
        least if filters else None,
    )


def passes(query: Query, row: Row) -> bool:
    """Whether a row belongs to a list."""
    if query.field not in row or (query.chain and row["chain"] != query.chain):
        return False
    return query.at_least is None or row.get(query.at_least[0], -1.0) >= query.at_least[1]


def listed(query: Query, state: State) -> list[str]:
    """Return the ids of a list, in order; equal figures go by id, in the same direction."""
    found = [
        (held.row[query.field], ident)
        for ident, held in state.rows.items()
        if passes(query, held.row)
    ]
    return [ident for _, ident in sorted(found, reverse=query.order == "desc")]


def topic_rows(topic: str, state: State, watch: tuple[str, ...] = ()) -> dict[str, Row]:
    """Return the rows of a topic, a list's in order."""
    kind, _, rest = topic.partition(":")
    rows = state.rows
    if kind == "tokens":
        return {ident: rows[ident].row for ident in watch if ident in rows}
    if kind == "token":
        return {rest: rows[rest].row} if rest in rows else {}
    if kind == "list":
        sort, window, order, chain, count = rest.split(":")
        query = Query(sort, window, order, "" if chain == "*" else chain)
        return {ident: rows[ident].row for ident in listed(query, state)[: int(count)]}
    return {i: held.row for i, held in rows.items() if not rest or held.row["chain"] == rest}
