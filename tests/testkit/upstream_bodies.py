"""Recorded bodies of which one record is damaged, and what the others must still give.

A body is put together from its records, so that the damage stays inside one of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, Final, TypeAlias

import msgspec
from hypothesis import strategies as st

from services.fetcher.source import ParsedBody
from services.fetcher.sources import dexscreener, geckoterminal, jupiter
from shared.errors import MalformedBody
from shared.model import PoolReading, Reading
from tests.testkit.mutations import another_value, other_bytes, seeds_of_change
from tests.testkit.recordings import RECORDED

AT: Final = 1_700_000_000_000
Document: TypeAlias = Any


@dataclass(frozen=True)
class Body:
    """A body in parts: what is before, between and behind the records, and the records."""

    source: str
    read: Callable[[bytes, int], ParsedBody]
    records: tuple[bytes, ...]
    primary: int = 0  # JSON:API: the records before this one are `data`, the others `included`
    around: tuple[bytes, bytes, bytes] = (b"[", b"", b"]")

    def __bytes__(self) -> bytes:
        start, middle, end = self.around
        if not middle:
            return start + b",\n".join(self.records) + end
        data, included = self.records[: self.primary], self.records[self.primary :]
        return start + b",".join(data) + middle + b",".join(included) + end

    def with_records(self, at: int, *records: bytes) -> Body:
        """Return the body with these records in place of one."""
        primary = self.primary + len(records) - 1 if at < self.primary else self.primary
        return replace(
            self, primary=primary, records=(*self.records[:at], *records, *self.records[at + 1 :])
        )

    def page(self) -> ParsedBody:
        return self.read(bytes(self), AT)


@cache
def bodies(source: str) -> tuple[Body, ...]:
    """Return every recorded body of a source that has records, cut into its records."""
    paths = sorted((RECORDED / source).glob("*.json"))
    found = (body for path in paths for body in _bodies(source, json.loads(path.read_bytes())))
    return tuple(body for body in found if len(body.records) > 1)


def _bodies(source: str, document: Document) -> Iterator[Body]:
    if source == "geckoterminal":
        if isinstance(document, dict) and isinstance(document.get("data"), list):
            data, included = document["data"], document.get("included", [])
            yield Body(
                source,
                geckoterminal.read_page,
                _dumped([*data, *included]),
                primary=len(data),
                around=(b'{"data":[', b'],"included":[', b"]}"),
            )
    elif source == "jupiter" and isinstance(document, dict):
        entries = tuple(
            b"%s:%s" % pair for pair in zip(*map(_dumped, _columns(document)), strict=True)
        )
        yield Body(source, jupiter.read_prices, entries, around=(b"{", b"", b"}"))
    elif source == "jupiter":
        yield Body(source, jupiter.read_tokens, _dumped(document))
    elif isinstance(document, list):
        listed = "tokenAddress" in document[0]
        read = dexscreener.read_listed if listed else dexscreener.read_pairs
        yield Body(source, read, _dumped(document))
    elif document.get("pairs"):
        around = (b'{"schemaVersion":"1.0.0","pairs":[', b"", b'],"pair":null}')
        yield Body(source, dexscreener.read_pairs, _dumped(document["pairs"]), around=around)


def _columns(document: dict[str, Document]) -> tuple[list[str], list[Document]]:
    return list(document), list(document.values())


def _dumped(values: list[Any]) -> tuple[bytes, ...]:
    return tuple(json.dumps(each, ensure_ascii=False).encode() for each in values)


# -- damage ---------------------------------------------------------------------------------------
@st.composite
def damaged(draw: st.DrawFn, source: str) -> tuple[Body, int, bytes]:
    """Draw a body of a few records, which of them is damaged, and that record then."""
    whole = draw(st.sampled_from(bodies(source)))
    at = draw(st.integers(0, len(whole.records) - 1))
    body, at = _few(whole, at)
    record = body.records[at]
    changes = draw(st.integers(0, 3))
    random = draw(seeds_of_change)
    if not changes:
        return body, at, _with_another_value(random, record)
    for _ in range(changes):
        record = other_bytes(random, record)
    return body, at, record


def _few(body: Body, at: int) -> tuple[Body, int]:
    """Keep the record, two neighbours on each side, and all that belong to another list."""
    low, high = (0, body.primary) if at < body.primary else (body.primary, len(body.records))
    first, last = max(low, at - 2), min(high, at + 3)
    kept = (*body.records[:low][:2], *body.records[first:last], *body.records[high:][:6])
    before = min(low, 2)
    primary = last - first if at < body.primary else before
    return replace(body, records=kept, primary=primary), before + at - first


def _with_another_value(random: Random, record: bytes) -> bytes:
    key, colon, rest = (b"", b"", record) if record.startswith(b"{") else record.partition(b":")
    return key + colon + another_value(random, rest)


# -- what the others give -------------------------------------------------------------------------
def assert_others_are_read(body: Body, at: int, record: bytes) -> ParsedBody:
    """Check that the page of a body with a damaged record has all that the others give."""
    rest = body.with_records(at).page()
    if not rest.readings and not rest.found:
        return _page_or_none(body.with_records(at, record))
    page = body.with_records(at, record).page()
    about = {each.token_address for each in _alone(body, at, record).readings}
    text = body.records[at].lower()
    read = {_key(each): each for each in page.readings}
    for want in rest.readings:
        have = read[_key(want)]
        if want.token_address in about or want.token_address.lower().encode() in text:
            _assert_other_pools(want, have, record + text)
        else:
            assert have == want
    assert {each for each in rest.found if each.lower().encode() not in text} <= set(page.found)
    return page


def _alone(body: Body, at: int, record: bytes) -> ParsedBody:
    """Return what the damaged record would say by itself."""
    return _page_or_none(replace(body.with_records(at, record), records=(record,), primary=1))


def _page_or_none(body: Body) -> ParsedBody:
    try:
        return body.page()
    except MalformedBody:
        return ParsedBody()


def _assert_other_pools(want: Reading, have: Reading, text: bytes) -> None:
    """The token is the damaged record's too: its name may be, other pools may not."""
    pools = {each.pool_address: each for each in have.pools}
    for pool in want.pools:
        if pool.pool_address.lower().encode() not in text.lower():
            assert _of_any_token(pools[pool.pool_address]) == _of_any_token(pool)


def _of_any_token(pool: PoolReading) -> PoolReading:
    """Leave out what a pool shows only while the record of the token it belongs to is there."""
    changes = {name: None for name in PoolReading.__struct_fields__ if "price_change" in name}
    return msgspec.structs.replace(pool, fdv=None, market_cap=None, **changes)


def _key(reading: Reading) -> tuple[str, str]:
    return reading.chain, reading.token_address
