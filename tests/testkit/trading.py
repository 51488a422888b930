"""A market that trades, and followers that are held to what it really is."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.testkit.commits import Writer, token
from tests.testkit.reference_client import LiveClient, ReferenceClient


def truth_of(writer: Writer) -> Callable[[ReferenceClient], None]:
    """Return a check that a client holds the truth at each of its versions."""

    def check(state: ReferenceClient) -> None:
        for topic, version in state.versions.items():
            truth = writer.ledger.topic(topic, state.epoch, version)
            assert state.rows[topic] == truth, (topic, state.epoch, version)

    return check


def up_to_date(client: LiveClient, writer: Writer) -> bool:
    ledger, state = writer.ledger, client.state
    return state.epoch == ledger.epoch and state.versions == dict.fromkeys(
        client.topics, ledger.version
    )


async def make_trade(writer: Writer, dice: random.Random) -> None:
    """Commit a few changes, additions and removals among 60 tokens of three chains."""
    ids = [(f"T{number}", chain) for chain in ("solana", "base", "bsc") for number in range(20)]
    put: dict[str, dict[str, object]] = {}
    for name, chain in dice.sample(ids, 8):
        put |= token(name, chain, price=dice.random(), text="x" * dice.randrange(300))
    known = list(writer.ledger.fields)
    removed = [i for i in dice.sample(known, min(1, len(known))) if i not in put]
    await writer.commit(put, removed)
