"""A broken record that holds what looks like the end of its list."""

from __future__ import annotations

from collections import Counter

from services.fetcher.repair import repaired


def test_a_member_of_a_broken_record_is_no_member_of_the_body() -> None:
    body = b'{"data":[{"id":1},{"a":{},],"data":{"id":9}},{"id":2}],"included":[{"id":3}]}'

    whole = repaired(body, ("data", "included"), Counter())

    assert whole == b'{"data":[{"id":1},{"id":2}],"included":[{"id":3}]}'
