"""What `/ingest` says of a body, without anything around it (FAULTS, rows 13-37)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from services.api.ingest.body import BatchVerdict, IngestToken, judge, readings
from shared.edge.http.problem import Problem
from shared.model import READING_FIELDS

NESTED = b"[" * 100_000 + b"]" * 100_000


NOW_MS = 1_790_000_000_000


def judged(body: bytes) -> BatchVerdict:
    return judge(body, quote_assets=False, now_ms=NOW_MS)


def token(fields: bytes) -> bytes:
    """A body with one good token, and one that has these fields."""
    good = b'{"token_address":"Good","price":1}'
    return b'{"source":"bot","tokens":[%s,{"token_address":"Bad",%s}]}' % (good, fields)


@pytest.mark.parametrize(
    "body",
    [
        (b""),
        (b"<!doctype html><html></html>"),
        (b'{"source":"bot","tokens":[{"token_address":"A","token_name":"\xff"}]}'),
        (b'\xef\xbb\xbf{"source":"bot","tokens":[{"token_address":"A","price":1}]}'),
        (token(b'"token_name":"\\ud800"')),
        (token(b'"price":1') + b" x"),
        (token(b'"price":1 // one')),
        (token(b"'price':1")),
        (token(b'"price":NaN')),
        (token(b'"price":Infinity')),
        (token(b'"price":-Infinity')),
    ],
)
def test_what_is_no_json_is_400(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        judged(body)

    assert (caught.value.status, caught.value.code) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (b"null", "wrong_type", "$"),
        (b"[]", "wrong_type", "$"),
        (b"5", "wrong_type", "$"),
        (b'{"tokens":[{"token_address":"A"}]}', "missing_field", "$.source"),
        (b'{"source":"bot"}', "missing_field", "$.tokens"),
        (b'{"source":"bot","tokens":[],"extra":1}', "unknown_field", "$"),
        (b'{"source":"bot","tokens":[]}', "bad_length", "$.tokens"),
        (b'{"source":"bot","tokens":[%s{}]}' % (b"{}," * 500), "bad_length", "$.tokens"),
        (b'{"source":"bot","tokens":{}}', "wrong_type", "$.tokens"),
        (b'{"source":"__proto__","tokens":[{}]}', "bad_source", "$.source"),
        (b'{"source":"my bot","tokens":[{}]}', "bad_source", "$.source"),
        (b'{"source":"%s","tokens":[{}]}' % (b"a" * 40), "bad_source", "$.source"),
        (b'{"source":"bot\\n","tokens":[{}]}', "bad_source", "$.source"),
        (b'{"source":"","tokens":[{}]}', "bad_source", "$.source"),
        (b'{"source":"jupiter","tokens":[{}]}', "bad_source", "$.source"),
    ],
)
def test_a_body_of_the_wrong_shape_is_422_and_says_where(body: bytes, code: str, path: str) -> None:
    with pytest.raises(Problem) as caught:
        judged(body)

    problem = caught.value
    assert (problem.status, problem.code, problem.param) == (422, code, path)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (b'"price":1e400', "out_of_range"),
        (b'"price_change":-1e400', "out_of_range"),
        (b'"price":' + b"9" * 5_000, "out_of_range"),
        (b'"transactions_24h":' + b"9" * 5_000, "out_of_range"),
        (b'"volume":18446744073709551616', "out_of_range"),
        (b'"transaction_count":9007199254740993', "out_of_range"),
        (b'"price":"1.5"', "wrong_type"),
        (b'"price":true', "wrong_type"),
        (b'"transaction_count":1.0', "wrong_type"),
        (b'"price":-1', "out_of_range"),
        (b'"prise":1', "unknown_field"),
        (b'"pools":[]', "unknown_field"),
        (b'"token_address":""', "bad_address"),
        (b'"token_address":"%s"' % (b"A" * 257), "bad_address"),
        (b'"token_address":"A\\u0000A"', "bad_address"),
        (b'"token_address":"AAA\\n"', "bad_address"),
        (b'"token_address":"../x"', "bad_address"),
        (b'"token_address":"a/b"', "bad_address"),
        (b'"token_address":"a b"', "bad_address"),
        ('"token_address":"\uff21"'.encode(), "bad_address"),
        ('"token_address":"\U0001f600"'.encode(), "bad_address"),
        (b'"token_name":"%s"' % (b"x" * 10_000), "bad_length"),
        (b'"price":1,"observed_ms":"now"', "wrong_type"),
        (b'"price":1,"observed_ms":-1', "out_of_range"),
        (b'"chain":"so lana"', "bad_chain"),
        (b'"volume":1,"volume_24h":1', "conflict"),
        (b'"chain":"solana"', "no_fields"),
        (b'"token_address":"So11111111111111111111111111111111111111112"', "quote_asset"),
    ],
)
def test_a_bad_token_is_rejected_alone(fields: bytes, code: str) -> None:
    verdict = judged(token(fields))

    assert [a.address for a in verdict.accepted] == ["Good"]
    assert [(r.index, r.code) for r in verdict.rejected] == [(1, code)]
    assert len(verdict.rejected[0].detail) <= 240


def test_deep_nesting_is_refused_within_10_ms() -> None:
    for body in (NESTED, token(b'"price":' + NESTED), b'{"source":"bot","tokens":%s}' % NESTED):
        started = time.process_time()
        with pytest.raises(Problem) as caught:
            judged(body)
        assert caught.value.status in {400, 422}
        assert time.process_time() - started < 0.010


def test_minus_zero_is_zero() -> None:
    verdict = judged(token(b'"volume":-0.0'))

    assert str(verdict.accepted[1].fields["volume_24h"]) == "0.0"


def test_a_price_too_small_for_a_float_is_zero() -> None:
    verdict = judged(token(b'"price":1e-400'))

    assert verdict.accepted[1].fields["price"] == 0.0


def test_a_token_without_address_says_where() -> None:
    verdict = judged(b'{"source":"bot","tokens":[{"price":1},5,null]}')

    assert [(r.index, r.code) for r in verdict.rejected] == [
        (0, "missing_field"),
        (1, "wrong_type"),
        (2, "wrong_type"),
    ]
    assert "`token_address`" in verdict.rejected[0].detail
    assert "$.tokens[0]" in verdict.rejected[0].detail


def test_of_an_unknown_field_only_the_beginning_is_repeated() -> None:
    verdict = judged(token(b'"%s":1' % (b"z" * 5_000)))

    assert "z" * 63 in verdict.rejected[0].detail
    assert "z" * 64 not in verdict.rejected[0].detail


def test_of_a_field_that_is_there_twice_the_last_one_counts() -> None:
    verdict = judged(token(b'"price":1,"price":2'))

    assert verdict.accepted[1].fields["price"] == 2


def test_a_strange_name_stays_as_it_is() -> None:
    verdict = judged(token('"token_name":"<script>\u202eabc"'.encode()))

    assert verdict.accepted[1].fields["token_name"] == "<script>\u202eabc"


def test_a_token_that_is_there_twice_is_merged_in_order() -> None:
    verdict = judged(
        b'{"source":"bot","tokens":['
        b'{"token_address":"A","price":2,"volume":7},{"token_address":"A","price":1}]}'
    )

    (reading,) = readings(verdict.accepted, 1_790_000_000_000)
    assert (reading.price, reading.volume_24h) == (1, 7)


def test_a_time_in_the_future_is_the_time_of_receipt() -> None:
    now_ms = 1_790_000_000_000
    verdict = judged(
        b'{"source":"bot","tokens":['
        b'{"token_address":"A","price":1,"observed_ms":%d},'
        b'{"token_address":"B","price":1,"observed_ms":%d}]}' % (now_ms + 3_600_000, now_ms - 5)
    )

    assert [r.observed_ms for r in readings(verdict.accepted, now_ms)] == [now_ms, now_ms - 5]


@pytest.mark.parametrize(
    ("fields", "code", "detail"),
    [
        (b'"price":1.5,"observed_ms":1795768390', "out_of_range", "looks like seconds"),  # h3-40
        (b'"price":1,"observed_ms":0', "out_of_range", "before the first chain"),
        (b'"price":1,"observed_ms":1438269972999', "out_of_range", "30 July 2015"),
        (b'"price":1,"observed_ms":1795768390123456', "out_of_range", "looks like microseconds"),
        (b'"price":1,"observed_ms":1795768390123456789', "out_of_range", "looks like nanoseconds"),
        (b'"price":1,"observed_ms":1795768390.25', "wrong_type", "looks like seconds"),
        (b'"price":1,"observed_ms":"1795768390123"', "wrong_type", "is Unix milliseconds, a num"),
        (b'"price":1,"observed_ms":"2026-11-27T10:00:00Z"', "wrong_type", "is Unix milliseconds"),
        (b'"price":1,"observed_ms":null', "wrong_type", "is Unix milliseconds"),
        (b'"created_ms":1789999990', "out_of_range", "created_ms is Unix milliseconds"),
        (b'"created_ms":1789999990123456', "out_of_range", "looks like microseconds"),
        (b'"created_ms":1890000000000', "out_of_range", "is in the future"),
    ],
)
def test_a_time_in_another_unit_is_refused_and_the_unit_is_named(
    fields: bytes, code: str, detail: str
) -> None:
    (rejection,) = judged(token(fields)).rejected

    assert rejection.code == code
    assert detail in rejection.detail


@pytest.mark.parametrize("observed_ms", [1_438_269_973_000, NOW_MS - 1, NOW_MS + 3_600_000])
def test_any_time_since_the_first_chain_may_be_one_of_observation(observed_ms: int) -> None:
    assert judged(token(b'"price":1,"observed_ms":%d' % observed_ms)).rejected == ()


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        (b'"token_address":"0xabababababababababababababababababababab"', '"chain":"base"'),
        (b'"token_address":"0xABABABABABABABABABABABABABABABABABABABAB"', "not of solana"),
        (b'"chain":"sol","token_address":"0x' + b"ab" * 20 + b'"', "not of solana"),
        (b'"chain":"eth","token_address":"%s"' % (b"A" * 43), '"chain":"solana"'),
        (b'"chain":"base","token_address":"%s"' % (b"A" * 43), "no address of base"),
    ],
)
def test_an_address_of_another_chain_is_refused_with_a_hint(fields: bytes, detail: str) -> None:
    (rejection,) = judged(token(fields + b',"price":1')).rejected

    assert rejection.code == "bad_address"
    assert detail in rejection.detail


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"source":"bot","tokens":[]}',
        '{"source":"bot","tokens":[]}'.encode("utf-16"),
        b"\xfe\xff" + '{"source":"bot","tokens":[]}'.encode("utf-16-be"),
    ],
)
def test_a_byte_order_mark_is_named(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        judged(body)

    assert (caught.value.status, caught.value.code) == (400, "malformed_json")
    assert "byte order mark" in caught.value.detail or "UTF-16" in caught.value.detail


def test_null_says_no_longer_known_and_absence_says_nothing() -> None:
    verdict = judged(token(b'"price":null'))

    _, reading = readings(verdict.accepted, 1)
    assert reading.price is None
    assert reading.liquidity is UNSET


def test_evm_addresses_are_lower_cased_and_chains_get_their_one_name() -> None:
    verdict = judged(
        b'{"source":"bot","tokens":[{"chain":"ETH","price":1,'
        b'"token_address":"0xAbCdEf0123456789aBcDeF0123456789AbCdEf01"}]}'
    )

    (accepted,) = verdict.accepted
    assert accepted.chain == "ethereum"
    assert accepted.address == "0xabcdef0123456789abcdef0123456789abcdef01"


def test_every_field_of_a_reading_may_be_posted() -> None:
    assert set(READING_FIELDS) <= set(IngestToken.__struct_fields__)


@given(st.binary(max_size=200))
def test_no_body_at_all_raises_anything_but_a_problem(body: bytes) -> None:
    for given_body in (body, b'{"source":"bot","tokens":[%s]}' % body):
        problem = problem_of(given_body)
        assert problem is None or problem.status in {400, 422}
        assert problem is None or len(problem.body()) < 1_024


def problem_of(body: bytes) -> Problem | None:
    try:
        judged(body)
    except Problem as problem:
        return problem
    return None
