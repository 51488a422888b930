"""Options that several terminal commands have, and the filters of `dexwire query`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from dexwire.stream import topics
from dexwire.stream.figures import FIGURES, MARKS, STAGES

FILTERS: Final = (
    *(f"{end}_{figure}" for figure in FIGURES for end in ("min", "max")),
    "q", "has", "not_", "stage", "launchpad", "protocol", "source",
)  # fmt: skip


_PANEL: Final = "Filters"


def _filter(text: str) -> Any:  # noqa: ANN401 - typer's own
    return typer.Option(help=text, rich_help_panel=_PANEL)


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
Explain = Annotated[
    bool, typer.Option("--explain", help="With --json, the parts of the trending score.")
]
Spark = Annotated[
    bool, typer.Option("--spark", help="With --json, the hourly closes of the last 24 hours.")
]
Words = Annotated[str | None, _filter("Words in the ticker or the name.")]
Has = Annotated[
    str | None,
    _filter(f"Only tokens of which all of these are known, joined by commas: {', '.join(MARKS)}."),
]
Not = Annotated[
    str | None,
    typer.Option("--not", help="No tokens of which one of these is known.", rich_help_panel=_PANEL),
]
Stage = Annotated[
    str | None, _filter(f"Only tokens in one of these, joined by commas: {', '.join(STAGES)}.")
]
Launchpad = Annotated[str | None, _filter("Only tokens of this launchpad.")]
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
MinTraders = Annotated[float | None, _filter("Lowest number of people who traded in the window.")]
MaxTraders = Annotated[float | None, _filter("Highest number of people who traded in the window.")]
MinNetBuyers = Annotated[float | None, _filter("Lowest number of net buyers in the window.")]
MaxNetBuyers = Annotated[float | None, _filter("Highest number of net buyers in the window.")]
MinBuyVolume = Annotated[float | None, _filter("Lowest volume of buys in the window in USD.")]
MaxBuyVolume = Annotated[float | None, _filter("Highest volume of buys in the window in USD.")]
MinSellVolume = Annotated[float | None, _filter("Lowest volume of sells in the window in USD.")]
MaxSellVolume = Annotated[float | None, _filter("Highest volume of sells in the window in USD.")]
MinOrganicVolume = Annotated[float | None, _filter("Lowest organic volume of the window in USD.")]
MaxOrganicVolume = Annotated[float | None, _filter("Highest organic volume of the window in USD.")]
MinFdv = Annotated[float | None, _filter("Lowest fully diluted value in USD.")]
MaxFdv = Annotated[float | None, _filter("Highest fully diluted value in USD.")]
MinPriceChange7d = Annotated[float | None, _filter("Lowest price change in 7 days, in percent.")]
MaxPriceChange7d = Annotated[float | None, _filter("Highest price change in 7 days, in percent.")]
MinHolders = Annotated[float | None, _filter("Lowest number of holders.")]
MaxHolders = Annotated[float | None, _filter("Highest number of holders.")]
MinTopHoldersPct = Annotated[float | None, _filter("Lowest share of the top holders, in percent.")]
MaxTopHoldersPct = Annotated[float | None, _filter("Highest share of the top holders, in percent.")]
MinDevPct = Annotated[float | None, _filter("Lowest share of the maker, in percent.")]
MaxDevPct = Annotated[float | None, _filter("Highest share of the maker, in percent.")]
MinDevMints = Annotated[float | None, _filter("Lowest number of tokens of the same maker.")]
MaxDevMints = Annotated[float | None, _filter("Highest number of tokens of the same maker.")]
MinOrganicScore = Annotated[float | None, _filter("Lowest organic score, 0 to 100.")]
MaxOrganicScore = Annotated[float | None, _filter("Highest organic score, 0 to 100.")]
MinBoosts = Annotated[float | None, _filter("Lowest number of active boosts.")]
MaxBoosts = Annotated[float | None, _filter("Highest number of active boosts.")]
MinGraduationPct = Annotated[float | None, _filter("Lowest progress on the curve, in percent.")]
MaxGraduationPct = Annotated[float | None, _filter("Highest progress on the curve, in percent.")]
MinGraduatedMinutes = Annotated[float | None, _filter("Lowest minutes since the graduation.")]
MaxGraduatedMinutes = Annotated[float | None, _filter("Highest minutes since the graduation.")]
