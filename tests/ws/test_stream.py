"""The stream over real sockets and a real store: snapshots joined to diffs, resumed anywhere."""

from __future__ import annotations

from tests.support_commits import CommitWriter, token
from tests.ws.conftest import StartGateway
from tests.ws_support import joined, receive


async def test_an_address_with_topics_gets_a_snapshot_and_then_diffs(
    start_gateway: StartGateway, writer: CommitWriter
) -> None:
    await writer.commit(token("A", price=1))
    gateway = await start_gateway()

    async with joined(f"{gateway.url}?topics=all") as socket:
        snap = await receive(socket, "snap")
        await writer.commit(token("A", price=2) | token("B", price=3))
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
