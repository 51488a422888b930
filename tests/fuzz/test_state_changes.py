"""Messages on `state_changes`: a commit is applied to exactly its digest, or the copy reloads."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from services.ws.core.alerts import events_of
from shared.errors import Diverged
from shared.state.messages import (
    Commit,
    Heartbeat,
    NativePrice,
    decode,
    decode_natives,
    encode,
    encode_natives,
)
from shared.state.replica import Replica
from tests.testkit.commits import Ledger, token
from tests.testkit.fuzzing import try_all
from tests.testkit.mutations import mutated_json


def commits() -> tuple[Commit, ...]:
    """Return commits that add, change, remove and alert, one after the other."""
    ledger = Ledger()
    return (
        ledger.commit(
            token("A", token_name="Cat", price=1.5, sources=["jupiter"]) | token("B", volume_24h=5),
            acks=["b1"],
            seeding=True,
        ),
        ledger.commit(token("A", price=None, liquidity=2.5), alerts=[("solana:A", 2)]),
        ledger.commit(token("C", chain="eth", created_ms=1), ["solana:B"]),
        msgspec.structs.replace(
            ledger.commit({}),
            native={"solana": NativePrice(200.0, 1), "ethereum": None},
            refused={"b1": {"invalid": [0, 3]}},
        ),
    )


COMMITS = commits()
MESSAGES = tuple(encode(commit) for commit in COMMITS)
BEAT = encode(Heartbeat(e="e1", v=4, ts=1, digest="0" * 16))


def before(version: int) -> Replica:
    """Return the copy at a version."""
    replica = Replica()
    replica.reset("e1")
    for commit in COMMITS[:version]:
        replica.apply(commit)
    return replica


def outcome(given: tuple[int, bytes]) -> str:
    version, data = given
    try:
        message = decode(data)
    except ValueError:  # MsgspecError and UnicodeDecodeError are ValueErrors
        return "malformed"
    assert decode(encode(message)) == message
    if isinstance(message, Heartbeat):
        return "heartbeat"
    replica = before(version)
    list(events_of(message))
    try:
        replica.apply(message)
    except Diverged:
        return "diverged"
    assert replica.version == message.v
    assert replica.digest == int(message.digest, 16)
    if message == COMMITS[version]:
        assert replica.rows == before(version + 1).rows
    return "applied"


def test_a_commit_is_applied_to_its_digest_or_refused() -> None:
    versions = st.integers(0, len(COMMITS) - 1)
    inputs = versions.flatmap(
        lambda v: st.tuples(st.just(v), mutated_json((MESSAGES[v], MESSAGES[v], BEAT)))
    )
    try_all("state_changes", inputs, outcome, examples=1_500, most_s=0.5)


def test_prices_of_coins_are_read_or_none_are() -> None:
    written = encode_natives({"solana": NativePrice(200.0, 1), "ethereum": NativePrice(4e3, 2)})

    def read(data: bytes) -> str:
        prices = decode_natives(data)
        assert decode_natives(encode_natives(prices)) == prices
        return f"{len(prices)} prices"

    try_all("native prices", mutated_json((written,)), read, examples=500, most_s=0.2)
