"""What clients see when Redis, the subscription or the gateway itself fails."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable

from dexwire.server.up.embedded import EmbeddedServer
from shared.keys import Keys
from shared.redis.connect import open_redis
from tests.testkit.commits import Writer, token
from tests.testkit.gateway import StartGateway, beats, is_listening, joined, receive
from tests.testkit.process import Process, free_port
from tests.testkit.proxy import proxy
from tests.testkit.reference_client import LiveClient, following
from tests.testkit.trading import make_trade, truth_of, up_to_date
from tests.testkit.wait import eventually

TOPICS = ["all", "chain:base"]


async def test_a_frozen_subscription_is_repaired_within_five_seconds_and_clients_learn_of_it_before(
    start_gateway: StartGateway, beating: Writer, redis_url: str
) -> None:
    writer = beating
    await writer.commit(token("A", price=1))
    async with proxy(redis_url) as pipe:
        gateway = await start_gateway(redis_url=pipe.url)
        client = LiveClient([gateway.url], TOPICS, check=truth_of(writer))
        async with following(client):
            await eventually(lambda: up_to_date(client, writer) and client.status == "live")
            pipe.freeze()
            await writer.commit(token("A", price=2) | token("B", "base", price=2))
            await eventually(lambda: up_to_date(client, writer), timeout_s=4)
        await gateway.end()

    assert client.connects == 1
    assert client.state.snaps == dict.fromkeys(TOPICS, 1)


async def test_clients_learn_in_time_that_redis_is_gone_and_keep_their_place(
    start_gateway: StartGateway, private_server: Callable[..., EmbeddedServer], keys: Keys
) -> None:
    server = private_server()
    redis = open_redis(server.url)
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit(token("A", price=1))
    gateway = await start_gateway(redis_url=server.url)
    client = LiveClient([gateway.url], TOPICS, check=truth_of(writer))

    async with following(client):
        async with beats(writer):
            await eventually(lambda: up_to_date(client, writer) and client.status == "live")
        os.kill(server.pid, signal.SIGSTOP)
        # The first message that is lost is the heartbeat after, up to a second later.
        await eventually(lambda: client.status == "stale", timeout_s=5)
        os.kill(server.pid, signal.SIGCONT)
        await writer.commit(token("A", price=2))
        async with beats(writer):
            await eventually(lambda: up_to_date(client, writer), timeout_s=5)
            await eventually(lambda: client.status == "live", timeout_s=5)
    await redis.aclose()

    assert client.connects == 1
    assert client.state.snaps == dict.fromkeys(TOPICS, 1)


async def test_a_subscription_that_is_killed_again_and_again_loses_nothing(
    start_gateway: StartGateway, private_server: Callable[..., EmbeddedServer], keys: Keys
) -> None:
    server = private_server()
    redis = open_redis(server.url)
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit(token("A", price=1))
    gateway = await start_gateway(redis_url=server.url)
    client = LiveClient([gateway.url], TOPICS, check=truth_of(writer))
    dice = random.Random(5)

    async with beats(writer), following(client):
        await eventually(lambda: up_to_date(client, writer))
        killed = 0
        for number in range(200):
            await make_trade(writer, dice)
            if number % 20 == 10:
                killed += await redis.client_kill_filter(_type="pubsub")
            await asyncio.sleep(0.005)
        await eventually(lambda: up_to_date(client, writer), timeout_s=5)
    await redis.aclose()

    assert killed >= 5
    assert client.connects == 1
    assert client.resumes == 0


async def test_sigterm_says_goodbye_closes_everyone_with_4002_and_ends_with_0(
    spawn_service: Callable[..., Process], writer: Writer
) -> None:
    await writer.commit(token("A", price=1))
    port = free_port()
    process = spawn_service(
        "ws",
        env={
            "WS_PORT": str(port),
            "MAX_CONNS_PER_ADDRESS": "100",
            "WS_HANDSHAKE_RATE": "0",
            "WS_SNAPSHOT_RATE": "0",
            "WS_DRAIN_S": "2",
        },
    )
    await eventually(lambda: is_listening(port), timeout_s=15)
    url = f"ws://127.0.0.1:{port}/ws"
    clients = [LiveClient([url], TOPICS) for _ in range(50)]

    async with following(*clients), joined(f"{url}?topics=all") as one:
        await receive(one, "snap")
        await eventually(lambda: all(up_to_date(c, writer) for c in clients), timeout_s=10)
        began = time.monotonic()
        process.send(signal.SIGTERM)
        bye = await receive(one, "bye")
        code = await asyncio.to_thread(process.wait, 15)
        took_s = time.monotonic() - began
        await eventually(lambda: all(client.closes for client in clients), timeout_s=20)

    assert bye == {"t": "bye", "why": "drain", "retry_ms": [500, 8000]}
    assert code == 0
    assert took_s < 5
    assert [client.closes for client in clients] == [[4002]] * 50
    assert not await is_listening(port)


async def test_a_gateway_that_restarts_gives_everyone_a_diff_not_a_snapshot(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1) | token("B", "base", price=1))
    port = free_port()
    first = await start_gateway(ws_port=port)
    client = LiveClient([first.url], TOPICS, check=truth_of(writer))

    async with following(client):
        await eventually(lambda: up_to_date(client, writer))
        await first.end()
        await writer.commit(token("A", price=2))
        await start_gateway(ws_port=port)
        await eventually(lambda: up_to_date(client, writer))

    assert client.closes[0] == 4002
    assert client.resumes == 0
    assert client.state.snaps == dict.fromkeys(TOPICS, 1)


async def test_a_gateway_stops_while_redis_cannot_be_reached(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with joined(f"{gateway.url}?topics=all") as client:
        hello = await receive(client, "hello")
        beat = await receive(client, "hb")
        await gateway.end()

    assert (hello["st"], beat["st"]) == ("resync", "resync")
