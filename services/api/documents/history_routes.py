"""The routes of what was recorded, as users see them."""

from __future__ import annotations

from typing import Final

from services.api.documents import history_schemas as schemas
from services.api.documents.operation import (
    CHAIN,
    OF_A_TOKEN,
    QUERY,
    Operation,
    Parameter,
    Schema,
    one_of,
)
from services.api.history import query
from shared.history.candle import INTERVALS

# What is smaller counts seconds.
_TIME: Final[Schema] = {
    "type": "integer",
    "minimum": 1_000_000_000_000,
    "maximum": 999_999_999_999_999,
}
_A_TIME: Final = 1_795_768_390_123
_FROM: Final = Parameter("from", _TIME, "Not before this time, in Unix milliseconds.")
_TO: Final = Parameter("to", _TIME, "Before this time; by default the end of what is recorded.")
_DOWN: Final = {429: ("rate",), 503: ("history_off", "history_down", "overloaded")}
_OF_A_TOKEN: Final = {
    404: ("unknown_token", "not_found"),
    **_DOWN,
}
_CODES: Final = (*QUERY, "bad_chain", "bad_address", "bad_from", "bad_to", "bad_limit")


def _limit(most: int, default: int, what: str) -> Parameter:
    schema: Schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Parameter("limit", schema, what)


HISTORY: Final = (
    Operation(
        "/tokens/{chain}/{address}/candles",
        "candles",
        "Candles of one token: samples of its price, not trades",
        {200: schemas.Candles},
        {400: (*_CODES, "bad_interval", "bad_fill"), **_OF_A_TOKEN},
        tag="history",
        description=(
            "The newest `limit` intervals before `to`, oldest first. Nothing is filled in: `gaps` "
            "names the intervals without a sample, and why. `volume` is a source's own trailing "
            "window near the close (`volume_basis`), absent where there is none. See "
            "docs/HISTORY.md."
        ),
        parameters=(
            *OF_A_TOKEN,
            Parameter("interval", one_of(*INTERVALS, default="5m"), "Of one candle."),
            _FROM,
            _TO,
            _limit(query.CANDLES_MAX, query.CANDLES_DEFAULT, "Intervals, at most."),
            Parameter(
                "fill", one_of("previous"), "Draws missing candles at the last close, marked."
            ),
        ),
        tagged=True,
        table=True,
    ),
    Operation(
        "/tokens/{chain}/{address}/alerts",
        "alerts",
        "Alerts of one token, as they were on the stream",
        {200: schemas.PastAlerts},
        {400: _CODES, **_OF_A_TOKEN},
        tag="history",
        parameters=(
            *OF_A_TOKEN,
            _FROM,
            _TO,
            _limit(query.ALERTS_MAX, query.ALERTS_DEFAULT, "Of the alerts the newest so many."),
        ),
    ),
    Operation(
        "/history/discover",
        "discover_at",
        "The list as it was at a time",
        {200: schemas.PastList},
        {
            400: (
                *QUERY,
                *("bad_at_ms", "bad_sort", "bad_window", "bad_order", "bad_chain", "bad_limit"),
            ),
            404: ("not_recorded",),
            **_DOWN,
        },
        tag="history",
        description=(
            "Each token as it was last sampled before `at_ms`, tokens that are gone since "
            "included. A token is in the list when the figure that sorts it is known."
        ),
        parameters=(
            Parameter(
                "at_ms", _TIME, "The time, in Unix milliseconds.", required=True, example=_A_TIME
            ),
            Parameter("sort", one_of(*query.SORTS, default="volume"), "What it is ordered by."),
            Parameter(
                "window",
                one_of(*query.WINDOWS, default="24h"),
                "Of volume and price_change; the latter has no `5m`.",
            ),
            Parameter("order", one_of("desc", "asc", default="desc"), "Its direction."),
            Parameter("chain", CHAIN, "Tokens of one chain.", example="solana"),
            _limit(query.PAST_MAX, query.PAST_DEFAULT, "Rows."),
        ),
        tagged=True,
    ),
)
