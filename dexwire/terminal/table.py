"""Rows as a table in the terminal. Pure: what is shown depends on the arguments alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from rich.table import Table
from rich.text import Text

from dexwire import format as fmt
from dexwire.client.events import State
from dexwire.client.ranking import WINDOWED, Ranking, score_field
from dexwire.client.rows import Row

BANNER: Final = "DEMO: replayed market, not live data"
FLASH_S: Final = 0.8  # a changed figure stays coloured for so long
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


def rows_table(
    rows: Sequence[Row], ranking: Ranking, now_ms: float, flashes: Flashes | None = None
) -> Table:
    """Return the table of a list; figures of its window, the sorted one marked."""
    window = ranking.window
    columns = (
        ("price", "price", fmt.price),
        (f"chg {window}", f"price_change_{window}", fmt.percent),
        (f"vol {window}", f"volume_{window}", fmt.amount),
        ("liquidity", "liquidity", fmt.amount),
        ("mcap", "market_cap", fmt.amount),
        (f"txns {window}", f"transactions_{window}", fmt.count),
    )
    sorted_by = score_field(ranking.sort, ranking.window)
    mark = " ▾" if ranking.order == "desc" else " ▴"
    table = Table(box=None, padding=(0, 1), header_style="bold", expand=False)
    table.add_column("#", justify="right", style="dim")
    table.add_column("token", no_wrap=True, max_width=24)
    table.add_column("chain", no_wrap=True)
    for title, name, _ in columns:
        table.add_column(title + (mark if name == sorted_by else ""), justify="right", no_wrap=True)
    table.add_column("age" + (mark if sorted_by == "created_ms" else ""), justify="right")
    now_s = now_ms / 1000
    for number, row in enumerate(rows, start=1):
        figures = cast("Mapping[str, Any]", row)
        cells = [
            _cell(figures, name, write(figures.get(name)), flashes, now_s)
            for _, name, write in columns
        ]
        created = figures.get("created_ms")
        table.add_row(
            str(number),
            _name(row),
            row.get("chain", fmt.UNKNOWN),
            *cells,
            fmt.age(None if created is None else now_ms - created),
            style="dim" if row.get("stale") else "",
        )
    return table


def status_line(ranking: Ranking, state: State, version: tuple[str, int], shown: int) -> Text:
    """Return one line: what is shown, how fresh it is, how far away the server is."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(state.status, style=f"bold {_STATUS_STYLE.get(state.status, 'red')}")
    if state.error:
        line.append(f" ({state.error})", style="red")
    of = ranking.sort + (f" {ranking.window}" if ranking.sort in WINDOWED else "")
    line.append(f"  {of} {ranking.order}  {ranking.chain or 'all chains'}  {shown} rows")
    line.append(f"  version {version[1]}", style="dim")
    line.append(f"  latency {_ms(state.latency_ms)}  data age {_ms(state.age_ms)}")
    line.append(f"  rtt {_ms(state.rtt_ms)}", style="dim")
    return line


def _cell(
    figures: Mapping[str, Any], name: str, text: str, flashes: Flashes | None, now_s: float
) -> Text:
    style = flashes.style(figures["id"], name, now_s) if flashes else ""
    value = figures.get(name)
    if not style and name.startswith("price_change") and value:
        style = "green" if value > 0 else "red"
    return Text(text, style=style)


def _name(row: Row) -> Text:
    """Ticker and name are whatever somebody has written on a chain: shown as plain text."""
    ticker, name = row.get("token_ticker"), row.get("token_name")
    said = " ".join(part for part in (ticker, name if name != ticker else None) if part)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in said)
    return Text(shown or row["id"])


def _ms(milliseconds: float | None) -> str:
    if milliseconds is None:
        return fmt.UNKNOWN
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else fmt.age(milliseconds)
