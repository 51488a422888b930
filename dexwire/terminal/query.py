"""`dexwire query`: one page, as a table or as JSON."""

from __future__ import annotations

import time

import msgspec
from rich.console import Console

from dexwire.client import Client
from dexwire.client.ranking import WINDOWED, Ranking
from dexwire.terminal.table import BANNER, rows_table


async def query(client: Client, ranking: Ranking, *, as_json: bool) -> int:
    """Print the page. Raises ClientError."""
    async with client:
        page = await client.page(
            sort=ranking.sort,
            window=ranking.window if ranking.sort in WINDOWED else None,
            order=ranking.order,
            chain=ranking.chain,
            limit=ranking.limit,
        )
        if as_json:
            print(msgspec.json.encode(page).decode())
            return 0
        health = await client.health()
    console = Console(width=None if Console().is_terminal else 140)
    if health.get("demo"):
        console.print(BANNER, style="bold yellow")
    console.print(rows_table(page.tokens, ranking, time.time() * 1000))
    console.print(
        f"{len(page.tokens)} of {page.total}, version {page.version} of epoch {page.epoch}",
        style="dim",
        highlight=False,
    )
    return 0
