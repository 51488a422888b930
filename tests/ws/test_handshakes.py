"""Who is let in, and what hostile or broken clients are answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.typing import Origin, Subprotocol

from services.ws.settings import WsSettings
from shared.errors import CannotListen, ConfigError
from shared.process.settings import read_settings
from tests.testkit.commits import Writer, token
from tests.testkit.gateway import (
    HANDSHAKE,
    LocalGateway,
    RawSocket,
    StartGateway,
    ask,
    joined,
    receive,
)
from tests.testkit.wait import eventually

TEXT, BINARY, CONT, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


@pytest.fixture
async def gateway(start_gateway: StartGateway, writer: Writer) -> LocalGateway:
    await writer.commit(token("A", price=1))
    gateway = await start_gateway(max_conns_per_address=5)
    await eventually(lambda: gateway.gateway is not None and gateway.gateway.hub.ready)
    return gateway


# -- 61, 62: origins ------------------------------------------------------------------------------
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000.evil"])
async def test_a_foreign_origin_is_refused_before_the_upgrade(
    gateway: LocalGateway, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with joined(gateway.url, origin=Origin(origin)):
            pass

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8000"])
async def test_an_allowed_origin_or_none_comes_in(
    gateway: LocalGateway, origin: str | None
) -> None:
    async with joined(gateway.url, origin=None if origin is None else Origin(origin)) as client:
        assert (await receive(client, "hello"))["proto"] == 1


@pytest.mark.parametrize("origin", ["http://shop.example", "http://shop.example:80"])
async def test_an_origin_comes_in_with_its_default_port_or_without(
    start_gateway: StartGateway, origin: str
) -> None:
    gateway = await start_gateway(ws_origins="http://shop.example:80")

    async with joined(gateway.url, origin=Origin(origin)) as client:
        assert (await receive(client, "hello"))["proto"] == 1


async def test_an_origin_can_be_required(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ws_require_origin=True)

    with pytest.raises(InvalidStatus) as refused:
        async with joined(gateway.url):
            pass

    assert refused.value.response.status_code == 403


# -- subprotocol ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("offered", "spoken"),
    [
        (["discover.v1.json"], "discover.v1.json"),
        (["other", "discover.v1.json"], "discover.v1.json"),
        (None, None),
    ],
)
async def test_the_subprotocol_is_echoed_when_it_is_offered(
    gateway: LocalGateway, offered: list[str] | None, spoken: str | None
) -> None:
    subprotocols = None if offered is None else [Subprotocol(name) for name in offered]
    async with joined(gateway.url, subprotocols=subprotocols) as client:
        assert client.subprotocol == spoken


async def test_a_client_of_another_protocol_learns_it_from_the_close_code(
    gateway: LocalGateway,
) -> None:
    async with joined(gateway.url, subprotocols=[Subprotocol("graphql-ws")]) as client:
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4504


# -- 63, 65, 75 and health: plain requests ---------------------------------------------------------
@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (b"POST /ws HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST /health HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (HANDSHAKE.replace(b"Version: 13", b"Version: 8") + b"\r\n", 400),
        (HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n", 505),
        (HANDSHAKE.replace(b"/ws", b"/") + b"\r\n", 404),
        (HANDSHAKE.replace(b"/ws", b"/ws/") + b"\r\n", 404),
        (HANDSHAKE.replace(b"/ws", b"/../ws") + b"\r\n", 404),
        (HANDSHAKE.replace(b"/ws", b"/../x") + b"\r\n", 404),
        (HANDSHAKE.replace(b"/ws", b"//[/ws") + b"\r\n", 400),
        (HANDSHAKE.replace(b"/ws", b"/" + b"x" * 9000) + b"\r\n", 414),
        (HANDSHAKE + b"X: " + b"x" * 10_000 + b"\r\n\r\n", 431),
        (HANDSHAKE + b"".join(b"X%d: y\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 2, 200),
        (b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    ],
)
async def test_a_plain_request_has_its_status(
    gateway: LocalGateway, writer: Writer, request_bytes: bytes, status: int
) -> None:
    await writer.commit(token("A", price=2))  # a word from the aggregator: ready
    assert gateway.gateway is not None
    hub = gateway.gateway.hub
    await eventually(lambda: hub.status == "live")

    async with RawSocket(gateway.port) as raw:
        answer = await raw.answer(request_bytes)

    assert answer.startswith(b"HTTP/1.1 %d " % status)


async def test_a_ping_before_the_response_is_answered_after_it(gateway: LocalGateway) -> None:
    async with RawSocket(gateway.port) as raw:
        raw.writer.write(HANDSHAKE + b"\r\n")
        raw.send(PING, b"early")
        head = await raw.reader.readuntil(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 101 ")
        assert await raw.reader.readexactly(7) == b"\x8a\x05early"


async def test_a_client_that_closes_before_the_response_gets_it_and_the_close(
    gateway: LocalGateway,
) -> None:
    async with RawSocket(gateway.port) as raw:
        raw.writer.write(HANDSHAKE + b"Sec-WebSocket-Protocol: graphql-ws\r\n\r\n")
        raw.send(CLOSE, struct.pack("!H", 1000))
        answer = await raw.reader.read()

    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert (frames[0], struct.unpack("!H", frames[2:4])[0]) == (0x88, 4504)


async def test_health_says_how_it_is(gateway: LocalGateway) -> None:
    async with joined(f"{gateway.url}?topics=all") as client, RawSocket(gateway.port) as raw:
        await receive(client, "snap")
        answer = await raw.answer(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")

    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (problem["epoch"], problem["version"], problem["token_count"]) == ("e1", 1, 1)
    assert problem["connections"] == 1


# -- 64: half a handshake -------------------------------------------------------------------------
@pytest.mark.parametrize("sent", [b"", HANDSHAKE])
async def test_half_a_handshake_is_cut(start_gateway: StartGateway, sent: bytes) -> None:
    gateway = await start_gateway(ws_handshake_s=0.2)

    async with RawSocket(gateway.port) as raw:
        raw.writer.write(sent)
        async with asyncio.timeout(1):
            with contextlib.suppress(ConnectionResetError):
                assert await raw.reader.read() == b""


# -- 66-70: frames --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([{"opcode": TEXT, "data": b"{}", "mask": 0}], 1002),
        ([{"opcode": TEXT, "data": b"{}", "first": 0xC0}], 1002),
        ([{"opcode": 0x3}], 1002),
        ([{"opcode": PING, "first": 0x00}], 1002),
        ([{"opcode": CONT, "data": b"{}"}], 1002),
        ([{"opcode": PING, "data": b"x" * 128}], 1002),
        ([{"opcode": CLOSE, "data": b"\x03"}], 1002),
        ([{"opcode": CLOSE, "data": (1005).to_bytes(2, "big")}], 1002),
        ([{"opcode": TEXT, "data": b"\xff\xfe"}], 1007),
        ([{"opcode": TEXT, "data": b"x" * 16_385}], 1009),
        (
            [
                {"opcode": TEXT, "data": b"x" * 9_000, "first": 0},
                {"opcode": CONT, "data": b"x" * 9_000},
            ],
            1009,
        ),
        ([{"opcode": TEXT, "first": 0}, *[{"opcode": CONT, "first": 0}] * 500], 1009),
        ([{"opcode": BINARY, "data": b"{}"}], 1003),
        ([{"opcode": TEXT, "data": b'{"op":"ping"}'}] * 40, 4004),
        ([{"opcode": PING}] * 40, 4004),
        ([{"opcode": TEXT, "data": b"nonsense"}] * 5, 4500),
        ([{"opcode": CLOSE, "data": (1000).to_bytes(2, "big")}], 1000),
    ],
)
async def test_a_broken_frame_closes_with_its_code(
    gateway: LocalGateway, frames: list[dict[str, object]], code: int
) -> None:
    async with RawSocket(gateway.port) as raw:
        await raw.upgrade()
        for frame in frames:
            raw.send(**frame)  # type: ignore[arg-type]  # written out in the table above
        assert await raw.close_code() == code

    await eventually(lambda: not gateway.sockets)
    assert gateway.gateway is not None
    assert gateway.gateway.hub.members == {}


async def test_a_declared_length_of_2_63_is_refused_unread(gateway: LocalGateway) -> None:
    async with RawSocket(gateway.port) as raw:
        await raw.upgrade()
        raw.writer.write(b"\x81\xff" + (2**63 - 1).to_bytes(8, "big") + bytes(4))
        assert await raw.close_code() == 1009


async def test_a_message_in_fragments_is_put_together(gateway: LocalGateway) -> None:
    async with joined(gateway.url) as client:
        await client.send(['{"id":1,"op":', '"sub",', '"topics":["all"]}'])
        assert (await receive(client, "ok"))["topics"] == {"all": "snap"}


async def test_compression_is_agreed_on_without_context_takeover(gateway: LocalGateway) -> None:
    async with joined(gateway.url, compression="deflate") as client:
        assert client.response is not None
        assert client.response.headers["Sec-WebSocket-Extensions"] == (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        )
        assert (await ask(client, op="sub", topics=["all"]))["topics"] == {"all": "snap"}


async def test_compression_with_a_smaller_window_is_declined(gateway: LocalGateway) -> None:
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=10)
    async with joined(gateway.url, extensions=[offer]) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


async def test_compression_can_be_turned_off(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ws_compression=False)

    async with joined(gateway.url, compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


# -- 71, 74: messages (each is in test_session.py) ------------------------------------------------
async def test_an_error_leaves_the_connection_open(gateway: LocalGateway) -> None:
    async with joined(gateway.url) as client:
        err = await ask(client, op="sub", topics=["nope"])
        ok = await ask(client, op="sub", topics=["all"])

    assert (err["code"], ok["t"]) == ("bad_topic", "ok")


# -- 76, 77: too many -----------------------------------------------------------------------------
async def test_the_sixth_connection_of_an_address_is_429_and_a_place_is_free_again_later(
    gateway: LocalGateway,
) -> None:
    sockets = [RawSocket(gateway.port) for _ in range(5)]
    for raw in sockets:
        await raw.__aenter__()
        await raw.upgrade()
    async with RawSocket(gateway.port) as sixth:
        answer = await sixth.answer(HANDSHAKE + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: " in answer

    for raw in sockets:
        await raw.__aexit__()
    await eventually(lambda: not gateway.sockets)

    async with joined(gateway.url) as client:
        await receive(client, "hello")


async def test_a_full_server_is_503(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ws_max_connections=1)

    async with joined(gateway.url), RawSocket(gateway.port) as second:
        answer = await second.answer(HANDSHAKE + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in answer


async def test_a_trusted_proxy_names_the_client(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(max_conns_per_address=1, trusted_proxies=("127.0.0.1",))

    async with (
        joined(gateway.url, additional_headers={"X-Forwarded-For": "1.1.1.1"}),
        joined(gateway.url, additional_headers={"X-Forwarded-For": "2.2.2.2"}),
        RawSocket(gateway.port) as third,
    ):
        answer = await third.answer(HANDSHAKE + b"X-Forwarded-For: 1.1.1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 429 ")


# -- deadlines ------------------------------------------------------------------------------------
async def test_a_connection_without_a_subscription_is_closed(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ws_subscribe_s=0.5)

    async with RawSocket(gateway.port) as raw:
        await raw.upgrade()
        assert await raw.close_code() == 4000


async def test_a_client_that_answers_no_ping_is_closed(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1))
    gateway = await start_gateway(ws_ping_s=0.5, ws_pong_s=0.5)

    async with RawSocket(gateway.port) as raw, joined(f"{gateway.url}?topics=all") as polite:
        await raw.upgrade()
        raw.send(TEXT, b'{"op":"sub","topics":["all"]}')
        assert await raw.close_code() == 4001
        for _ in range(2):
            await receive(polite, "hb")  # the library answers pings: still here


# -- 80: rude ends --------------------------------------------------------------------------------
async def test_rude_ends_leave_nothing_behind(
    gateway: LocalGateway, writer: Writer, capfd: pytest.CaptureFixture[str]
) -> None:
    async with RawSocket(gateway.port) as raw:  # data after the close frame
        await raw.upgrade()
        raw.send(TEXT, b'{"op":"sub","topics":["all"]}')
        raw.send(CLOSE, (1000).to_bytes(2, "big"))
        raw.send(TEXT, b'{"op":"ping"}' * 100)
        assert await raw.close_code() == 1000
    async with RawSocket(gateway.port) as raw:  # a reset in the middle of a frame
        await raw.upgrade()
        raw.writer.write(b"\x81\xfe\x10")
        linger = struct.pack("ii", 1, 0)
        raw.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raw.writer.transport.abort()

    await eventually(lambda: not gateway.sockets)
    await writer.commit(token("A", price=2))
    assert "Traceback" not in capfd.readouterr().err


# -- 110, 106: settings ---------------------------------------------------------------------------
async def test_a_port_that_is_taken_is_one_plain_error(
    gateway: LocalGateway, start_gateway: StartGateway
) -> None:
    second = await start_gateway(ws_port=gateway.port)

    with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{gateway.port}: "):
        await second.task


@pytest.mark.parametrize(
    "origins", ["*", "https://*.example.org", "example.org", "https://example.org/page"]
)
def test_only_exact_origins_can_be_allowed(origins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WS_ORIGINS", f"https://example.org,{origins}")

    with pytest.raises(ConfigError, match=r"^WS_ORIGINS: .*exact origin"):
        read_settings(WsSettings)


def test_origins_are_read_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WS_ORIGINS", "https://a.example, http://127.0.0.1:8080")

    settings = read_settings(WsSettings)

    assert settings.ws_origins == ("https://a.example", "http://127.0.0.1:8080")
