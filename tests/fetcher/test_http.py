"""The HTTP shell against a real server: deadlines, sizes, retries, holds."""

from __future__ import annotations

import asyncio
import gzip
import resource
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from services.fetcher.budget import Budget
from services.fetcher.http import MAX_BODY, Upstreams, open_client
from services.fetcher.source import Call, ParsedBody, Source
from shared.errors import MalformedBody, SourceError, Throttled, Unavailable
from shared.inflate import MEMBERS_MAX, Inflater
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.process import free_port
from tests.testkit.upstream import JSON_HEAD, Upstream
from tests.testkit.wait import eventually

Make = Callable[..., Upstreams]


def ask(path: str = "/x", **query: str) -> Call:
    return Call(path, lambda _body, _at: ParsedBody(), query=tuple(query.items()))


async def test_a_json_body_comes_with_the_time_it_arrived(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x?q=sol+%26+pepe", b'{"a":1}')
    before = int(time.time() * 1000)

    answer = await upstreams().get(source, ask(q="sol & pepe"))

    assert answer.body == b'{"a":1}'
    assert before <= answer.observed_ms <= time.time() * 1000


async def test_connections_are_kept_and_cookies_are_not(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x", set_cookie="a=b")
    one = upstreams()

    for _ in range(5):
        await one.get(source, ask())

    assert server.connections == 1
    assert not any("cookie" in head.lower() for head in server.headers)


async def test_a_sources_headers_are_sent_to_it(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x")

    await upstreams().get(replace(source, headers={"x-api-key": "k"}), ask())

    assert "x-api-key: k\r\n" in server.headers[0]


async def test_gzip_is_inflated(server: Upstream, source: Source, upstreams: Make) -> None:
    server.answer_gzip("/x", b'"' + b"a" * 100_000 + b'"')

    assert len((await upstreams().get(source, ask())).body) == 100_002


CASES = Path(__file__).resolve().parents[1] / "cases"


async def test_all_members_of_a_gzip_body_are_read(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    packed = (CASES / "h3-20-gzip-two-members" / "body.json.gz").read_bytes()
    server.answer("/x", packed, content_encoding="gzip")

    body = (await upstreams().get(source, ask())).body

    assert body == gzip.decompress(packed)


@pytest.mark.parametrize("behind", [b"\0" * 512, b"\x1f", b"<!-- -->", gzip.compress(b"", mtime=0)])
async def test_what_follows_gzip_and_is_none_is_ignored(
    server: Upstream, source: Source, upstreams: Make, behind: bytes
) -> None:
    server.answer("/x", gzip.compress(b"[1]") + behind, content_encoding="gzip")

    assert (await upstreams().get(source, ask())).body == b"[1]"


async def test_a_second_member_that_ends_early_is_a_torn_body(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x", gzip.compress(b"[") + gzip.compress(b"]")[:-4], content_encoding="gzip")

    with pytest.raises(Unavailable, match="ends early"):
        await upstreams(source.host).get(source, ask())


def test_members_cut_anywhere_are_one_body() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    inflater = Inflater(100)

    assert b"".join(inflater.feed(packed[at : at + 1]) for at in range(len(packed))) == b"one two"
    assert inflater.whole


def test_a_body_has_so_many_members_and_no_more() -> None:
    empty = gzip.compress(b"")

    assert Inflater(10).feed(empty * MEMBERS_MAX) == b""
    with pytest.raises(zlib.error, match="too many members"):
        Inflater(10).feed(empty * (MEMBERS_MAX + 1))


@pytest.mark.parametrize(
    ("status", "content_type"),
    [(200, "text/html"), (204, "application/json"), (404, "application/json"), (400, "x")],
)
async def test_what_is_no_json_is_refused_without_a_retry(
    server: Upstream, source: Source, upstreams: Make, status: int, content_type: str
) -> None:
    body = b"" if status == 204 else b"<html>"
    server.answer("/x", body, status=status, content_type=content_type)

    with pytest.raises(MalformedBody):
        await upstreams(source.host).get(source, ask())

    assert server.calls == {"/x": 1}


@pytest.mark.parametrize("target", ["other", "http://127.0.0.1:1/", "file:///etc/passwd"])
async def test_a_redirect_is_not_followed(
    server: Upstream, source: Source, upstreams: Make, target: str
) -> None:
    server.answer("/x", status=301, location=target)

    with pytest.raises(MalformedBody, match="HTTP 301"):
        await upstreams(source.host).get(source, ask())

    assert server.calls == {"/x": 1}


async def test_a_body_over_the_limit_is_cut_off(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x", b"1" * (MAX_BODY + 1))
    server.answer("/just", b"1" * MAX_BODY)
    one = upstreams(source.host)

    with pytest.raises(MalformedBody, match="over"):
        await one.get(source, ask())
    assert len((await one.get(source, ask("/just"))).body) == MAX_BODY


async def test_an_endless_body_is_cut_off(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    async def pour(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"1" * 65536 + b"\r\n")
            await writer.drain()

    server.handlers["/x"] = pour

    with pytest.raises(MalformedBody, match="over"):
        await upstreams(source.host).get(source, ask())


async def test_a_gzip_bomb_costs_no_memory(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    squeeze = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    mebibyte = b"0" * (1 << 20)
    bomb = b"".join(squeeze.compress(mebibyte) for _ in range(300)) + squeeze.flush()
    server.answer("/x", bomb, content_encoding="gzip")
    one = upstreams(source.host)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for _ in range(3):
        with pytest.raises(MalformedBody, match="over"):
            await one.get(source, ask())

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
async def test_other_encodings_are_refused(
    server: Upstream, source: Source, upstreams: Make, encoding: str
) -> None:
    server.answer("/x", b"[]", content_encoding=encoding)

    with pytest.raises(MalformedBody, match="content-encoding"):
        await upstreams(source.host).get(source, ask())


async def test_gzip_that_is_none_is_refused(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x", b"[]", content_encoding="gzip")

    with pytest.raises(MalformedBody, match="broken gzip"):
        await upstreams(source.host).get(source, ask())


async def test_gzip_that_ends_early_is_requested_again(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x", gzip.compress(b"1" * 1000)[:-8], content_encoding="gzip")

    with pytest.raises(Unavailable, match="ends early"):
        await upstreams(source.host).get(source, ask())

    assert server.calls == {"/x": 3}


async def test_huge_headers_are_refused(server: Upstream, source: Source, upstreams: Make) -> None:
    server.answer("/x", x_big="a" * 70_000)

    with pytest.raises(MalformedBody, match="headers"):
        await upstreams(source.host).get(source, ask())


async def test_a_body_that_ends_early_is_requested_three_times(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.raw("/x", JSON_HEAD + b"content-length: 100\r\n\r\n[1,", close=True)

    with pytest.raises(Unavailable):
        await upstreams(source.host).get(source, ask())

    assert server.calls == {"/x": 3}


async def test_a_server_error_is_retried_until_it_answers(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    async def second_time(_: str, writer: asyncio.StreamWriter) -> None:
        status = b"503" if server.calls["/x"] == 1 else b"200"
        writer.write(b"HTTP/1.1 " + status + JSON_HEAD[12:] + b"content-length: 2\r\n\r\n[]")

    server.handlers["/x"] = second_time

    assert (await upstreams(source.host).get(source, ask())).body == b"[]"
    assert server.calls == {"/x": 2}


async def test_without_saved_retries_a_failure_is_final(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    server.answer("/x", status=500)
    one = upstreams(source.host, retries=0)

    for _ in range(18):
        with pytest.raises(Unavailable, match="HTTP 500"):
            await one.get(source, ask())

    assert server.calls["/x"] == 19


async def test_a_dripping_body_ends_at_the_deadline(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    async def drip(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(JSON_HEAD + b"content-length: 1000\r\n\r\n")
        while True:
            writer.write(b"1")
            await writer.drain()
            await asyncio.sleep(0.5)

    server.handlers["/x"] = drip
    started = time.monotonic()

    with pytest.raises(Unavailable, match="TimeoutError"):
        await upstreams(source.host).get(source, ask())

    assert 7.5 <= time.monotonic() - started <= 8.5
    assert server.calls == {"/x": 1}


async def test_a_closed_port_is_unavailable_at_once(source: Source, upstreams: Make) -> None:
    gone = replace(source, url=f"http://127.0.0.1:{free_port()}")
    started = time.monotonic()

    with pytest.raises(Unavailable, match="ConnectError"):
        await upstreams(gone.host).get(gone, ask())

    assert time.monotonic() - started < 2


async def test_a_429_holds_every_replica_back_and_no_other_host(
    server: Upstream, source: Source, upstreams: Make, redis: Redis, keys: Keys
) -> None:
    server.answer("/x", status=429, retry_after="30")
    server.answer("/other/x")
    other = replace(source, url=f"{source.url}/other")

    with pytest.raises(Throttled) as raised:
        await upstreams(source.host).get(source, ask())
    waiting = asyncio.ensure_future(upstreams(source.host).get(source, ask()))
    await upstreams(other.host).get(other, ask())

    assert raised.value.retry_after_s == 30
    assert 29_000 < await redis.pttl(keys.fetch_hold(source.host)) <= 30_000
    assert not waiting.done()
    assert server.calls == {"/x": 1, "/other/x": 1}
    waiting.cancel()


async def test_a_wait_of_a_fraction_is_kept_to(
    server: Upstream, source: Source, upstreams: Make, redis: Redis, keys: Keys
) -> None:
    head = (CASES / "h3-18-retry-after-fraction" / "headers.txt").read_bytes().strip()
    server.raw("/x", head.replace(b"\n", b"\r\n") + b"\r\ncontent-length: 0\r\n\r\n")

    with pytest.raises(Throttled) as raised:
        await upstreams(source.host, retries=0).get(source, ask())

    assert raised.value.retry_after_s == 2.5
    assert 2_000 < await redis.pttl(keys.fetch_hold(source.host)) <= 2_500


async def test_after_a_short_hold_the_call_goes_on(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    async def second_time(_: str, writer: asyncio.StreamWriter) -> None:
        if server.calls["/x"] == 1:
            writer.write(b"HTTP/1.1 429 X\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
        else:
            writer.write(JSON_HEAD + b"content-length: 2\r\n\r\n[]")

    server.handlers["/x"] = second_time
    started = time.monotonic()

    assert (await upstreams(source.host).get(source, ask())).body == b"[]"
    assert time.monotonic() - started >= 0.99


async def test_a_wrong_key_or_a_firewall_stops_calls_for_a_minute(
    server: Upstream, source: Source, upstreams: Make, redis: Redis, keys: Keys
) -> None:
    for status in (401, 403):
        server.answer(f"/{status}/x", b"<html>", status=status, content_type="text/html")
        refusing = replace(source, url=f"{source.url}/{status}")

        with pytest.raises(SourceError, match=f"HTTP {status}"):
            await upstreams(refusing.host).get(refusing, ask())

        assert server.calls[f"/{status}/x"] == 1
        assert await redis.pttl(keys.fetch_hold(refusing.host)) > 59_000


async def test_calls_in_flight_are_bounded(
    server: Upstream, source: Source, upstreams: Make
) -> None:
    gate, here, most = asyncio.Event(), 0, 0

    async def slow(_: str, writer: asyncio.StreamWriter) -> None:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await gate.wait()
        here -= 1
        writer.write(JSON_HEAD + b"content-length: 2\r\n\r\n[]")

    server.handlers["/x"] = slow
    one = upstreams(concurrency=3)

    calls = [asyncio.ensure_future(one.get(source, ask())) for _ in range(12)]
    await eventually(lambda: here == 3)
    gate.set()
    await asyncio.gather(*calls)

    assert (most, server.calls["/x"]) == (3, 12)


async def test_one_fetcher_requests_the_shared_budget_about_once_a_call(
    server: Upstream, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(name="test", url=server.url, rates={"default": 1_200}, jobs=())
    server.answer("/x", b"[]")
    budget = Budget(redis, keys)
    answers: list[float] = []
    take = budget.take

    async def counted(host: str, rate_class: str, per_minute: float) -> tuple[float, bool]:
        wait_s, held = await take(host, rate_class, per_minute)
        answers.append(wait_s)
        return wait_s, held

    monkeypatch.setattr(budget, "take", counted)
    async with open_client(concurrency=5) as client:
        upstreams = Upstreams(client, budget, concurrency=5)

        await asyncio.gather(*(upstreams.get(source, ask()) for _ in range(30)))

    # A second request comes when the two clocks differ a little. Without the limiter and the line
    # there are thirteen a call (bench/budget.py).
    assert answers.count(0) == 30
    assert len(answers) <= 60
