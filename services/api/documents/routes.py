"""The routes as users see them: parameters, answers, errors. `openapi.json` is made of this."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dexwire.stream.figures import FIGURES, MARKS, SIGNED, STAGES, WINDOWED_FIGURES
from services.api.discover import filters, query
from services.api.documents import schemas
from services.api.documents.history_routes import HISTORY
from services.api.documents.operation import (
    CHAIN,
    EXAMPLE,
    OF_A_TOKEN,
    QUERY,
    READ,
    STORE,
    Operation,
    Parameter,
    Schema,
    matching,
    one_of,
)
from services.api.ingest.endpoint import BATCH_ID
from services.api.search import name_index as texts
from shared.model import SORTS, WINDOWED, WINDOWS

TAGS: Final = {
    "tokens": "The list, the search, and one token.",
    "history": "What was recorded: samples, never trades.",
    "ingest": "Readings of your own.",
    "health": "How the pipeline and this process are.",
}
_Q: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": texts.TEXT_MAX}
_LIMIT: Final = Parameter(
    "limit",
    {"type": "integer", "minimum": 0, "maximum": query.LIMIT_MAX, "default": query.LIMIT_DEFAULT},
    "Rows of a page; 0: the `total` alone.",
)
_WINDOW: Final = one_of(*reversed(WINDOWS), default="24h")
_WINDOWED: Final = tuple(dict.fromkeys((*WINDOWED, *WINDOWED_FIGURES)))
_QUOTE: Final = Parameter(
    "quote",
    {"type": "string", "minLength": 1, "maxLength": 16},
    "Adds `price_native` and `market_cap_native`: `native`, of every row in its chain's own coin; "
    "`SOL`, `ETH`, `BNB` …, of rows of the chains whose coin it is.",
    example="SOL",
)
_OPAQUE: Final = "([0-9]{1,15}|[A-Za-z0-9_-]{64,2048})"

_UNITS: Final = {
    "price": "USD",
    "liquidity": "USD",
    "market_cap": "USD",
    "fdv": "USD",
    "volume": "USD, in the window",
    "price_change": "percent, in the window",
    "transactions": "count, in the window",
    "traders": "count of people, in the window",
    "net_buyers": "count, in the window; below zero: more sold",
    "buy_volume": "USD, in the window",
    "sell_volume": "USD, in the window",
    "organic_volume": "USD, in the window",
    "price_change_7d": "percent",
    "holders": "count",
    "top_holders_pct": "percent of the supply",
    "dev_pct": "percent of the supply",
    "dev_mints": "count",
    "organic_score": "0 to 100",
    "boosts": "count",
    "graduation_pct": "percent of the curve",
    "age_minutes": "minutes since `created_ms`, at `as_of_ms`",
    "graduated_minutes": "minutes since `graduated_ms`, at `as_of_ms`",
}


def _ranges() -> tuple[Parameter, ...]:
    found = []
    for figure in FIGURES:
        schema = matching(filters.SIGNED_NUMBER if figure in SIGNED else filters.NUMBER)
        for end, word in (("min", "least"), ("max", "most")):
            description = f"At {word} so much: {_UNITS[figure]}."
            found.append(Parameter(f"{end}_{figure}", schema, description))
    return tuple(found)


def _list_of(words: tuple[str, ...]) -> Schema:
    one = f"({'|'.join(words)})"
    return matching(f"{one}(,{one})*")


_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": filters.NAME_MAX}
_FILTERED: Final = (
    *_ranges(),
    Parameter(
        "has", _list_of(MARKS), "Tokens of which all of these are known.", example="verified"
    ),
    Parameter(
        "not",
        _list_of(MARKS),
        "Tokens of which none of these is known.",
        example="suspicious,drained",
    ),
    Parameter("stage", _list_of(STAGES), "Tokens in one of these stages.", example="curve"),
    Parameter("launchpad", _NAME, "Tokens of one launchpad, in any case.", example="pump.fun"),
    Parameter(
        "protocol", _NAME, "Tokens of one exchange or launchpad, in any case.", example="raydium"
    ),
    Parameter("source", matching(filters.SOURCE), "Tokens that this source speaks of."),
)
_FILTERS: Final = (
    *("bad_number", "bad_has", "bad_not", "bad_stage", "bad_launchpad", "bad_protocol"),
    *("bad_source", "bad_q"),
)
_FULL: Final = ("storage_full", "storage_readonly")
# What any request may be answered, whatever it asks for.
EVERYWHERE: Final = {
    400: ("bad_request", "bad_host", "framing_too_large"),
    408: ("slow_header",),
    414: ("uri_too_long",),
    429: ("too_many_connections",),
    431: ("header_too_large",),
    500: ("internal",),
}

_DISCOVER: Final = Operation(
    "/discover",
    "discover",
    "The list: sorted, filtered, page by page",
    {200: schemas.Page},
    {
        400: (
            *QUERY,
            *("bad_sort", "bad_window", "bad_order", "bad_chain", "bad_limit", "bad_cursor"),
            *("bad_quote", "bad_explain", "bad_spark"),
            *_FILTERS,
        ),
        410: ("cursor_expired",),
        429: ("rate", "too_many_walks"),
        503: (*READ, *_FULL),
    },
    description=(
        "A token is in the list when the figure that sorts it is known, and every filter "
        "passes: both ends of a range are included, and what is unknown is in no range. "
        "`has` takes what is known to be so, `not` also what is unknown. "
        "Figures with a window follow `window`. Names of similar systems are taken too: `sortBy`, "
        "`timeframe`, `period`, `offset`, `minVolume`, `sort=marketcap`, `sort=volume_24h` and the "
        "like. See docs/HTTP.md and docs/COMING_FROM.md."
    ),
    parameters=(
        Parameter("sort", one_of(*SORTS, default="volume"), "What the list is ordered by."),
        Parameter(
            "window",
            _WINDOW,
            f"Of {', '.join(_WINDOWED[:-1])} and {_WINDOWED[-1]}, in `sort` and in filters.",
        ),
        Parameter("order", one_of("desc", "asc", default="desc"), "Its direction."),
        Parameter("chain", CHAIN, "Tokens of one chain.", example="solana"),
        _LIMIT,
        Parameter(
            "cursor",
            matching(_OPAQUE),
            "`nextCursor` of the page before; or a number of rows to pass over.",
        ),
        *_FILTERED,
        Parameter("q", _Q, "Tokens that `/search` would find.", example="pepe"),
        _QUOTE,
        Parameter(
            "explain",
            one_of("0", "1", default="0"),
            "1: rows show the parts of their trending score; with `sort=trending`.",
        ),
        Parameter(
            "spark",
            one_of("24h"),
            "Rows have 24 numbers: closes of the last 23 hours, and the price.",
        ),
    ),
    tagged=True,
    table=True,
)

OPERATIONS: Final = (
    _DISCOVER,
    replace(
        _DISCOVER,
        path="/tokens",
        name="tokens",
        summary="The list, as similar systems call it: the same as `/discover`",
    ),
    Operation(
        "/search",
        "search",
        "Tokens by address, ticker and name",
        {200: schemas.SearchPage},
        {
            400: (*QUERY, "bad_limit", "bad_window", "bad_quote", *_FILTERS),
            429: ("rate",),
            503: READ,
        },
        description=(
            "The best first: a whole address or id, the exact ticker, a ticker that begins so, "
            "names of which words begin so; within each by liquidity. Filters are those of "
            "`/discover`."
        ),
        parameters=(
            Parameter("q", _Q, "What to look for.", required=True, example="wif"),
            _LIMIT,
            Parameter("window", _WINDOW, "Of figures that have one, in filters."),
            *_FILTERED,
            _QUOTE,
        ),
        tagged=True,
    ),
    Operation(
        "/tokens/{chain}/{address}",
        "token",
        "One token, and what each source says of it",
        {200: schemas.TokenDetail},
        {
            400: (*QUERY, "bad_chain", "bad_address", "bad_quote"),
            404: ("unknown_token", "not_found"),
            410: ("gone",),
            429: ("rate",),
            503: READ,
        },
        parameters=(
            *OF_A_TOKEN,
            _QUOTE,
        ),
    ),
    *HISTORY,
    Operation(
        "/ingest",
        "ingest",
        "Post readings of your own",
        {202: schemas.Accepted, 200: schemas.Accepted},
        {
            400: (*QUERY, "bad_ack", "malformed_json", "incomplete_body"),
            401: ("unauthorized",),
            403: ("loopback_only",),
            408: ("slow_body",),
            413: ("body_too_large",),
            415: ("unsupported_media_type", "unsupported_encoding"),
            422: (
                *("none_accepted", "bad_source", "bad_length", "bad_idempotency_key"),
                *("key_reused", "missing_field", "unknown_field", "wrong_type", "out_of_range"),
            ),
            429: ("rate",),
            503: ("no_consumer", "behind", *STORE, *_FULL),
            504: ("outcome_unknown",),
        },
        tag="ingest",
        method="post",
        description="202: taken. 200: committed in `version`, with `ack=commit`. A fetcher's key "
        "(`<id>:polled.<secret>`) posts readings of a polled source instead, with `pools`.",
        parameters=(
            Parameter("ack", one_of("commit"), "Wait, at most 2 s, until it is committed."),
            Parameter(
                "Idempotency-Key",
                matching(BATCH_ID),
                "Names the batch: a repeat within ten minutes gets the first answer.",
                "header",
            ),
        ),
        body=schemas.Post,
        example={
            "source": "mybot",
            "tokens": [
                {"chain": "solana", "token_address": EXAMPLE, "price": 1.2, "liquidity": 5000}
            ],
        },
    ),
    Operation(
        "/health",
        "health",
        "How the whole pipeline does",
        {200: schemas.HealthReport, 503: schemas.HealthReport},
        {400: QUERY, 429: ("rate",), 503: ("overloaded",)},
        tag="health",
    ),
    Operation("/livez", "livez", "The process is alive", {200: schemas.Alive}, {}, tag="health"),
    Operation(
        "/readyz",
        "readyz",
        "Requests are welcome here",
        {200: schemas.Ready},
        {503: ("warming", "stale", "stuck", "draining", *STORE)},
        tag="health",
    ),
)
