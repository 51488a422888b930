"""Options that several terminal commands have, and the filters of `dexwire query`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from dexwire.stream import topics

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
Sort = Annotated[topics.Sort, typer.Option(help="What the list is sorted by.")]
Window = Annotated[topics.Window, typer.Option(help="The span of time that the figures are of.")]
Order = Annotated[topics.Order, typer.Option(help="The direction of the sort.")]
Ascending = Annotated[bool, typer.Option("--asc", help="The smallest first.")]
SameAsAscending = Annotated[bool, typer.Option("--asc", help="The same as --order asc.")]
Chain = Annotated[str | None, typer.Option(help="Only this chain.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# -- of `query` ------------------------------------------------------------------------------------
PageSize = Annotated[
    int | None,
    typer.Option(min=1, max=100, help="Rows of a page. Default: 20, with --all 100."),
]
Cursor = Annotated[
    str | None, typer.Option(help="The page that follows this cursor of an earlier page.")
]
EveryPage = Annotated[bool, typer.Option("--all", help="Every page; with --json, one page a line.")]
Quote = Annotated[
    str | None,
    typer.Option(help="Also the price in the chain's own coin: native, SOL, ETH, BNB, ..."),
]
Words = Annotated[str | None, _filter("Words in the ticker or the name.")]
Protocol = Annotated[str | None, _filter("Only tokens of this protocol.")]
Source = Annotated[str | None, _filter("Only tokens that this source knows.")]
MinPrice = Annotated[float | None, _filter("Lowest price in USD.")]
MaxPrice = Annotated[float | None, _filter("Highest price in USD.")]
MinLiquidity = Annotated[float | None, _filter("Lowest liquidity in USD.")]
MaxLiquidity = Annotated[float | None, _filter("Highest liquidity in USD.")]
MinMarketCap = Annotated[float | None, _filter("Lowest market cap in USD.")]
MaxMarketCap = Annotated[float | None, _filter("Highest market cap in USD.")]
MinVolume = Annotated[float | None, _filter("Lowest volume of the window in USD.")]
MaxVolume = Annotated[float | None, _filter("Highest volume of the window in USD.")]
MinPriceChange = Annotated[float | None, _filter("Lowest price change in the window, in percent.")]
MaxPriceChange = Annotated[float | None, _filter("Highest price change in the window, in percent.")]
MinTransactions = Annotated[float | None, _filter("Lowest number of transactions in the window.")]
MaxTransactions = Annotated[float | None, _filter("Highest number of transactions in the window.")]
MinAgeMinutes = Annotated[float | None, _filter("Lowest age in minutes.")]
MaxAgeMinutes = Annotated[float | None, _filter("Highest age in minutes.")]
