"""`dexwire query`: pages, as a table or as JSON."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec
from rich.console import Console

from dexwire.client import Client, Page, Row
from dexwire.client.ranking import Ranking
from dexwire.output import print_json
from dexwire.stream.figures import WINDOWED_FIGURES
from dexwire.stream.topics import WINDOWED
from dexwire.terminal.table import BANNER, Paper, rows_table

_WINDOWED: Final = frozenset((*WINDOWED, *WINDOWED_FIGURES))
_WIDE: Final = 240  # of what nobody looks at through a terminal: nothing has to leave


async def query(
    client: Client,
    ranking: Ranking,
    filters: Mapping[str, Any],
    cursor: str | None,
    *,
    quote: str | None = None,
    explain: bool = False,
    spark: bool = False,
    every: bool,
    as_json: bool,
) -> int:
    """Print one page, or with `every` all from `cursor` on. Raises ClientError."""
    rows: list[Row] = []
    last: Page | None = None
    async with client:
        given = {**filters, "quote": quote, "explain": explain, "spark": spark}
        async for page in _pages(client, ranking, given, cursor):
            if as_json:
                print_json(msgspec.json.encode(page))
            rows += page.tokens
            last = page
            if not every:
                break
        demo = not as_json and bool((await client.health()).get("demo"))
    if last is not None and not as_json:
        _print_table(rows, ranking, last, quote=quote, demo=demo)
    return 0


async def _pages(
    client: Client,
    ranking: Ranking,
    given: Mapping[str, Any],
    cursor: str | None,
) -> AsyncIterator[Page]:
    figures = {ranking.sort, *(name.partition("_")[2] for name in given)}
    while True:
        page = await client.page(
            sort=ranking.sort,
            window=ranking.window if figures.intersection(_WINDOWED) else None,
            order=ranking.order,
            chain=ranking.chain,
            limit=ranking.limit,
            cursor=cursor,
            **given,
        )
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def _print_table(
    rows: list[Row], ranking: Ranking, last: Page, *, quote: str | None, demo: bool
) -> None:
    console = console_of_output()
    if demo:
        console.print(BANNER, style="bold yellow")
    paper = Paper(console.width, console.encoding)
    console.print(rows_table(rows, ranking, time.time() * 1000, paper=paper, quote=quote))
    console.print(
        f"{len(rows)} of {last.total}, version {last.version} of epoch {last.epoch}",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )
    if last.next_cursor is not None:
        more = f"next page: --cursor {last.next_cursor}"
        console.print(more, style="dim", highlight=False, soft_wrap=True)


def console_of_output() -> Console:
    """Return standard output: as wide as its terminal or COLUMNS, else wide enough for all."""
    console = Console()
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Console(width=_WIDE)
