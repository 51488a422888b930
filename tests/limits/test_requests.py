"""Requests that are too large, too slow or no requests: what each entry says (and how soon).

Where the proxy answers differently, it is because it reads the header itself: Go's parser has one
bound for the request line and headers together and says 431 for both, and it passes on a request
with its length given once and unambiguously, so that the rest is left to the api.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest

from tests.testkit.entries import (
    Answer,
    Edge,
    Entry,
    ask,
    connected,
    get,
    handshake,
    head,
    new_address,
    post,
)
from tests.testkit.wait import eventually

BIG = "x" * 100_000
LAST_CHUNK = b"0\r\n\r\n"
CHUNK = b"10000\r\n" + b" " * 65_536 + b"\r\n"

# FAULTS row, what is sent, the status at the bare api, the status behind Caddy.
ROWS: list[tuple[str, list[bytes], int, int]] = [
    ("7: ten megabytes announced", [post("Content-Length: 10485760")], 413, 413),
    (
        "8: a megabyte in chunks",
        [post("Transfer-Encoding: chunked", "Connection: close"), *[CHUNK] * 16, LAST_CHUNK],
        413,
        413,
    ),
    ("9: a negative length", [post("Content-Length: -1")], 400, 400),
    ("9: two lengths", [post("Content-Length: 2", "Content-Length: 3"), b"{}"], 400, 400),
    # Caddy takes the chunks and drops the length, as RFC 9112 6.3 allows: an empty body arrives.
    (
        "10: length and chunks",
        [
            post("Content-Length: 2", "Transfer-Encoding: chunked", "Connection: close"),
            LAST_CHUNK,
        ],
        400,
        400,
    ),
    # What has been passed on by then cannot be taken back: the proxy's own 502, and no second try.
    (
        "10: a chunk that is none",
        [post("Transfer-Encoding: chunked", "Connection: close"), b"zz\r\n"],
        400,
        502,
    ),
    ("52: an address of 100 kB", [get(f"/discover?q={BIG}")], 414, 431),
    ("52: an address of 9 kB", [get(f"/discover?q={BIG[:9_000]}")], 414, 414),
    ("53: a header of 100 kB", [get("/discover", f"X-Big: {BIG}")], 431, 431),
    ("53: a header of 100 kB that never ends", [get("/discover", f"X-Big: {BIG}")[:-4]], 431, 431),
    ("53: 5,000 headers", [get("/discover", *(f"X-{n}: y" for n in range(5_000)))], 431, 431),
    ("53: 150 small headers", [get("/discover", *(f"X-{n}: y" for n in range(150)))], 431, 431),
    ("54: no Host", [get(host="")], 400, 400),
    ("54: two Hosts", [get("/discover", "Host: other")], 400, 400),
    ("55: a Host with a path", [get(host="Host: a/admin?x")], 400, 400),
    ("ordinary: a whole page", [get()], 200, 200),
    ("ordinary: IPv6 and a port", [get(host="Host: [2001:db8::1]:8000")], 200, 200),
]


@pytest.mark.parametrize(
    ("sent", "bare", "behind"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
async def test_a_request_has_its_status(
    entry: Entry, sent: list[bytes], bare: int, behind: int
) -> None:
    answer = await ask(entry.http, *sent)

    assert answer.status == (bare if entry.name == "bare" else behind), answer.raw[:300]
    # Caddy may keep an answer back until the request that it is for has been read, or given up.
    assert answer.seconds < (3 if entry.name == "bare" else 17.5)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (post("Content-Length: 10485760"), "body_too_large"),
        (get(f"/discover?q={BIG}"), "uri_too_long"),
        (get("/discover", f"X-Big: {BIG}"), "header_too_large"),
        (get(host="Host: a/admin?x"), "bad_host"),
        (get(host="Host:"), "bad_host"),  # versions of Caddy differ on this one
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "bad_request"),
    ],
)
async def test_the_api_itself_says_why_as_a_problem(stack: Edge, sent: bytes, code: str) -> None:
    answer = await ask(stack.entries["bare"].http, sent)

    assert answer.header("content-type") == "application/problem+json"
    assert json.loads(answer.raw.partition(b"\r\n\r\n")[2])["code"] == code
    assert answer.header("connection") == "close"


async def test_after_a_refusal_nothing_smuggled_behind_it_is_answered(
    entry: Entry,
) -> None:
    both = post("Content-Length: 2", "Transfer-Encoding: chunked", "Connection: close")

    answer = await ask(entry.http, both + b"0\r\n\r\n" + get("/livez"))

    assert answer.raw.count(b"HTTP/1.1 ") == 1
    assert answer.status == 400


async def test_what_goes_wrong_behind_a_request_under_way_ends_both_and_is_no_error_of_ours(
    stack: Edge,
) -> None:
    entry, api = stack.entries["bare"], stack.processes[0]
    first = get("/tokens/solana/Token00001").replace(b"Connection: close\r\n", b"")
    bad = [first + b"nonsense\r\n\r\n", first * 20 + get("/x", f"X-Big: {BIG}")]
    bad.append(post("Transfer-Encoding: chunked") + b"5\r\nabc")

    await asyncio.gather(*(ask(entry.http, sent) for sent in bad[:2] * 20))
    async with connected(entry.http, new_address()) as (_, writer):  # gone in the middle of a body
        writer.write(bad[2])
    assert (await ask(entry.http, get())).status == 200

    assert "Traceback" not in api.output()


async def test_what_waits_is_cut_in_time(stack: Edge) -> None:
    """Rows 11 and 64, F21: all at once, because each takes its time."""
    bare, front = stack.entries["bare"], stack.entries["caddy"]
    half = get()[:-4]
    slow_body = post("Content-Length: 100")
    answers = dict(
        zip(
            (
                *("bare silent", "bare half", "bare dripping", "bare idle", "bare body"),
                *("caddy silent", "caddy half", "caddy dripping", "caddy body"),
                *("ws silent", "ws half", "caddy ws half"),
            ),
            await asyncio.gather(
                ask(bare.http),
                ask(bare.http, half),
                ask(bare.http, *(half[n : n + 1] for n in range(40)), every_s=0.2),
                ask(bare.http, get().replace(b"Connection: close\r\n", b"")),
                ask(bare.http, slow_body, *[b"x"] * 40, every_s=0.4),
                ask(front.http),
                ask(front.http, half),
                ask(front.http, *(half[n : n + 1] for n in range(40)), every_s=0.2),
                head(front.http, slow_body, *[b"x"] * 40, every_s=0.4),
                ask(bare.ws),
                ask(bare.ws, handshake()[:-4]),
                ask(front.ws, handshake()[:-4]),
            ),
            strict=True,
        )
    )

    assert {name: answer.status for name, answer in answers.items()} == {
        "bare silent": 0,
        "bare half": 408,
        "bare dripping": 408,
        "bare idle": 200,
        "bare body": 408,
        "caddy silent": 0,
        "caddy half": 0,  # Go's server ends such a connection without a word,
        "caddy dripping": 400,  # but calls half a line a bad one
        "caddy body": 408,  # the api's of after 10 s, passed on when the body has had its 16 s
        "ws silent": 0,
        "ws half": 0,
        "caddy ws half": 0,
    }
    assert all(4.5 < a.seconds < 6.5 for n, a in answers.items() if "body" not in n), answers
    assert 9.5 < answers["bare body"].seconds < 11.5
    assert 9.5 < answers["caddy body"].seconds < 17.5


async def test_who_does_not_read_an_answer_is_closed(stack: Edge) -> None:
    """Behind Caddy the api's reader is Caddy, which reads; its own `write 60s` bounds its."""
    entry = stack.entries["bare"]
    source = new_address()
    page = get("/openapi.json").replace(b"Connection: close\r\n", b"")
    async with connected(entry.http, source) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(page * 10)
        began = time.monotonic()
        writer.write(page * 200)
        while not writer.transport.is_closing() and time.monotonic() - began < 15:
            with contextlib.suppress(OSError):
                writer.write(b"\r\n")
            await asyncio.sleep(0.2)
        took = time.monotonic() - began

    assert 1.5 < took < 10


