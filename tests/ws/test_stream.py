"""The stream over real sockets and a real store: snapshots joined to diffs, resumed anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import random

from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.commits import Writer, token
from tests.testkit.gateway import StartGateway, joined, receive
from tests.testkit.reference_client import LiveClient, following
from tests.testkit.trading import make_trade, truth_of, up_to_date
from tests.testkit.wait import eventually


async def test_an_address_with_topics_gets_a_snapshot_and_then_diffs(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1))
    gateway = await start_gateway()

    async with joined(f"{gateway.url}?topics=all") as socket:
        snap = await receive(socket, "snap")
        await writer.commit(token("A", price=2) | token("B", price=3), ts=1_790_000_000_000)
        diff = await receive(socket, "d")

    assert snap == {
        "t": "snap",
        "k": "all",
        "e": "e1",
        "v": 1,
        "rows": [{"id": "solana:A", "token_address": "A", "chain": "solana", "price": 1, "rv": 1}],
    }
    assert diff == {
        "t": "d",
        "k": "all",
        "pv": 1,
        "v": 2,
        "ts": 1_790_000_000_000,
        "set": [{"id": "solana:A", "token_address": "A", "chain": "solana", "price": 2, "rv": 2}],
        "add": [{"id": "solana:B", "token_address": "B", "chain": "solana", "price": 3, "rv": 2}],
    }


TOPICS = ["all", "chain:solana", "chain:base", "token:bsc:T1"]


async def test_clients_that_join_under_load_hold_the_truth_at_every_version(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1))
    gateway = await start_gateway()
    dice = random.Random(1)
    clients = [
        LiveClient([gateway.url], TOPICS[: 1 + number % 4], check=truth_of(writer))
        for number in range(10)
    ]

    async with contextlib.AsyncExitStack() as running:
        for number in range(200):
            if number % 20 == 0:
                await running.enter_async_context(following(clients[number // 20]))
            await make_trade(writer, dice)
        await eventually(lambda: all(up_to_date(client, writer) for client in clients))

    assert [client.resumes for client in clients] == [0] * 10
    assert [client.state.snaps for client in clients] == [
        dict.fromkeys(client.topics, 1) for client in clients
    ]


async def test_a_client_resumes_on_another_gateway_without_a_snapshot(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1) | token("B", price=1))
    one, two = await start_gateway(), await start_gateway()
    client = LiveClient([one.url, two.url], TOPICS, check=truth_of(writer))

    async with following(client):
        await eventually(lambda: up_to_date(client, writer))
        stopping = asyncio.create_task(one.end())
        await writer.commit(token("A", price=2), remove=["solana:B"])
        await stopping
        await writer.commit(token("C", price=3))
        await eventually(lambda: up_to_date(client, writer))

    assert client.connects == 2
    assert client.closes == [4002]
    assert client.state.snaps == dict.fromkeys(TOPICS, 1)


async def test_a_client_that_was_away_learns_what_was_removed(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1) | token("B", price=1))
    gateway = await start_gateway()
    client = LiveClient([gateway.url], ["all"], check=truth_of(writer))
    async with following(client):
        await eventually(lambda: up_to_date(client, writer))

    await writer.commit(remove=["solana:B"])
    await writer.commit(token("A", price=2))
    await eventually(lambda: gateway.version == writer.ledger.version)
    async with following(client):
        await eventually(lambda: up_to_date(client, writer))

    assert client.state.rows["all"].keys() == {"solana:A"}
    assert client.state.snaps == {"all": 1}
    assert client.state.folded == 1


async def test_a_client_that_was_away_for_too_long_gets_a_snapshot(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1) | token("B", price=1))
    gateway = await start_gateway()
    client = LiveClient([gateway.url], ["all"], check=truth_of(writer))
    async with following(client):
        await eventually(lambda: up_to_date(client, writer))

    await writer.commit(remove=["solana:B"])
    writer.ledger.horizon = 2  # the removal at version 2 is forgotten
    await writer.commit(token("A", price=2))
    await eventually(lambda: gateway.version == writer.ledger.version)
    async with following(client):
        await eventually(lambda: up_to_date(client, writer))

    assert client.state.snaps == {"all": 2}


async def test_a_new_epoch_is_one_snapshot_of_each_topic(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1) | token("B", price=1))
    gateway = await start_gateway()
    client = LiveClient([gateway.url], TOPICS, check=truth_of(writer))

    async with following(client):
        await eventually(lambda: up_to_date(client, writer))
        await writer.begin("e2")
        for name in "CDEF":
            await writer.commit(token(name, price=1), seeding=True)
        await asyncio.sleep(1.1)  # a heartbeat within the seeding must not make it ask
        await writer.commit(token("G", price=1))
        await writer.commit(token("G", price=2))
        await eventually(lambda: up_to_date(client, writer))

    assert client.state.snaps == dict.fromkeys(TOPICS, 2)
    assert client.resumes == 0
    assert client.state.rows["chain:solana"].keys() == {f"solana:{name}" for name in "CDEFG"}


async def test_a_snapshot_above_256_kib_comes_in_parts(
    start_gateway: StartGateway, writer: Writer
) -> None:
    rows = {k: v for n in range(1_000) for k, v in token(f"T{n}", text="x" * 700).items()}
    await writer.commit(rows)
    gateway = await start_gateway()
    client = LiveClient([gateway.url], ["all", "chain:solana"], check=truth_of(writer))

    async with joined(f"{gateway.url}?topics=all") as socket:
        parts = [await receive(socket, "snap") for _ in range(3)]
    async with following(client):
        await eventually(lambda: up_to_date(client, writer))
        await writer.commit({ident: {"text": "y" * 700} for ident in rows})
        await eventually(lambda: up_to_date(client, writer))

    assert [part.get("more") for part in parts] == [True, True, None]
    assert {(part["k"], part["v"]) for part in parts} == {("all", 1)}
    assert sum(len(part["rows"]) for part in parts) == 1_000


async def test_a_gateway_that_starts_before_there_is_data_serves_it_when_it_comes(
    start_gateway: StartGateway, redis: Redis, keys: Keys
) -> None:
    gateway = await start_gateway()
    writer = Writer(redis, keys)
    client = LiveClient([gateway.url], ["all"], check=truth_of(writer))

    async with following(client):
        await eventually(lambda: client.status == "resync")
        await writer.begin("e1")
        await writer.commit(token("A", price=1), seeding=True)
        await writer.commit(token("B", price=1))
        await eventually(lambda: up_to_date(client, writer))

    assert client.frames[0]["st"] == "resync"
    assert client.state.snaps == {"all": 1}
    assert client.connects == 1


async def test_heartbeats_report_when_the_aggregator_falls_silent(
    start_gateway: StartGateway, writer: Writer
) -> None:
    await writer.commit(token("A", price=1))
    gateway = await start_gateway()
    client = LiveClient([gateway.url], ["all"])

    async with following(client):
        await eventually(lambda: up_to_date(client, writer))
        await writer.commit(token("A", price=2))
        await eventually(lambda: client.status == "live", timeout_s=2)
        await eventually(lambda: client.status == "stale", timeout_s=5)
        await writer.commit(token("A", price=3))
        await eventually(lambda: client.status == "live", timeout_s=2)
