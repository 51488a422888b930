"""One bad record never costs the others, one bad value never its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from services.fetcher.source import ParsedBody
from services.fetcher.sources import dexscreener, geckoterminal, jupiter
from shared.errors import MalformedBody
from tests.testkit.recordings import the_reading

AT: Final = 1_700_000_000_000
CASES: Final = Path(__file__).resolve().parents[1] / "cases"
ONE: Final = "Tok11111111111111111111111111111111111111111"
TWO: Final = "Tok21111111111111111111111111111111111111111"
JUP: Final = "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"
SOL: Final = "So11111111111111111111111111111111111111112"
GOOD: Final = b'{"id":"%s","name":"Good","usdPrice":2}' % SOL.encode()


def case(name: str) -> bytes:
    (folder,) = CASES.glob(f"{name}-*")
    (body,) = folder.glob("body.*")
    return body.read_bytes()


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("h3-01", {"value_text": 1}),
        ("h3-03", {"value_text": 1}),
        ("h3-05", {}),
        ("h3-07", {"value_number": 1}),
        ("h3-08", {"value_number": 1}),
        ("h3-10", {"value_shape": 3}),
        ("h3-12", {}),
    ],
)
def test_every_pair_of_a_damaged_body_keeps_its_figures(name: str, refused: dict[str, int]) -> None:
    page = dexscreener.read_pairs(case(name), AT)

    assert page.refused == refused
    assert [the_reading(page, each).pools[0].liquidity for each in (ONE, TWO)] == [5000, 5000]


def test_a_broken_half_of_a_name_is_not_shown() -> None:
    names = [the_reading(dexscreener.read_pairs(case(name), AT), TWO).token_name
             for name in ("h3-01", "h3-03")]  # fmt: skip

    assert names == ["Moon", "Moon"]


def test_a_number_as_ticker_is_its_digits() -> None:
    assert the_reading(dexscreener.read_pairs(case("h3-12"), AT), ONE).token_ticker == "1000"


def test_a_figure_that_is_no_number_is_unknown() -> None:
    figures = [the_reading(dexscreener.read_pairs(case(name), AT), ONE).pools[0].fdv
               for name in ("h3-07", "h3-08")]  # fmt: skip

    assert figures == [None, None]


def test_no_pairs_are_no_rows_and_no_error() -> None:
    assert dexscreener.read_pairs(case("h3-14"), AT) == ParsedBody()


@pytest.mark.parametrize("name", ["h3-15", "h3-17"])
@pytest.mark.parametrize(
    "read",
    [dexscreener.read_pairs, jupiter.read_tokens, jupiter.read_prices, geckoterminal.read_page],
)
def test_an_error_in_words_is_malformed(
    name: str, read: Callable[[bytes, int], ParsedBody]
) -> None:
    with pytest.raises(MalformedBody):
        read(case(name), AT)


def test_a_wrapped_answer_is_refused_and_counted() -> None:
    assert jupiter.read_prices(case("h3-16"), AT) == ParsedBody(refused={"address": 2})
    with pytest.raises(MalformedBody):
        jupiter.read_tokens(case("h3-16"), AT)


@pytest.mark.parametrize(
    ("damaged", "refused"),
    [
        (b'{"id":"%s","name":"\\udc00"}', {"value_text": 1}),
        (b'{"id":"%s","description":"\xe9"}', {}),
        (b'{"id":"%s","name":"a\x00b"}', {"value_text": 1}),
        (b'{"id":"%s","name":"\\x"}', {"value_text": 1}),
        (b'{"id":"%s","mcap":-Infinity}', {"value_number": 1}),
        (b'{"id":"%s","mcap":01}', {"value_number": 1}),
        (b'{"id":"%s","mcap":}', {"value_shape": 1}),
        (b'{"id":"%s","mcap":1,}', {}),
        (b'{"id":"%s","mcap":{}}', {"value_shape": 1}),
        (b'{"id":"%s","stats24h":[1]}', {"value_shape": 1}),
        (b'{"id":"%s","firstPool":"x"}', {"value_shape": 1}),
        (b'{"id":"%s","mcap":1,"mcap":2}', {}),
        (b'{"id":"%s","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", {"value_shape": 1}),
        (b'{"id":"%s","name":"' + b"x" * 100_000 + b'"}', {}),
    ],
)
def test_a_bad_value_costs_nothing_else(damaged: bytes, refused: dict[str, int]) -> None:
    page = jupiter.read_tokens(b"[%s,%s]" % (damaged % JUP.encode(), GOOD), AT)

    assert page.refused == refused
    assert page.found == (f"solana:{JUP}", f"solana:{SOL}")


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"id":"a"',
        b'{"id":',
        b'"',
        b'{"id" "a"}',
        b"[{]}",
        b"{x:1}",
        b'{"a":[{"b":1},{"c":2}',
        b"}",
    ],
)
@pytest.mark.parametrize("order", [b"[%(bad)s,%(good)s]", b"[%(good)s,%(bad)s]"])
def test_a_broken_record_costs_no_other(damaged: bytes, order: bytes) -> None:
    page = jupiter.read_tokens(order % {b"bad": damaged, b"good": GOOD}, AT)

    assert the_reading(page, SOL).price == 2
    assert page.refused["syntax"] >= 1


def test_the_whole_records_of_a_torn_body_are_read() -> None:
    page = jupiter.read_tokens(b'[%s,{"id":"%s","na' % (GOOD, JUP.encode()), AT)

    assert (page.found, page.refused) == ((f"solana:{SOL}",), {"syntax": 1})


def test_damage_never_makes_another_address() -> None:
    body = b'[{"id":"JUPyiwrYJFskUPiHa7hkeR8VUtAeF\\ud83doSYbKedZNsDvCN"},%s]' % GOOD

    page = jupiter.read_tokens(body, AT)

    assert (page.found, page.refused) == ((f"solana:{SOL}",), {"value_text": 1, "address": 1})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_byte_order_mark_is_skipped(encoding: str) -> None:
    body = (b"[%s]" % GOOD).decode().encode(encoding)

    assert jupiter.read_tokens(body, AT) == jupiter.read_tokens(b"[%s]" % GOOD, AT)


def test_a_zero_byte_at_the_start_does_not_make_a_body_utf_16() -> None:
    page = jupiter.read_tokens(b'[\0{"id":"%s"},%s]' % (JUP.encode(), GOOD), AT)

    assert the_reading(page, SOL).price == 2


@pytest.mark.parametrize("damaged", [b'":":"J', b'"a":{"b":', b'"a":{"b":1', b'\0a":{"b":1}'])
def test_a_broken_entry_takes_no_other_with_it(damaged: bytes) -> None:
    page = jupiter.read_prices(b'{%s,"%s":{"usdPrice":2}}' % (damaged, SOL.encode()), AT)

    assert the_reading(page, SOL).price == 2


@pytest.mark.parametrize("damaged", [b'{"id":"a","x":[', b'{"id":"a","x":[1', b'[{"id":"a"}'])
def test_a_list_that_is_not_closed_takes_no_other_record_with_it(damaged: bytes) -> None:
    tail = b',{"chainId":"base","pairAddress":"0xp","baseToken":{"address":"0xb"}}],"pair":null}'

    page = dexscreener.read_pairs(b'{"pairs":[%s%s' % (damaged, tail), AT)

    assert page.found == ("base:0xb",)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        b'[{"a":' + b"[" * 2_000_000,
        b"[" + b',{"a":' * 400_000,
        b'{"data":[' + b'],"data":' * 200_000,
    ],
)
def test_a_body_made_to_be_slow_takes_a_bounded_time(body: bytes) -> None:
    began = time.process_time()
    for read in (jupiter.read_tokens, geckoterminal.read_page):
        with pytest.raises(MalformedBody):
            read(body, AT)

    assert time.process_time() - began < 10
