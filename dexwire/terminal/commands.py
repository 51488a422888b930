"""The terminal commands as typer sees them. What they need is loaded when one of them runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from dexwire.parts import missing_server
from dexwire.stream.topics import ALERTS, ALL, LIST_FORM, LIST_SIZES, WATCHLIST
from dexwire.terminal import options
from dexwire.terminal.options import FILTERS


def add_commands(app: typer.Typer) -> None:
    """Add every command of this package."""
    app.command()(top)
    app.command()(tail)
    app.command()(query)
    app.command()(conformance)


def top(
    *,
    sort: options.Sort = "volume",
    window: options.Window = "24h",
    asc: options.Ascending = False,
    chain: options.Chain = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_SIZES[-1], help="Rows.")] = 50,
    url: options.Url = None,
    ws_url: options.WsUrl = None,
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
            help=f"{ALL}, chain:<chain>, token:<chain>:<address>, {LIST_FORM}, {WATCHLIST}, "
            f"{ALERTS}, {ALERTS}:<chain>, ...",
        ),
    ],
    *,
    watch: Annotated[
        list[str] | None, typer.Option(help="An id of the topic `tokens`; may be repeated.")
    ] = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    ws_url: options.WsUrl = None,
) -> None:
    """Print what topics of the stream say, one event a line, until Ctrl-C."""
    follow = _load("dexwire.terminal.tail", "tail")
    _run(lambda client: follow(client, topics, watch or [], as_json=as_json), url, ws_url)


def query(
    *,
    sort: options.Sort = "volume",
    window: options.Window = "24h",
    order: options.Order = "desc",
    asc: options.SameAsAscending = False,
    chain: options.Chain = None,
    limit: options.PageSize = None,
    cursor: options.Cursor = None,
    every: options.EveryPage = False,
    quote: options.Quote = None,
    explain: options.Explain = False,
    spark: options.Spark = False,
    q: options.Words = None,
    has: options.Has = None,
    not_: options.Not = None,
    stage: options.Stage = None,
    launchpad: options.Launchpad = None,
    protocol: options.Protocol = None,
    source: options.Source = None,
    min_price: options.MinPrice = None,
    max_price: options.MaxPrice = None,
    min_liquidity: options.MinLiquidity = None,
    max_liquidity: options.MaxLiquidity = None,
    min_market_cap: options.MinMarketCap = None,
    max_market_cap: options.MaxMarketCap = None,
    min_volume: options.MinVolume = None,
    max_volume: options.MaxVolume = None,
    min_price_change: options.MinPriceChange = None,
    max_price_change: options.MaxPriceChange = None,
    min_transactions: options.MinTransactions = None,
    max_transactions: options.MaxTransactions = None,
    min_age_minutes: options.MinAgeMinutes = None,
    max_age_minutes: options.MaxAgeMinutes = None,
    min_traders: options.MinTraders = None,
    max_traders: options.MaxTraders = None,
    min_net_buyers: options.MinNetBuyers = None,
    max_net_buyers: options.MaxNetBuyers = None,
    min_buy_volume: options.MinBuyVolume = None,
    max_buy_volume: options.MaxBuyVolume = None,
    min_sell_volume: options.MinSellVolume = None,
    max_sell_volume: options.MaxSellVolume = None,
    min_organic_volume: options.MinOrganicVolume = None,
    max_organic_volume: options.MaxOrganicVolume = None,
    min_fdv: options.MinFdv = None,
    max_fdv: options.MaxFdv = None,
    min_price_change_7d: options.MinPriceChange7d = None,
    max_price_change_7d: options.MaxPriceChange7d = None,
    min_holders: options.MinHolders = None,
    max_holders: options.MaxHolders = None,
    min_top_holders_pct: options.MinTopHoldersPct = None,
    max_top_holders_pct: options.MaxTopHoldersPct = None,
    min_dev_pct: options.MinDevPct = None,
    max_dev_pct: options.MaxDevPct = None,
    min_dev_mints: options.MinDevMints = None,
    max_dev_mints: options.MaxDevMints = None,
    min_organic_score: options.MinOrganicScore = None,
    max_organic_score: options.MaxOrganicScore = None,
    min_boosts: options.MinBoosts = None,
    max_boosts: options.MaxBoosts = None,
    min_graduation_pct: options.MinGraduationPct = None,
    max_graduation_pct: options.MaxGraduationPct = None,
    min_graduated_minutes: options.MinGraduatedMinutes = None,
    max_graduated_minutes: options.MaxGraduatedMinutes = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
) -> None:
    """Print one page of the list, or all of them."""
    given = {name: value for name, value in locals().items() if name in FILTERS}
    filters = {name: value for name, value in given.items() if value is not None}
    size = limit or (100 if every else 20)
    ranking = _ranking(sort, window, asc=asc or order == "asc", chain=chain, limit=size)
    show = _load("dexwire.terminal.query", "query")
    _run(
        lambda client: show(
            client,
            ranking,
            filters,
            cursor,
            quote=quote,
            explain=explain and sort == "trending",
            spark=spark,
            every=every,
            as_json=as_json,
        ),
        url,
        None,
    )


def conformance(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the api.")],
    *,
    ws_url: options.WsUrl = None,
    redis_url: Annotated[
        str | None, typer.Option(help="Also compare with the store on this server.")
    ] = None,
    redis_prefix: Annotated[str, typer.Option(help="Prefix of its keys.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="How long to follow the stream.")] = 10.0,
    as_json: options.AsJson = False,
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


def _ranking(sort: str, window: str, *, asc: bool, chain: str | None, limit: int) -> Any:  # noqa: ANN401 - dexwire.client.ranking.Ranking, loaded here
    return _load("dexwire.client.ranking", "Ranking")(
        sort, window, "asc" if asc else "desc", chain, limit
    )


def _run(main: Callable[[Any], Any], url: str | None, ws_url: str | None) -> None:
    address = importlib.import_module("dexwire.terminal.address")

    async def command() -> int:
        code: int = await main(address.client_for(url, ws_url))
        return code

    raise typer.Exit(address.run(command()))
