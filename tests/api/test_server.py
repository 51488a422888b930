"""The api on a real socket: what the parser, the connection and the end of the process do."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from services.api.app import run
from services.api.settings import ApiSettings
from shared.edge.http.graceful_close import GracefulClose
from shared.errors import ConfigError
from tests.testkit.api import SECRET, Launch, RunningApi, consume
from tests.testkit.commits import Writer, row
from tests.testkit.process import free_port
from tests.testkit.wait import eventually

POST = (
    b"POST /ingest HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer bot.%s\r\n" % SECRET.encode()
)


class Ended(asyncio.Transport):
    """A transport of uvloop's that has ended, but has not reported it yet."""

    def is_closing(self) -> bool:
        return True

    def __init__(self) -> None:
        super().__init__()
        self.written: list[object] = []

    def write(self, data: object) -> None:
        self.written.append(data)
        raise RuntimeError("the handler is closed")


async def test_an_answer_to_a_client_that_has_gone_is_dropped() -> None:
    transport = Ended()

    GracefulClose(transport, asyncio.get_running_loop(), 1.0).write(b"HTTP/1.1 200 OK")

    assert transport.written == []


class HalfClosed(Ended):
    """A transport whose other side may go on."""

    def is_closing(self) -> bool:
        return False

    def write_eof(self) -> None:
        pass


async def test_a_request_that_was_refused_is_not_asked_for_its_body() -> None:
    """uvicorn writes `100 Continue` when the app reads the body, which may be after the refusal."""
    transport = HalfClosed()
    connection = GracefulClose(transport, asyncio.get_running_loop(), 1.0)

    connection.write_eof()
    connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert transport.written == []
    assert not connection.is_closing()


async def test_ten_megabytes_announced_are_413_before_any_is_sent(launch: Launch) -> None:
    api = await launch()

    answer = await api.raw(POST + b"Content-Length: 10485760\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b'"code":"body_too_large"' in answer


async def test_a_client_that_expects_continue_is_refused_before_its_body(launch: Launch) -> None:
    api = await launch()
    started = time.monotonic()

    answer = await api.raw(POST + b"Content-Length: 10485760\r\nExpect: 100-continue\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - started < 0.9


async def test_a_client_that_sends_it_all_sees_why_not_a_reset(launch: Launch) -> None:
    api = await launch()

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(16):
            yield b" " * 65_536

    headers = {"authorization": f"Bearer bot.{SECRET}", "content-type": "application/json"}
    for body in (b" " * 600_000, parts(), b" " * 300_000, parts()):
        async with httpx.AsyncClient(base_url=api.url) as client:
            answer = await client.post("/ingest", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "request_bytes",
    [
        (POST + b"Content-Length: -1\r\n\r\n"),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (b"GET /discover?sort=\x00 HTTP/1.1\r\nHost: api\r\n\r\n"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ],
)
async def test_what_is_no_request_is_a_400_problem_and_the_end(
    launch: Launch, request_bytes: bytes
) -> None:
    api = await launch()

    answer = await api.raw(request_bytes)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert b'"code":"bad_request"' in body


async def test_trace_is_405_and_echoes_nothing(launch: Launch) -> None:
    api = await launch()

    answer = await api.raw(
        b"TRACE /ingest HTTP/1.1\r\nHost: api\r\nX-Secret: 42\r\nConnection: close\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"allow: POST" in answer
    assert b"42" not in answer.partition(b"\r\n\r\n")[2]


async def test_head_sends_no_body_and_the_connection_stays(writer: Writer, launch: Launch) -> None:
    await writer.begin()
    await writer.commit([row(1)])
    api = await launch()

    answer = await api.raw(
        b"HEAD /discover HTTP/1.1\r\nHost: api\r\n\r\n"
        b"GET /livez HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n"
    )

    first, _, second = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert b"server:" not in answer


async def test_a_whole_post_over_the_socket(redis: object, keys: object, launch: Launch) -> None:
    api = await launch()
    body = b'{"source":"mybot","tokens":[{"token_address":"Abc","price":1}]}'

    async with consume(redis, keys) as consumer:  # type: ignore[arg-type]
        request = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        answer = await api.raw(request)
        await eventually(lambda: consumer.batches)

    assert answer.startswith(b"HTTP/1.1 202 ")


async def test_the_end_lets_requests_finish_and_says_draining_first(
    writer: Writer, redis: object, keys: object, launch: Launch
) -> None:
    await writer.begin()
    await writer.commit()
    api = await launch(api_drain_grace_s=0.4)
    body = b'{"source":"mybot","tokens":[{"token_address":"Abc","price":1}]}'
    request = b"%sContent-Length: %d\r\n\r\n%s" % (POST, len(body), body)
    request = request.replace(b"/ingest", b"/ingest?ack=commit")

    async with consume(redis, keys) as consumer:  # type: ignore[arg-type]
        asking = asyncio.create_task(api.raw(request))
        await eventually(lambda: consumer.batches)
        api.stop.set()
        await asyncio.sleep(0.1)
        async with httpx.AsyncClient(base_url=api.url) as client:
            ready = await client.get("/readyz")
        await eventually(lambda: not_listening(api))
        started = time.monotonic()
        await writer.commit(acks=(consumer.batches[0].batch_id,))
        answer = await asking
        await api.task

    assert (ready.status_code, ready.json()["code"]) == (503, "draining")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - started < 2


async def test_the_end_waits_until_a_slow_reader_has_the_whole_answer(
    writer: Writer, launch: Launch
) -> None:
    await writer.begin()
    await writer.commit([row(number) for number in range(100)])
    api = await launch()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.setblocking(False)  # noqa: FBT003 - its only form
        await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", api.port))
        slow.send(b"GET /discover?limit=100 HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        begun = await asyncio.get_running_loop().sock_recv(slow, 1_024)
        api.stop.set()
        await eventually(lambda: not_listening(api))
        ended, _ = await asyncio.wait({api.task}, timeout=1.0)
        answer = begun + await read_to_end(slow)
        await asyncio.wait_for(api.task, 3.0)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert not ended
    assert len(body) > 16_384  # more than the reader's side had room for
    assert f"content-length: {len(body)}\r\n".encode() in head + b"\r\n"


async def read_to_end(sock: socket.socket) -> bytes:
    found = b""
    while part := await asyncio.get_running_loop().sock_recv(sock, 65_536):
        found += part
    return found


async def not_listening(api: RunningApi) -> bool:
    return not await api.listens()


async def test_without_a_redis_url_it_does_not_start() -> None:
    with pytest.raises(ConfigError, match="REDIS_URL"):
        await run(ApiSettings(), asyncio.Event())


async def test_it_listens_at_once_and_waits_for_redis(launch: Launch) -> None:
    api = await launch(redis_url=f"redis://127.0.0.1:{free_port()}")

    async with httpx.AsyncClient(base_url=api.url) as client:
        health = await client.get("/health")
        answers = [await client.get(p) for p in ("/discover", "/discover?chain=base", "/readyz")]
        alive = await client.get("/livez")

    assert (health.status_code, health.json()["status"]) == (503, "down")
    assert [a.json()["code"] for a in answers] == ["storage_unavailable"] * 3
    assert [a.headers["retry-after"] for a in answers] == ["1"] * 3
    assert alive.status_code == 200
