"""Rows as a table in the terminal. Pure: what is shown depends on the arguments alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, cast

from rich.table import Table
from rich.text import Text

from dexwire import format as fmt
from dexwire.client.events import State
from dexwire.client.ranking import Ranking, score_field
from dexwire.output import encodable
from dexwire.stream.rows import Row
from dexwire.stream.topics import WINDOWED
from dexwire.terminal.columns import Column, drawn, line

BANNER: Final = "DEMO: replayed market, not live data"
FLASH_S: Final = 0.8  # a changed figure stays coloured for so long
# Title, field, how it is written, when it leaves a narrow table, least width.
_Figure: TypeAlias = tuple[str, str, Callable[[float | None], str], int, int]
_STATUS_STYLE: Final = {"live": "green", "stale": "yellow", "resync": "yellow"}


class Flashes:
    """Which figures have just moved, and in which direction."""

    def __init__(self) -> None:
        self._seen: dict[str, Row] = {}
        self._moved: dict[tuple[str, str], tuple[float, int]] = {}

    def update(self, rows: Sequence[Row], now_s: float) -> None:
        """Compare with what was shown before; tokens that left are forgotten."""
        for row in rows:
            before = cast("Mapping[str, Any]", self._seen.get(row["id"], {}))
            for name, value in row.items():
                was = before.get(name)
                if isinstance(value, int | float) and isinstance(was, int | float) and value != was:
                    self._moved[row["id"], name] = (now_s, 1 if value > was else -1)
        self._seen = {row["id"]: row for row in rows}
        self._moved = {
            key: moved
            for key, moved in self._moved.items()
            if key[0] in self._seen and now_s - moved[0] < FLASH_S
        }

    def style(self, token_id: str, name: str, now_s: float) -> str:
        """Return the style of a figure: bold green or red while it has just moved."""
        at_s, direction = self._moved.get((token_id, name), (float("-inf"), 0))
        if now_s - at_s >= FLASH_S:
            return ""
        return "bold green" if direction > 0 else "bold red"


@dataclass(frozen=True, slots=True)
class Paper:
    """What a table is drawn on: its width in cells (None: as wide as it needs), its encoding."""

    width: int | None = None
    encoding: str = "utf-8"


def rows_table(
    rows: Sequence[Row],
    ranking: Ranking,
    now_ms: float,
    flashes: Flashes | None = None,
    paper: Paper = Paper(),
    *,
    quote: str | None = None,
) -> Table:
    """Return the table of a list; figures of its window, the sorted one marked.

    With `quote` the price in the chain's own coin stands beside the one in USD.
    What is too wide leaves by column, the least important one first, and no figure is cut.
    """
    sorted_by = score_field(ranking.sort, ranking.window)
    if ranking.sort == "trending":  # which no row has as a field
        rows = [cast("Row", {**row, sorted_by: ranking.score(row)}) for row in rows]
    mark = " ▾" if ranking.order == "desc" else " ▴"
    columns = [
        Column("#", [Text(str(n)) for n, _ in enumerate(rows, start=1)], leaves=10, style="dim"),
        Column("token", [_name(row) for row in rows], leaves=0, cut=True, left=True),
        Column("chain", [Text(row.get("chain", fmt.UNKNOWN)) for row in rows], leaves=8, left=True),
    ]
    figures = _figures(ranking.window, now_ms, quote)
    if all(name != sorted_by for _, name, *_ in figures):
        figures = (*figures[:1], _ranked_by(ranking, sorted_by, now_ms), *figures[1:])
    for title, name, write, leaves, least in figures:
        cells = [_cell(row, name, write, flashes, now_ms) for row in rows]
        marked = name == sorted_by
        columns.append(Column(title + mark * marked, cells, 0 if marked else leaves, least))
    shown = [replace(c, cells=[_encodable(text, paper) for text in c.cells]) for c in columns]
    return drawn(shown, ["dim" if row.get("stale") else "" for row in rows], paper.width)


def _figures(window: str, now_ms: float, quote: str | None) -> tuple[_Figure, ...]:
    """Return (title, field, how it is written, when it leaves, least width) of every figure."""
    native = f"in {quote}" if quote else ""
    return (
        ("price", "price", fmt.price, 1, 9),
        *([(native, "price_native", _coins, 1, 9)] if quote else []),
        (f"chg {window}", f"price_change_{window}", fmt.percent, 2, 9),
        (f"vol {window}", f"volume_{window}", fmt.amount, 3, 6),
        ("liquidity", "liquidity", fmt.amount, 4, 6),
        ("mcap", "market_cap", fmt.amount, 5, 6),
        (f"txns {window}", f"transactions_{window}", fmt.count, 9, 5),
        ("age", "created_ms", _since(now_ms), 6, 7),
    )


def _ranked_by(ranking: Ranking, field: str, now_ms: float) -> _Figure:
    """Return the figure of a sort whose figure is not shown otherwise."""
    title, write = {
        "trending": (f"trending {ranking.window}", fmt.count),
        "traders": (f"traders {ranking.window}", fmt.count),
        "holders": ("holders", fmt.count),
        "organic_score": ("organic", _whole),
        "graduation_pct": ("curve %", _whole),
        "graduated": ("graduated", _since(now_ms)),
    }[ranking.sort]
    return title, field, write, 0, 6


def _since(now_ms: float) -> Callable[[float | None], str]:
    return lambda at: fmt.age(None if at is None else now_ms - at)


def _whole(figure: float | None) -> str:
    return fmt.UNKNOWN if figure is None else f"{figure:.0f}"


def status_line(
    ranking: Ranking,
    state: State,
    version: tuple[str, int],
    shown: int,
    width: int | None = None,
) -> Text:
    """Return one line: what is shown, how fresh it is, how far away the server is."""
    status = Text(state.status, style=f"bold {_STATUS_STYLE.get(state.status, 'red')}")
    if state.error:
        status.append(f" ({state.error})", style="red")
    of = ranking.sort + (f" {ranking.window}" if ranking.sort in WINDOWED else "")
    parts = [
        (0, status),
        (1, Text(f"{of} {ranking.order}")),
        (3, Text(ranking.chain or "all chains")),
        (4, Text(f"{shown} rows")),
        (6, Text(f"version {version[1]}", style="dim")),
        (5, Text(f"latency {_ms(state.latency_ms)}")),
        (2, Text(f"data age {_ms(state.age_ms)}")),
        (7, Text(f"rtt {_ms(state.rtt_ms)}", style="dim")),
    ]
    return line(parts, width)


def _cell(
    row: Row,
    name: str,
    write: Callable[[float | None], str],
    flashes: Flashes | None,
    now_ms: float,
) -> Text:
    style = flashes.style(row["id"], name, now_ms / 1000) if flashes else ""
    value = cast("Mapping[str, Any]", row).get(name)
    if not style and name.startswith("price_change") and value:
        style = "green" if value > 0 else "red"
    return Text(write(value), style=style)


def _encodable(text: Text, paper: Paper) -> Text:
    return Text(encodable(text.plain, paper.encoding), style=text.style)


def _name(row: Row) -> Text:
    return Text(token_name(row) or row["id"])


def token_name(row: Mapping[str, Any]) -> str:
    """Return ticker and name as plain text; "" when there is neither.

    They are whatever somebody has written on a chain.
    """
    ticker, name = row.get("token_ticker"), row.get("token_name")
    text = " ".join(part for part in (ticker, name if name != ticker else None) if part)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _coins(price: float | None) -> str:
    return fmt.price(price).replace("$", "")


def _ms(milliseconds: float | None) -> str:
    if milliseconds is None:
        return fmt.UNKNOWN
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else fmt.age(milliseconds)
