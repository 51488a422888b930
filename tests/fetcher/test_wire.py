"""Values of upstream bodies: lenient in shape, strict in value."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.source import ParsedBody
from services.fetcher.sources import dexscreener, geckoterminal, jupiter
from services.fetcher.values import amount, count, decimal, millis, percent, text
from shared.errors import MalformedBody
from shared.model import Reading
from tests.testkit.recordings import RECORDED

AT = 1_700_000_000_000
READERS = (
    dexscreener.read_pairs,
    dexscreener.read_listed,
    jupiter.read_tokens,
    jupiter.read_prices,
    geckoterminal.read_page,
)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("0.1", 0.1),
        ("1e-9", 1e-9),
        ("-99.855", -99.855),
        ("0.000000000000002566", 2.566e-15),
        ("5920012.566978924298216412099127465", 5920012.566978924),
        (7, 7.0),
        ("0", 0.0),
        ("", None),
        ("1,000", None),
        ("NaN", None),
        ("nan", None),
        ("Infinity", None),
        ("1e999", None),
        (" 1", None),
        ("1\n", None),
        ("+1", None),
        (".5", None),
        ("5.", None),
        ("0x10", None),
        ("1_000", None),
        ("\uff11", None),
        ("9" * 201, None),
        (10**400, None),
        (None, None),
    ],
)
def test_a_decimal_is_a_plain_finite_number(given: str | float | None, read: float | None) -> None:
    assert decimal(given) == read


def test_ranges_are_those_of_the_model() -> None:
    assert [amount(x) for x in (0, 999_999_999_999_999, 1e15, -1)] == [
        0,
        999999999999999,
        None,
        None,
    ]
    assert [percent(x) for x in (-100, 34155435, -1e15, 1e15)] == [-100, 34155435, None, None]
    assert [count(x) for x in (3, "4", 5.0, 5.5, -1)] == [3, 4, 5, None, None]
    assert [millis(x) for x in (1756577941000, 0, -5, None)] == [1756577941000, None, None, None]
    assert math.copysign(1, amount(-0.0) or 0.0) == 1


def test_text_is_cut_and_blank_is_none() -> None:
    assert [text(x) for x in (" USD1 ", "", " ", None)] == ["USD1", None, None, None]
    assert text("x" * 127 + " y") == "x" * 127


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["solana", "base", "NaN", "1e400", "0xAB", "pool", "token", "-1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["pairs", "data", "id", "type", "chainId", "pairAddress", "baseToken", "attributes",
                 "address", "relationships", "priceUsd", "volume", "included", "usdPrice", "mcap"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)  # fmt: skip


def assert_publishable(page: ParsedBody) -> None:
    """What is published is what the strict model accepts."""
    msgspec.json.decode(msgspec.json.encode(page.readings), type=tuple[Reading, ...])


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_malformed(body: bytes) -> None:
    for read in READERS:
        try:
            page = read(body, AT)
        except MalformedBody:
            continue
        assert_publishable(page)


@given(data=st.data())
def test_a_recording_with_any_value_replaced_stays_publishable(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(RECORDED.glob("*/tokens*.json"))))
    document = json.loads(path.read_bytes())
    spot = document
    while isinstance(spot, dict | list) and spot:
        keys = sorted(spot) if isinstance(spot, dict) else list(range(min(len(spot), 3)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(spot[key], dict | list) or data.draw(st.integers(0, 5)) == 0:
            spot[key] = data.draw(json_values)
            break
        spot = spot[key]
    body = json.dumps(document).encode()

    for read in READERS:
        try:
            page = read(body, AT)
        except MalformedBody:
            continue
        assert_publishable(page)
