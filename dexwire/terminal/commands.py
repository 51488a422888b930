"""The terminal commands as typer sees them. What they need is loaded when one of them runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from dexwire.parts import missing_server


class SortName(StrEnum):
    """What a list is sorted by."""

    volume = "volume"
    liquidity = "liquidity"
    market_cap = "market_cap"
    price_change = "price_change"
    transactions = "transactions"
    newest = "newest"


class WindowName(StrEnum):
    """The span of time that its figures are of."""

    m5 = "5m"
    h1 = "1h"
    h6 = "6h"
    h24 = "24h"


Url = Annotated[
    str | None,
    typer.Option(
        help="Address of the api. Default: the `dexwire up` of this folder, else "
        "http://127.0.0.1:8000."
    ),
]
WsUrl = Annotated[
    str | None, typer.Option(help="Address of the stream, where it is not beside the api's.")
]
Sort = Annotated[SortName, typer.Option(help="What the list is sorted by.")]
Window = Annotated[WindowName, typer.Option(help="The span of time that the figures are of.")]
Ascending = Annotated[bool, typer.Option("--asc", help="The smallest first.")]
Chain = Annotated[str | None, typer.Option(help="Only this chain.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_commands(app: typer.Typer) -> None:
    """Add every command of this package."""
    app.command()(top)
    app.command()(tail)
    app.command()(query)
    app.command()(conformance)


def top(
    *,
    sort: Sort = SortName.volume,
    window: Window = WindowName.h24,
    asc: Ascending = False,
    chain: Chain = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Rows.")] = 50,
    url: Url = None,
    ws_url: WsUrl = None,
) -> None:
    """Show the list live in the terminal; keys sort it, q or Ctrl-C ends it."""
    show = _load("dexwire.terminal.top", "top")
    _run(
        lambda client: show(client, _ranking(sort, window, asc=asc, chain=chain, limit=limit)),
        url,
        ws_url,
    )


def tail(
    topics: Annotated[
        list[str],
        typer.Argument(
            metavar="TOPIC…",
            help="all, chain:<chain>, token:<chain>:<address>, "
            "list:<sort>:<window>:<order>:<chain|*>:<n>, tokens, alerts, alerts:<chain>, …",
        ),
    ],
    *,
    watch: Annotated[
        list[str] | None, typer.Option(help="An id of the topic `tokens`; may be repeated.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    ws_url: WsUrl = None,
) -> None:
    """Print what topics of the stream say, one event a line, until Ctrl-C."""
    follow = _load("dexwire.terminal.tail", "tail")
    _run(lambda client: follow(client, topics, watch or [], as_json=as_json), url, ws_url)


def query(
    *,
    sort: Sort = SortName.volume,
    window: Window = WindowName.h24,
    asc: Ascending = False,
    chain: Chain = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Rows.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print one page of the list."""
    ask = _load("dexwire.terminal.query", "query")
    ranking = _ranking(sort, window, asc=asc, chain=chain, limit=limit)
    _run(lambda client: ask(client, ranking, as_json=as_json), url, None)


def conformance(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the api.")],
    *,
    ws_url: WsUrl = None,
    redis_url: Annotated[
        str | None, typer.Option(help="Also compare with the store on this server.")
    ] = None,
    redis_prefix: Annotated[str, typer.Option(help="Prefix of its keys.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="How long to follow the stream.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Check a running deployment's stream against its pages and store. Exit 1: it fails."""
    check = _load("dexwire.conformance.run", "conformance")
    store = None if redis_url is None else _store_at(redis_url, redis_prefix)
    _run(lambda client: check(client, store=store, seconds=seconds, as_json=as_json), url, ws_url)


def _store_at(url: str, prefix: str) -> Any:  # noqa: ANN401 - dexwire.conformance.run.StoreCheck
    why = missing_server()
    if why:
        print(f"dexwire conformance --redis-url: {why}", file=sys.stderr)
        raise typer.Exit(1)
    store_at = _load("dexwire.server.store_check", "store_at")
    return _load("dexwire.server.commands", "or_exit")(lambda: store_at(url, prefix))


def _load(module: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def _ranking(
    sort: SortName, window: WindowName, *, asc: bool, chain: str | None, limit: int
) -> Any:  # noqa: ANN401 - dexwire.client.ranking.Ranking, loaded here
    return _load("dexwire.client.ranking", "Ranking")(
        sort.value, window.value, "asc" if asc else "desc", chain, limit
    )


def _run(main: Callable[[Any], Any], url: str | None, ws_url: str | None) -> None:
    address = importlib.import_module("dexwire.terminal.address")

    async def command() -> int:
        code: int = await main(address.client_for(url, ws_url))
        return code

    raise typer.Exit(address.run(command()))
