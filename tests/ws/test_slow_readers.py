"""A slow reader harms only itself, costs a bounded amount, and still ends up right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random

from websockets.asyncio.client import ClientConnection

from tests.testkit.commits import Writer, token
from tests.testkit.gateway import LocalGateway, RawSocket, StartGateway, joined, small_socket
from tests.testkit.reference_client import LiveClient, ReferenceClient, following
from tests.testkit.wait import eventually

KIB = 1024


def rows(dice: random.Random, count: int, size: int) -> dict[str, dict[str, object]]:
    """New values of the first `count` tokens, `size` bytes each."""
    put: dict[str, dict[str, object]] = {}
    for number in range(count):
        put |= token(f"T{number}", text=dice.randbytes(size // 2).hex())
    return put


async def until_read(client: LiveClient, writer: Writer) -> None:
    ledger = writer.ledger
    await eventually(lambda: client.state.versions.get("all") == ledger.version, timeout_s=10)


async def test_readers_that_never_read_are_closed_and_hold_at_most_80_kib(
    start_gateway: StartGateway, writer: Writer
) -> None:
    dice = random.Random(1)
    await writer.commit(rows(dice, 20, 600))
    gateway = await start_gateway(ws_stall_s=2, max_conns_per_address=100)
    healthy = [LiveClient([gateway.url], ["all"]) for _ in range(5)]
    most_unsent = 0

    async with contextlib.AsyncExitStack() as open_until_the_end:
        await open_until_the_end.enter_async_context(following(*healthy))
        for _ in range(20):
            raw = await open_until_the_end.enter_async_context(RawSocket(gateway.port, rcvbuf=4096))
            await raw.upgrade()
            raw.send(0x1, b'{"op":"sub","topics":["all"]}')
        await eventually(lambda: len(gateway.sockets) == 25)
        started = asyncio.get_running_loop().time()
        while len(gateway.sockets) > 5:
            assert asyncio.get_running_loop().time() < started + 15
            await writer.commit(rows(dice, 20, 600))
            most_unsent = max(most_unsent, *(s.unsent for s in gateway.sockets))
            await asyncio.sleep(0.01)
        for client in healthy:
            await until_read(client, writer)

    assert 64 * KIB < most_unsent <= 80 * KIB
    assert [client.connects for client in healthy] == [1] * 5
    assert [client.state.folded for client in healthy] == [0] * 5


async def test_a_reader_that_stalls_and_goes_on_is_folded_and_ends_equal(
    start_gateway: StartGateway, writer: Writer
) -> None:
    dice = random.Random(2)
    await writer.commit(rows(dice, 20, 600))
    gateway = await start_gateway()
    state = ReferenceClient()

    sock = small_socket(gateway.port)
    async with joined(f"{gateway.url}?topics=all", sock=sock, max_queue=1) as stalled:
        await eventually(lambda: len(gateway.sockets) == 1)
        await stall(gateway, writer, dice)
        await writer.commit(remove=["solana:T7"])
        await take_until(stalled, state, writer)

        assert state.rows["all"] == writer.ledger.topic("all", "e1", writer.ledger.version)
        assert "solana:T7" not in state.rows["all"]
        assert state.folded >= 1
        assert state.snaps == {"all": 1}


async def stall(gateway: LocalGateway, writer: Writer, dice: random.Random) -> None:
    """Commit until the only connection takes no more, and a good deal beyond it."""
    for _ in range(200):
        await writer.commit(rows(dice, 20, 600))
        if gateway.sockets[0].paused:
            break
    assert gateway.sockets[0].paused
    for _ in range(30):
        await writer.commit(rows(dice, 20, 600))


async def take_until(client: ClientConnection, state: ReferenceClient, writer: Writer) -> None:
    """Read until the client is at the writer's version."""
    async with asyncio.timeout(10):
        while state.versions.get("all") != writer.ledger.version:
            assert state.rx(json.loads(await client.recv())) is None


async def test_a_slow_reader_of_a_large_state_gets_it_in_parts_then_what_it_missed(
    start_gateway: StartGateway, writer: Writer
) -> None:
    dice = random.Random(3)
    for start in range(0, 2_000, 500):
        await writer.commit(
            {
                f"solana:T{n}": {"token_address": f"T{n}", "chain": "solana", "text": "x" * 800}
                for n in range(start, start + 500)
            }
        )
    gateway = await start_gateway()
    await eventually(lambda: gateway.gateway is not None and gateway.gateway.hub.ready)
    state = ReferenceClient()

    sock = small_socket(gateway.port)
    async with joined(f"{gateway.url}?topics=all", sock=sock, max_queue=1) as slow:
        await eventually(lambda: gateway.sockets and gateway.sockets[0].paused)
        assert gateway.sockets[0].unsent < 300 * KIB  # one shared part, not the 1.8 MB of all
        for _ in range(20):
            await writer.commit(rows(dice, 300, 400))
        await eventually(lambda: gateway.version == writer.ledger.version)
        await take_until(slow, state, writer)

    assert state.rows["all"] == writer.ledger.topic("all", "e1", writer.ledger.version)
    assert state.snaps == {"all": 1}
    assert state.folded == 1


async def test_a_stalled_reader_is_not_listened_to(
    start_gateway: StartGateway, writer: Writer
) -> None:
    dice = random.Random(4)
    await writer.commit(rows(dice, 20, 600))
    gateway = await start_gateway()

    async with RawSocket(gateway.port, rcvbuf=4096) as raw:
        await raw.upgrade()
        raw.send(0x1, b'{"op":"sub","topics":["all"]}')
        await eventually(lambda: gateway.sockets and gateway.sockets[0].session is not None)
        await stall(gateway, writer, dice)
        unsent = gateway.sockets[0].unsent
        for _ in range(500):
            raw.send(0x9, b"p" * 125)  # each would be answered with as much
        await writer.commit(rows(dice, 1, 600))
        await asyncio.sleep(0.1)

        assert gateway.sockets[0].unsent == unsent
