"""Requests as they are written on the wire (tests/cases, h3-42 and h3-45)."""

from __future__ import annotations

import re

import pytest

from tests.testkit.api import Launch
from tests.testkit.commits import Writer, row


async def test_pipelined_requests_are_answered_in_their_order(
    writer: Writer, launch: Launch
) -> None:
    await writer.begin()
    await writer.commit([row(1), row(2)])
    api = await launch()
    request = (
        b"GET /discover?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
        b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    answer = await api.raw(request)

    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answer)
    assert statuses == [b"200", b"200", b"404", b"200", b"200"]
    assert answer.index(b'"tokens":[') < answer.index(b'{"status":"alive"}')
    assert answer.index(b'{"status":"alive"}') < answer.index(b'"code":"not_found"')
    assert answer.endswith(b'{"status":"alive"}')


@pytest.mark.parametrize(
    "host",
    [
        b"dexwire_api:8310",
        b"my_api",
        b"_api._tcp.example",
        b"dexwire_api.default.svc.cluster.local:8000",
        b"localhost:8000",
        b"127.0.0.1",
        b"[::1]:8000",
        b"API.Example",
    ],
)
async def test_a_host_name_may_have_underscores(launch: Launch, host: bytes) -> None:
    api = await launch()

    answer = await api.raw(
        b"GET /livez HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("host", "stream", "policy"),
    [
        (b"dexwire_api:8000", b"//dexwire_api:8001/ws", b" ws://dexwire_api:8001 "),
        (b"dexwire_api", b"//dexwire_api:8001/ws", b" wss://dexwire_api:8001;"),
        (b"[::1]:8000", b"//[::1]:8001/ws", b" ws: wss:;"),
        (b"127.0.0.1:8000", b"//127.0.0.1:8001/ws", b" ws://127.0.0.1:8001 "),
    ],
)
async def test_the_page_finds_the_stream_under_the_name_it_was_requested_by(
    launch: Launch, host: bytes, stream: bytes, policy: bytes
) -> None:
    api = await launch()
    head = b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"

    config = await api.raw(b"GET /config.json" + head)
    page = await api.raw(b"GET /" + head)

    assert b'"ws_url":"' + stream + b'"' in config
    assert policy in page
