"""The stream's shared cases: fragments, compression offers, killed subscriptions (tests/cases)."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from dexwire.server.up.embedded import EmbeddedServer
from services.api.settings import ApiSettings
from shared.keys import Keys
from shared.redis.connect import open_redis
from tests.testkit.api import serve
from tests.testkit.commits import Writer, token
from tests.testkit.gateway import HANDSHAKE, LocalGateway, RawSocket, StartGateway, beats
from tests.testkit.reference_client import LiveClient, following
from tests.testkit.trading import make_trade, truth_of, up_to_date
from tests.testkit.wait import eventually

CASES = Path(__file__).parents[1] / "cases"
OFFERS = (CASES / "h3-53-ws-deflate-offers" / "header.txt").read_bytes().strip()
HEADER = b"Sec-WebSocket-Extensions: "
CONT, TEXT, PING = 0x0, 0x1, 0x9
FIN, COMPRESSED = 0x80, 0x40
SUB = b'{"id":1,"op":"sub","topics":["all"]}'
AGREED = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.fixture
async def gateway(start_gateway: StartGateway, writer: Writer) -> LocalGateway:
    await writer.commit(token("A", price=1))
    gateway = await start_gateway(ws_subscribe_s=0.5)
    await eventually(lambda: gateway.gateway is not None and gateway.gateway.hub.ready)
    return gateway


def fragments(case: str) -> list[tuple[int, int, bytes]]:
    """Return the opcode, FIN bit and payload of a case's frames."""
    opcodes, fins = {"text": TEXT, "cont": CONT}, {"fin=0": 0, "fin=1": FIN}
    lines = (CASES / case / "frames.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.split(" ", 2) for line in lines]
    return [(opcodes[opcode], fins[fin], data.encode()) for opcode, fin, data in parts]


async def open_with(raw: RawSocket, offers: bytes) -> bytes:
    """Shake hands and offer extensions; return the response's head."""
    raw.writer.write(HANDSHAKE + HEADER + offers + b"\r\n\r\n")
    return await raw.reader.readuntil(b"\r\n\r\n")


async def next_frame(raw: RawSocket) -> dict[str, Any]:
    """Return the next data frame, decompressed where it says so."""
    while True:
        first, size = await raw.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await raw.reader.readexactly(2), "big")
        data = await raw.reader.readexactly(size)
        if first & COMPRESSED:
            data = zlib.decompress(data + b"\x00\x00\xff\xff\x03\x00", -zlib.MAX_WBITS)
        if first & 0x0F == TEXT:
            frame: dict[str, Any] = json.loads(data)
            return frame


async def receive_kinds(raw: RawSocket, *kinds: str) -> None:
    """Read on until there was a frame of each kind, in this order."""
    async with asyncio.timeout(5):
        for kind in kinds:
            frame = await next_frame(raw)
            while frame["t"] != kind:
                assert frame["t"] != "err", frame
                frame = await next_frame(raw)


