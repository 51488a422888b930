"""Query strings and cursors: refused with a documented problem, or normalised to what is stable."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from hypothesis import strategies as st

from services.api.discover.cursor import (
    BadCursorError,
    Cursor,
    LostKeyError,
    decode_cursor,
    encode_cursor,
    epoch_hash,
)
from services.api.discover.query import (
    DiscoverQuery,
    parse_discover,
    parse_limit,
    parse_parameters,
)
from services.api.discover.quoting import parse_quote
from services.api.search.endpoint import PARAMETERS
from services.api.search.name_index import NameIndex, parse_text
from services.api.tokens import parse_token
from shared.chains import split_token_id
from shared.edge.http.problem import Problem
from tests.testkit.fuzzing import try_all
from tests.testkit.mutations import mutated, recombined
from tests.testkit.process import ROOT

KEY = b"k" * 32
CURSOR = Cursor(b"list" * 2, epoch_hash("e1"), 184_201, (b"a" * 8, b"b" * 8), b"v" * 16, 40)
CURSORS = tuple(
    encode_cursor(cursor, key).encode()
    for key in (KEY, b"another key, of which nothing is known")
    for cursor in (
        CURSOR,
        Cursor(b"list" * 2, epoch_hash(""), 0, ()),
        Cursor(
            b"\xff" * 8, b"\xff" * 8, 2**64 - 1, tuple([b"x" * 8] * 100), b"\xff" * 16, 2**32 - 1
        ),
    )
)
DISCOVER = (
    b"",
    b"sort=volume&window=24h&order=desc&chain=solana&limit=20",
    b"sort=newest&limit=100&cursor=200",
    b"sort=price_change&window=1h&min_price_change=-12.5&max_price_change=1000.25",
    b"min_liquidity=10000&max_age_minutes=60&min_age_minutes=0&min_volume=5",
    b"protocol=Raydium&source=ingest:mybot&q=%24doge%20coin&quote=native",
    b"sort=trending&window=1h&explain=1&has=verified,mint_revoked&not=suspicious&limit=0",
    b"stage=curve,completed&launchpad=Pump.fun&min_net_buyers=-5&max_graduated_minutes=60",
    b"sortBy=marketCap&timeframe=h24&direction=ASC&pageSize=5&network=eth&search=cat",
    b"sort=volume_1h&offset=40&maxPrice=0.000000000001&quote=WETH",
    b"q=%F0%9F%90%B6+%E2%80%8D+%EF%BC%A1&chain=BSC",
    *(b"sort=volume&cursor=" + cursor for cursor in CURSORS[:2]),
)
SEARCH = (
    b"q=cat",
    b"q=%24doge+coin&limit=100&quote=SOL",
    b"q=solana:So11111111111111111111111111111111111111112&limit=1",
    b"q=0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
    b"q=EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
    b"q=ibc%2F27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2",
    b"q=0x2%3A%3Asui%3A%3ASUI%3C0x1%3A%3Aa%3A%3AB%3E",
)
TOKENS = (
    b"solana/So11111111111111111111111111111111111111112",
    b"ethereum/0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
    b"eth/0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
    b"ton/0:b113a994b5024a16719f69139328eb759596c38a25f59028b146fecdc3621dfe",
    b"ton/EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
    b"sui/0x2::sui::SUI",
    b"aptos/0x1::coin::Coin<0x1::a::B, 0x2::c::D>",
    b"starknet/049d36570d4e46f48e99674bd3fcc84644ddd6b96f7c741b1562b82f9e004dc7",
    b"tron/41a614f803b6fd780986a42c78ec9c7f77e6ded13c",
    b"hedera/0.0.1234567",
    b"osmosis/ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2",
    b"osmosis/factory/osmo1abc/name-x",
)
PIECES = (
    *(b"&", b"=", b"+", b"%", b"%2", b"%zz", b"%00", b"%ff", b"%F0%9F", b"%ed%a0%bd", b"%26", b";"),
    *(b"&sort=", b"&limit=100", b"limit=1&", b"cursor=", b"&q=", b"window=1h&", b"q="),
    *(b"1" * 400, b"9" * 5_000, b"-", b"-0", b"+5", b".", b"1e9", b"1_0", b" 5", b"a" * 300),
    *("١٢".encode(), "\uff15".encode(), b"\x00", b"\xff", b"\xed\xa0\xbd", b"\n"),
    *("\u202e".encode(), "\u200d".encode(), "\ufdfa".encode(), "İ".encode(), b"%EF%B7%BA"),
    *(b":", b"/", b"::", b"<", b">", b"0x", b"0X", b"-1:", b"0:", b"ibc/", b"..", b"%252F"),
)  # fmt: skip
DOCUMENTED = frozenset(
    re.findall(r"`([a-z_]+)`", "".join(
        line for line in (ROOT / "docs" / "HTTP.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| 400 ")
    ))
)  # fmt: skip


PARAMETER_OF = {
    "stage": "stage", "launchpad": "launchpad", "protocol": "protocol", "sources": "source",
}  # fmt: skip


def refusal(problem: Problem) -> str:
    """Check a problem; return its code."""
    assert problem.status == 400
    assert problem.code in DOCUMENTED | {"bad_quote", "bad_cursor"}
    assert len(problem.body()) <= 1024
    return problem.code


def judged(parse: Callable[[bytes], str]) -> Callable[[bytes], str]:
    def outcome(query: bytes) -> str:
        try:
            return parse(query)
        except Problem as problem:
            return refusal(problem)

    return outcome


def written(query: DiscoverQuery) -> bytes:
    """Write a query under our own names, as docs/HTTP.md has them."""
    filters = query.filters
    given = {
        "sort": query.sort,
        "order": query.order,
        "limit": query.limit,
        "chain": query.chain,
        "cursor": query.cursor or query.offset,
        "quote": query.quote,
        "q": filters.text,
        **{
            PARAMETER_OF[each.column]: ",".join(each.any_of)
            for each in filters.words
            if each.column in PARAMETER_OF
        },
    }
    return urlencode({n: v for n, v in given.items() if v is not None}, quote_via=quote).encode()


def discover(raw: bytes) -> str:
    query = parse_discover(raw)
    again = parse_discover(written(query))
    for name in ("sort", "order", "limit", "chain", "cursor", "offset", "quote"):
        assert getattr(again, name) == getattr(query, name)
    assert again.filters.text == query.filters.text
    assert again.filters.words == tuple(
        each for each in query.filters.words if each.column in PARAMETER_OF
    )
    assert len(query.binding()) == 8
    query.filters.where(1_790_000_000_000)
    return "filtered" if query.filters else "plain"


NAMES = NameIndex()
NAMES.put("solana:So11111111111111111111111111111111111111112", "Wrapped SOL", "SOL")
NAMES.put("ethereum:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "Doge Coin", "$DOGE")


def search(raw: bytes) -> str:
    given = parse_parameters(raw, PARAMETERS)
    text, limit = parse_text(given.get("q", "")), parse_limit(given.get("limit"))
    assert 0 <= limit <= 100
    parse_quote(given.get("quote"))
    assert parse_text(text) == text
    return "found" if len(NAMES.find(text)) else "nothing"


def token(path: bytes) -> str:
    chain, _, address = path.decode("utf-8", "surrogateescape").partition("/")
    ident = parse_token(chain, address)
    assert parse_token(*split_token_id(ident)) == ident
    return "token"


@pytest.mark.parametrize(
    ("seeds", "parse"), [(DISCOVER, discover), (SEARCH, search), (TOKENS, token)]
)
def test_a_query_is_refused_with_its_code_or_means_what_it_is_normalised_to(
    seeds: tuple[bytes, ...], parse: Callable[[bytes], str]
) -> None:
    inputs = st.one_of(mutated(seeds, PIECES), recombined(seeds, PIECES))
    try_all(parse.__name__, inputs, judged(parse), examples=2_000, most_s=0.2)


def test_a_cursor_is_one_that_was_given_or_refused() -> None:
    def outcome(text: bytes) -> str:
        try:
            cursor = decode_cursor(text.decode("utf-8", "replace"), KEY)
        except (BadCursorError, LostKeyError) as error:
            return type(error).__name__
        assert encode_cursor(cursor, KEY).encode() == text
        assert text in CURSORS
        return "taken"

    pieces = (*PIECES, b"A", b"_", b"-", b"====", b"A" * 4_000)
    inputs = st.one_of(mutated(CURSORS, pieces), st.binary(max_size=200))
    try_all("cursor", inputs, outcome, examples=2_000, most_s=0.2)
