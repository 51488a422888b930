"""Names and tickers as they are shown, and what look-alikes have in common."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from shared.merge.names import fold_ticker, shown

HOSTILE = Path(__file__).parents[1] / "cases/h3-37-hostile-names/body.json"

FAMILY = "👨\u200d👩\u200d👧"
RAINBOW = "🏳\ufe0f\u200d🌈"
PERSIAN = "می\u200cرود"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    "name",
    [
        FAMILY,
        RAINBOW,
        PERSIAN,
        f"Family {FAMILY} {RAINBOW} {PERSIAN}",
        "👩🏽\u200d🚀",  # a skin tone between
        "❤\ufe0f\u200d🔥",
        "1\ufe0f\u20e3",  # a keycap
        "ක\u0dca\u200dෂ",  # Sinhala: ZWJ after the virama
        "ন\u09cd\u200c",  # and at a word's end none
        "র\u200d\u09cdয",  # Bengali: ZWJ before the virama
        "क\u094d\u200cष",  # Devanagari: ZWNJ after the virama
        SCOTLAND,
        "$WIF",
        "Ünïcödé",
        "柴犬",
        "<img src=x onerror=alert(1)>",
        "constructor",
        "NaN",
        '=HYPERLINK("http://x","y")',
    ],
)
def test_what_can_be_seen_stays(name: str) -> None:
    expected = name.rstrip("\u200c")

    assert shown("token_name", name) == expected


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("US\u200dDC", "USDC"),
        ("US\u200cDC", "USDC"),
        ("\u200dUSDC\u200d", "USDC"),
        ("B\ufe0fTC", "BTC"),
        ("Кит\u200d", "Кит"),
        ("柴\u200d犬", "柴犬"),
        ("👨\u200d", "👨"),
        ("A\u200d👨", "A👨"),
        ("👨\u200d\u200d👩", "👨\u200d👩"),
        ("دا\u200cر", "دار"),  # alef joins nothing after it: nothing to keep apart
        ("می\u200c", "می"),
        ("🏴\U000e0067\U000e0062", "🏴"),  # tags of no flag
        ("x\U000e0061\U000e007f", "x"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("B\u202eD", "BD"),
        ("a\u2066b\u2069\u200e\u200f\u061c", "ab"),
        ("two\nlines\r\n", "two lines"),
        ("Z\u0301\u0302\u0303\u0304\u0305\u0306", "Z\u0301\u0302\u0303"),
        ("W" * 200, "W" * 63 + "…"),
        ("x" * 62 + "👨\u200d👩", "x" * 62 + "👨…"),
        ("\u200b", None),
        ("\u3164", None),
        ("\u200d\u200c\ufe0f", None),
    ],
)
def test_what_only_disguises_is_left_out(name: str, seen: str | None) -> None:
    assert shown("token_name", name) == seen


@pytest.mark.parametrize(
    "copy", ["می\u200cرود", "می\u200c\u200cرود", "مي\u200dرود".replace("ي", "ی")]
)
def test_tickers_that_differ_by_joiners_look_alike(copy: str) -> None:
    assert fold_ticker(copy) == fold_ticker("میرود")


VECTORS = Path(__file__).parents[1] / "vectors" / "tickers.json"


@pytest.mark.parametrize(
    ("ticker", "folded"),
    [(each["in"], each["out"]) for each in msgspec.json.decode(VECTORS.read_bytes())],
)
def test_a_ticker_is_compared_as_on_the_page(ticker: str, folded: str) -> None:
    assert fold_ticker(ticker) == folded


def test_the_names_of_the_hostile_body_are_text() -> None:
    body = msgspec.json.decode(HOSTILE.read_bytes())

    names = {pair["baseToken"]["name"]: pair["baseToken"]["symbol"] for pair in body}

    assert [(shown("token_name", n), shown("token_ticker", t)) for n, t in names.items()] == [
        ("<img src=x onerror=alert(1)>", "<b>X</b>"),
        ("constructor", "__proto__"),
        ("undefined", "NaN"),
        ('=HYPERLINK("http://x","y")', "=1+1"),
        ("agnp.exe", "BD"),
        ("W" * 63 + "…", "W" * 23 + "…"),
        (None, None),
    ]