def packed(data: bytes) -> bytes:
    """Return a message as it is sent compressed."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


# -- h3-51: fragments -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "frames",
    [
        fragments("h3-51-ws-fragments"),
        [(TEXT, 0, SUB[:9]), (PING, FIN, b"x"), (CONT, 0, SUB[9:20]), (PING, FIN, b""),
         (CONT, FIN, SUB[20:])],
        [(TEXT, 0, b""), (CONT, 0, SUB), (CONT, FIN, b"")],
        [(TEXT, 0, SUB[:1]), *((CONT, 0, SUB[n : n + 1]) for n in range(1, 35)),
         (CONT, FIN, SUB[35:])],
        [(TEXT, 0, b'{"id":"\xf0\x9f'), (CONT, FIN, b'\x90\xb8","op":"sub","topics":["all"]}')],
    ],
    ids=["h3-51", "pings between", "empty fragments", "a byte each", "cut within a letter"],
)  # fmt: skip
async def test_fragments_are_one_message(
    gateway: LocalGateway, frames: list[tuple[int, int, bytes]]
) -> None:
    async with RawSocket(gateway.port) as raw:
        await raw.upgrade()
        for opcode, fin, data in frames:
            raw.send(opcode, data, first=fin)
        await receive_kinds(raw, "ok", "snap")


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([(CONT, FIN, SUB)], 1002),
        ([(CONT, 0, SUB)], 1002),
        ([(TEXT, 0, SUB[:9]), (TEXT, FIN, SUB)], 1002),
        ([(TEXT, 0, SUB[:9]), (PING, 0, b"")], 1002),
        ([(TEXT, 0, SUB[:9]), (CONT, FIN, SUB[9:]), (CONT, FIN, b"")], 1002),
        ([(TEXT, 0, b"\xf0\x9f"), (CONT, FIN, b"!")], 1007),
        ([(TEXT, 0, b"x"), *[(CONT, 0, b"x")] * 200], 1009),
        ([(TEXT, 0, SUB[:9]), (CONT, 0, SUB[9:])], 4000),  # as one that never subscribes
    ],
    ids=[
        "a lone continuation",
        "a lone continuation that goes on",
        "a message within a message",
        "a ping in fragments",
        "a continuation too many",
        "half a letter",
        "without end",
        "without end, and silent",
    ],
)
async def test_fragments_of_no_message_close_with_a_code(
    gateway: LocalGateway, frames: list[tuple[int, int, bytes]], code: int
) -> None:
    async with RawSocket(gateway.port) as raw:
        await raw.upgrade()
        for opcode, fin, data in frames:
            raw.send(opcode, data, first=fin)
        assert await raw.close_code() == code

    await eventually(lambda: not gateway.sockets)


async def test_diffs_arrive_while_a_message_is_unfinished(
    gateway: LocalGateway, writer: Writer
) -> None:
    async with RawSocket(gateway.port) as raw:
        await raw.upgrade()
        raw.send(TEXT, SUB)
        await receive_kinds(raw, "snap")
        raw.send(TEXT, b'{"id":2,"op":', first=0)
        await writer.commit(token("A", price=2))
        await receive_kinds(raw, "d")
        raw.send(CONT, b'"ping"}')
        await receive_kinds(raw, "ok")


# -- h3-53: compression offers --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        (OFFERS.removeprefix(HEADER), AGREED),
        (b"permessage-deflate; foo", b""),
        (b"permessage-deflate; foo=1; client_max_window_bits", b""),
        (b"x-webkit-deflate-frame, bbf-usp-protocol; a=1", b""),
        (b"mux; max=4; flow, permessage-deflate", AGREED),
        (b"permessage-deflate; server_max_window_bits=9", b""),
        (b"permessage-deflate; server_max_window_bits=9, permessage-deflate", AGREED),
        (b"permessage-deflate; server_max_window_bits", b""),
        (b"permessage-deflate; server_max_window_bits=many", b""),
        (b"permessage-deflate; client_max_window_bits=99", b""),
        (b"permessage-deflate; server_no_context_takeover=1", b""),
        (b"permessage-deflate; client_no_context_takeover; client_no_context_takeover", b""),
        (b"permessage-deflate; foo; foo, permessage-deflate; client_max_window_bits", AGREED),
        (b"permessage-deflate, permessage-deflate", AGREED),
        (b"permessage-deflate; foo=1\r\n" + HEADER + b"permessage-deflate", AGREED),
        (b"permessage-deflate; client_max_window_bits", AGREED),
        (
            b'permessage-deflate; client_max_window_bits="15"',
            AGREED + b"; client_max_window_bits=15",
        ),
        (b"permessage-deflate; server_max_window_bits=15", AGREED + b"; server_max_window_bits=15"),
    ],
)
async def test_no_offer_of_compression_fails_a_connection(
    gateway: LocalGateway, offers: bytes, agreed: bytes
) -> None:
    async with RawSocket(gateway.port) as raw:
        head = await open_with(raw, offers)
        answered = head.partition(HEADER)[2].partition(b"\r\n")[0]
        raw.send(TEXT, SUB)
        await receive_kinds(raw, "ok", "snap")

    assert head.startswith(b"HTTP/1.1 101 ")
    assert answered == agreed


async def test_a_compressed_message_may_come_in_fragments(gateway: LocalGateway) -> None:
    data = packed(SUB)
    async with RawSocket(gateway.port) as raw:
        await open_with(raw, b"permessage-deflate")
        raw.send(TEXT, data[:9], first=COMPRESSED)
        raw.send(PING)
        raw.send(CONT, data[9:])
        await receive_kinds(raw, "ok", "snap")


async def test_a_compressed_message_without_an_agreement_is_1002(gateway: LocalGateway) -> None:
    async with RawSocket(gateway.port) as raw:
        await open_with(raw, b"permessage-deflate; foo=1")
        raw.send(TEXT, packed(SUB), first=FIN | COMPRESSED)
        assert await raw.close_code() == 1002


# -- h3-55: killed subscriptions ------------------------------------------------------------------
async def test_killed_subscriptions_leave_no_gap(
    start_gateway: StartGateway, private_server: Callable[..., EmbeddedServer], keys: Keys
) -> None:
    kill = (CASES / "h3-55-redis-pubsub-killed" / "commands.txt").read_text(encoding="utf-8")
    server = private_server()
    redis = open_redis(server.url)
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit(token("A", price=1))
    gateway = await start_gateway(redis_url=server.url)
    settings = ApiSettings(redis_url=server.url, redis_prefix=keys.prefix, api_rate=0)
    client = LiveClient([gateway.url], ["all", "chain:base", "alerts"], check=truth_of(writer))
    dice, raw_redis = random.Random(5), cast("Any", redis)

    async def kills_both() -> bool:
        subscribed = await redis.pubsub_numsub(keys.state_changes)
        return subscribed[0][1] == 2 and await raw_redis.execute_command(*kill.split()) >= 2

    async with serve(settings) as api, beats(writer), following(client):
        await eventually(lambda: up_to_date(client, writer))
        await api.follows(writer.ledger.version)
        for _ in range(4):
            await eventually(kills_both)
            for _ in range(5):
                await make_trade(writer, dice)
                await writer.commit(token("A", price=dice.random()), alerts=[("solana:A", 2)])
        await eventually(lambda: up_to_date(client, writer))
        await api.follows(writer.ledger.version)
        copy = api.api.live.replica
    await redis.aclose()

    ledger = writer.ledger
    assert (client.connects, client.resumes, client.state.lost_reported) == (1, 0, 0)
    assert client.state.snaps == {"all": 1, "chain:base": 1, "alerts": 1}
    heard = [event["i"] for event in client.state.heard["alerts"]]
    assert heard == ledger.alerts_of("alerts", "e1", 1, ledger.version)
    assert (copy.version, copy.digest) == (ledger.version, ledger.digest)
