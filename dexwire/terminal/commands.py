"""The terminal commands as typer sees them. What they need is loaded when one of them runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final

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


class OrderName(StrEnum):
    """The direction of a list."""

    desc = "desc"
    asc = "asc"


class WindowName(StrEnum):
    """The span of time that its figures are of."""

    m5 = "5m"
    h1 = "1h"
    h6 = "6h"
    h24 = "24h"


FIGURES: Final = (
    "price", "liquidity", "market_cap", "volume", "price_change", "transactions", "age_minutes",
)  # fmt: skip
FILTERS: Final = (
    *(f"{end}_{figure}" for figure in FIGURES for end in ("min", "max")),
    "q", "protocol", "source",
)  # fmt: skip


def _filter(text: str) -> Any:  # noqa: ANN401 - typer's own
    return typer.Option(help=text, rich_help_panel="Filters")


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
            metavar="TOPIC...",
            help="all, chain:<chain>, token:<chain>:<address>, "
            "list:<sort>:<window>:<order>:<chain|*>:<n>, tokens, alerts, alerts:<chain>, ...",
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
    order: Annotated[OrderName, typer.Option(help="The direction of the sort.")] = OrderName.desc,
    asc: Annotated[bool, typer.Option("--asc", help="The same as --order asc.")] = False,
    chain: Chain = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Rows of a page. Default: 20, with --all 100."),
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(help="The page that follows this cursor of an earlier page.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every page; with --json, one page a line.")
    ] = False,
    quote: Annotated[
        str | None,
        typer.Option(help="Also the price in the chain's own coin: native, SOL, ETH, BNB, ..."),
    ] = None,
    q: Annotated[str | None, _filter("Words in the ticker or the name.")] = None,
    protocol: Annotated[str | None, _filter("Only tokens of this protocol.")] = None,
    source: Annotated[str | None, _filter("Only tokens that this source knows.")] = None,
    min_price: Annotated[float | None, _filter("Lowest price in USD.")] = None,
    max_price: Annotated[float | None, _filter("Highest price in USD.")] = None,
    min_liquidity: Annotated[float | None, _filter("Lowest liquidity in USD.")] = None,
    max_liquidity: Annotated[float | None, _filter("Highest liquidity in USD.")] = None,
    min_market_cap: Annotated[float | None, _filter("Lowest market cap in USD.")] = None,
    max_market_cap: Annotated[float | None, _filter("Highest market cap in USD.")] = None,
    min_volume: Annotated[float | None, _filter("Lowest volume of the window in USD.")] = None,
    max_volume: Annotated[float | None, _filter("Highest volume of the window in USD.")] = None,
    min_price_change: Annotated[
        float | None, _filter("Lowest price change in the window, in percent.")
    ] = None,
    max_price_change: Annotated[
        float | None, _filter("Highest price change in the window, in percent.")
    ] = None,
    min_transactions: Annotated[
        float | None, _filter("Lowest number of transactions in the window.")
    ] = None,
    max_transactions: Annotated[
        float | None, _filter("Highest number of transactions in the window.")
    ] = None,
    min_age_minutes: Annotated[float | None, _filter("Lowest age in minutes.")] = None,
    max_age_minutes: Annotated[float | None, _filter("Highest age in minutes.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print one page of the list, or all of them."""
    given = {name: value for name, value in locals().items() if name in FILTERS}
    filters = {name: value for name, value in given.items() if value is not None}
    direction = "asc" if asc else order.value
    size = limit or (100 if every else 20)
    ranking = _load("dexwire.client.ranking", "Ranking")(
        sort.value, window.value, direction, chain, size
    )
    show = _load("dexwire.terminal.query", "query")
    _run(
        lambda client: show(
            client, ranking, filters, cursor, quote=quote, every=every, as_json=as_json
        ),
        url,
        None,
    )


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
