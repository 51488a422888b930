"""Conditional requests as caches and proxies send them on."""

from __future__ import annotations

import pytest

from shared.edge.http.answer import matches, weak_tag
from tests.testkit.api import Start
from tests.testkit.commits import Writer, row

TAG = b'W/"8f0c3f6ba1d2"'


@pytest.mark.parametrize(
    "held",
    [
        b'W/"8f0c3f6ba1d2"',
        b'"8f0c3f6ba1d2"',
        b'"x", "8f0c3f6ba1d2"',
        b'"x" , W/"8f0c3f6ba1d2" , "y"',
        b'"x",,"8f0c3f6ba1d2"',
        b'w/"8f0c3f6ba1d2"',
        b'W/"8f0c3f6ba1d2-gzip"',  # Apache, mod_deflate
        b'W/"8f0c3f6ba1d2"-gzip',  # Apache before 2.4
        b'W/"8f0c3f6ba1d2--gzip"',  # Jetty
        b'"8f0c3f6ba1d2-br"',
        b'"8f0c3f6ba1d2-zstd"',
        b'W/"8f0c3f6ba1d2;br"',
        b'W/"8f0c3f6ba1d2;gzip"',
        b'W/"8f0c3f6ba1d2:zstd"',
        b'"8f0c3f6ba1d2-deflate"',
        b"8f0c3f6ba1d2",  # without its quotes
        b"*",
        b" * ",
    ],
)
def test_a_tag_is_known_again_whatever_a_proxy_made_of_it(held: bytes) -> None:
    assert matches(held, TAG)


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b'"x"',
        b'"8f0c3f6ba1d"',
        b'"8f0c3f6ba1d2a"',
        b'"8f0c3f6ba1d2-2"',
        b'"8f0c3f6ba1d2-gzip-2"',
        b'"x-gzip"',
        b'"-gzip"',
        b'"*"',
    ],
)
def test_another_tag_is_another_tag(held: bytes) -> None:
    assert not matches(held, TAG)


def test_a_tag_with_a_coding_of_our_own_is_known_too() -> None:
    assert matches(b'"8f0c3f6ba1d2-gzip"', b'"8f0c3f6ba1d2-gzip"')
    assert matches(b'W/"8f0c3f6ba1d2-gzip"', b'"8f0c3f6ba1d2-gzip"')


def test_weak_tags_hold_no_coding_by_chance() -> None:
    assert weak_tag(b"a").startswith(b'W/"')
    assert not matches(weak_tag(b"a"), weak_tag(b"b"))


@pytest.mark.parametrize("path", ["/search?q=r", "/discover", "/discover?limit=1"])
async def test_a_list_of_tags_and_a_tag_without_its_weakness_are_304(
    writer: Writer, start: Start, path: str
) -> None:
    await writer.begin()
    await writer.commit([row(1), row(2)])
    served = await start()
    await served.follows(1)
    tag = (await served.client.get(path)).headers["etag"]

    answers = [
        await served.client.get(path, headers={"if-none-match": held})
        for held in (f'"x", {tag.removeprefix("W/")}', tag, tag[:-1] + '-gzip"')
    ]

    assert [answer.status_code for answer in answers] == [304, 304, 304]
    assert [answer.headers["etag"] for answer in answers] == [tag, tag, tag]
