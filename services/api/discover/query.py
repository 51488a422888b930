"""Query strings, parsed strictly: what is not exactly right is a 400 that names the parameter.

Pure. Numbers are plain ASCII digits (`int()` would take ` 5`, `+5`, `1_0` and full-width ones too).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote_to_bytes

from services.api.discover import aliases
from services.api.discover.filters import NO_FILTERS, Filters, follows_window, parse_filters
from services.api.discover.filters import PARAMETERS as FILTERS
from services.api.discover.quoting import parse_quote
from services.api.formats import Format
from shared.chains import canonical_chain
from shared.edge.http.problem import Problem, clip
from shared.model import SORTS, WINDOWED, WINDOWS, metric_of

LIMIT_MAX: Final = 100
LIMIT_DEFAULT: Final = 20
# Ranks are counted in a signed 64-bit integer and in float64 scores; nobody has that many tokens.
_OFFSET_DIGITS: Final = 15
_CURSOR_MIN: Final = 64  # characters of an opaque cursor; they have 92 to 1,160
_CURSOR_MAX: Final = 2_048
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_DIGITS = re.compile(r"[0-9]+")
_OPAQUE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class DiscoverQuery:
    """A `/discover` request with every default filled in, so that equal requests are equal."""

    sort: str = "volume"
    window: str = "24h"  # "-" where the sort has none
    order: str = "desc"
    chain: str | None = None
    filters: Filters = NO_FILTERS
    limit: int = LIMIT_DEFAULT
    offset: int = 0  # a plain integer cursor
    cursor: str | None = None  # an opaque one, not yet checked
    quote: str | None = None  # in what rows are quoted beside USD
    explain: bool = False  # whether rows show the parts of their trending score
    format: Format = "json"
    spark: bool = False  # whether rows show the closes of the last day

    @property
    def metric(self) -> str:
        """The name of the order of this list (shared.model.metric_of)."""
        return metric_of(self.sort, self.window)

    @property
    def descending(self) -> bool:
        return self.order == "desc"

    def binding(self) -> bytes:
        """Return the 8 bytes that bind a cursor to this list.

        `limit`, `quote`, `explain`, `format` and `spark` are left out: how pages look may change.
        """
        text = f"{self.sort}:{self.window}:{self.order}:{self.chain or '*'}"
        if self.filters:
            text += f":{self.filters.canonical()}"
        return hashlib.blake2b(text.encode(), digest_size=8).digest()


def parse_parameters(
    query_string: bytes, known: Collection[str], also: Collection[str] = ()
) -> dict[str, str]:
    """Decode a query string. Raises Problem for bad escapes, unknown and repeated parameters.

    `also` are names that are taken too, and not named in errors.
    """
    found: dict[str, str] = {}
    for part in query_string.split(b"&"):
        if not part:
            continue
        raw_name, _, raw_value = part.partition(b"=")
        name = _decode(raw_name, None)
        if name not in known and name not in also:
            raise Problem(
                400,
                "unknown_parameter",
                f"there is no parameter {clip(name)!r}; known: {', '.join(known) or 'none'}",
                param=name,
            )
        if name in found:
            raise Problem(400, "repeated_parameter", f"{name} is given twice", param=name)
        found[name] = _decode(raw_value, name)
    return found


_DISCOVER: Final = (
    *("sort", "window", "order", "chain", "limit", "cursor", "quote", "explain", "spark"),
    *FILTERS,
)


def parse_discover(query_string: bytes, wanted: Format = "json") -> DiscoverQuery:
    """Parse the query of `/discover`, whose answer is `wanted` in a format. Raises Problem 400."""
    given, written = aliases.resolve(parse_parameters(query_string, _DISCOVER, aliases.PARAMETERS))
    # `timeframe` and the like are of whatever has a window; `window` has to be of something.
    lenient = written.get("window", "window") != "window"
    try:
        query = _parse_list(given, lenient=lenient)
    except Problem as problem:
        problem.param = written.get(problem.param or "", problem.param)
        raise
    return query if wanted == "json" else replace(query, format=wanted)


def _parse_list(given: Mapping[str, str], *, lenient: bool) -> DiscoverQuery:
    sort = _one_of("sort", given.get("sort", "volume"), SORTS)
    window = _one_of("window", given.get("window", "24h"), WINDOWS)
    unused = "window" in given and sort not in WINDOWED and not follows_window(given)
    if unused and not lenient:
        detail = f"neither sort={sort} nor a filter has a window here"
        raise Problem(400, "bad_window", detail, param="window")
    limit = parse_limit(given.get("limit"))
    if limit == 0 and "cursor" in given:
        raise Problem(400, "bad_limit", "limit=0 counts a list: leave cursor out", param="limit")
    offset, cursor = _cursor(given.get("cursor"))
    return DiscoverQuery(
        sort=sort,
        window=window if sort in WINDOWED else "-",
        order=_one_of("order", given.get("order", "desc"), ("desc", "asc")),
        chain=_chain(given.get("chain")),
        filters=parse_filters(given, window),
        limit=limit,
        offset=offset,
        cursor=cursor,
        quote=parse_quote(given.get("quote")),
        explain=_explain(given, sort),
        spark="spark" in given and bool(_one_of("spark", given["spark"], ("24h",))),
    )


def parse_window(given: Mapping[str, str]) -> str:
    """Parse the `window` of filters, which has to be of one of them. Raises Problem 400."""
    window = _one_of("window", given.get("window", "24h"), WINDOWS)
    if "window" in given and not follows_window(given):
        raise Problem(400, "bad_window", "no filter has a window here", param="window")
    return window


def parse_limit(text: str | None) -> int:
    """Parse `limit`: 0, which only counts, to LIMIT_MAX. Raises Problem 400."""
    if text is None:
        return LIMIT_DEFAULT
    limit = int(text) if len(text) <= 3 and _DIGITS.fullmatch(text) else -1
    if not 0 <= limit <= LIMIT_MAX:
        raise Problem(400, "bad_limit", f"limit must be 0 to {LIMIT_MAX}", param="limit")
    return limit


def _explain(given: Mapping[str, str], sort: str) -> bool:
    explain = _one_of("explain", given.get("explain", "0"), ("0", "1")) == "1"
    if explain and sort != "trending":
        detail = "explain=1 shows the parts of a trending score: it needs sort=trending"
        raise Problem(400, "bad_explain", detail, param="explain")
    return explain


def _decode(raw: bytes, param: str | None) -> str:
    if _BAD_ESCAPE.search(raw):
        raise Problem(400, "bad_encoding", "% must be followed by two hex digits", param=param)
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Problem(400, "bad_encoding", "the query must be UTF-8", param=param) from None


def _one_of(name: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise Problem(400, f"bad_{name}", f"{name} must be one of {', '.join(choices)}", param=name)
    return value


def _chain(text: str | None) -> str | None:
    if text is None:
        return None
    chain = canonical_chain(text)
    if chain is None:
        raise Problem(400, "bad_chain", f"{clip(text)!r} cannot be a chain", param="chain")
    return chain


def _cursor(text: str | None) -> tuple[int, str | None]:
    """Return the offset and the opaque cursor, of which a request has at most one."""
    if text is None:
        return 0, None
    if len(text) <= _OFFSET_DIGITS and _DIGITS.fullmatch(text):
        return int(text), None
    if not _CURSOR_MIN <= len(text) <= _CURSOR_MAX or not _OPAQUE.fullmatch(text):
        raise bad_cursor()
    return 0, text


def bad_cursor() -> Problem:
    """Return the problem of a cursor that was changed, or belongs to another list."""
    detail = "this cursor is not one that /discover gave for this sort, window, order and filters"
    return Problem(400, "bad_cursor", detail, param="cursor")