async def test_five_hundred_half_requests_are_gone_in_six_seconds_and_keep_nobody_out(
    stack: Edge,
) -> None:
    """F21, from two addresses, as no address may hold more than 300 connections."""
    entry = stack.entries["bare"]
    half = get()[:-4]

    async def honest(count: int) -> list[float]:
        took = []
        for _ in range(count):
            answer = await ask(entry.http, get("/livez"))
            assert answer.status == 200
            took.append(answer.seconds)
            await asyncio.sleep(0.02)
        return sorted(took)

    alone = await honest(50)
    sources = [new_address(), new_address()]
    attack = [asyncio.create_task(ask(entry.http, half, source=sources[n % 2])) for n in range(500)]
    await asyncio.sleep(0.5)
    beside = await honest(100)
    gone: list[Answer] = await asyncio.gather(*attack)

    print(
        f"half requests: last gone after {max(a.seconds for a in gone):.2f} s; honest p99 "
        f"{alone[-1] * 1e3:.1f} ms alone, {beside[-2] * 1e3:.1f} ms beside them"
    )
    assert {answer.status for answer in gone} <= {408, 0}  # 0: not even read by then
    assert max(answer.seconds for answer in gone) < 8
    assert beside[-2] < max(2 * alone[-1], 0.25)  # the machine is others' too


async def test_one_address_holds_only_so_many_connections(stack: Edge) -> None:
    entry, source = stack.entries["bare"], new_address()
    async with contextlib.AsyncExitStack() as held:
        for _ in range(300):
            await held.enter_async_context(connected(entry.http, source))
        refused = await ask(entry.http, get(), source=source)
        other = await ask(entry.http, get())

    async def again() -> bool:
        return (await ask(entry.http, get("/livez"), source=source)).status == 200

    assert (refused.status, refused.header("retry-after")) == (429, "1")
    assert b'"code":"too_many_connections"' in refused.raw
    assert other.status == 200
    await eventually(again)


async def test_compression_and_etags_pass_the_proxy(stack: Edge) -> None:
    entry, source = stack.entries["caddy"], new_address()
    path = "/discover?limit=50"

    whole = await ask(entry.http, get(path, "Accept-Encoding: gzip"), source=source)
    tag = whole.header("etag")
    same = await ask(
        entry.http, get(path, "Accept-Encoding: gzip", f"If-None-Match: {tag}"), source=source
    )

    assert (whole.status, whole.header("content-encoding")) == (200, "gzip")
    assert tag.startswith('W/"')
    assert same.status == 304
    assert whole.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
    assert whole.header("x-content-type-options") == "nosniff"
    assert whole.header("server") == ""


async def test_measurements_are_not_behind_the_proxy(stack: Edge) -> None:
    answers = [await ask(stack.entries["caddy"].http, get(p)) for p in ("/metrics", "/metrics/x")]

    assert [answer.status for answer in answers] == [404, 404]
    assert [answer.header("content-type") for answer in answers] == ["application/problem+json"] * 2
