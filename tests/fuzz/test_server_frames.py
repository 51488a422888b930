"""What a gateway sends to the client: taken, or the connection is given up; never anything else."""

from __future__ import annotations

import asyncio
import json

from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedOK

from dexwire.client.buffer import Buffer
from dexwire.client.connection import StreamConnection, Subscription, _Again
from dexwire.client.errors import Malformed, Refused
from dexwire.client.events import Diff, Snapshot
from dexwire.client.frames import decode
from dexwire.client.retry import LONGEST_S
from dexwire.client.table import Table
from tests.testkit.fuzzing import try_all
from tests.testkit.mutations import mutated_json
from tests.testkit.scripted_gateway import HELLO, LIST, beat, diff, ev, row, snap

A, B = row("s:A", price=1.0, sources=["jupiter"], token_name="Cat"), row("s:B", price=2.0)
STREAM = (
    snap("all", 5, A, B),
    snap(LIST, 5, A, more=True),
    snap(LIST, 5, B, ids=["s:B", "s:A"]),
    diff("all", 5, 6, set=[{"id": "s:A", "price": None}], add=[row("s:C")], **{"del": ["s:B"]}),
    diff(LIST, 5, 6, ids=["s:A"], cf=2),
    beat(7),
    {"t": "ok", "id": 1, "topics": {"alerts": "snap"}},
    snap("alerts", 7),
    ev("alerts", 7, 8, "8.0", "8.1"),
    {"t": "lost", "k": "alerts", "n": 3, "from": 8, "to": 9},
    {"t": "ok", "id": 2, "ts": 1.5, "now": 1_790_000_000_000},
    {"t": "err", "id": 3, "code": "busy", "msg": "later", "retry": True},
    {"t": "bye", "why": "drain", "retry_ms": [0, 5000]},
)
FRAMES = tuple(json.dumps(frame).encode() for frame in (HELLO, *STREAM))


class Script:
    """A socket on which these messages come."""

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = iter(messages)

    async def recv(self, *, decode: bool) -> bytes:
        assert decode is False
        for message in self._messages:
            return message
        raise ConnectionClosedOK(None, None)

    async def send(self, text: str) -> None:
        json.loads(text)


async def follow(messages: list[bytes]) -> tuple[Buffer, str]:
    """Let a connection follow them; return what waits for its consumer, and how it ended."""
    buffer = Buffer()
    subscription = Subscription(("all", LIST, "alerts"))
    stream = StreamConnection("ws://x", subscription, buffer, lambda: None, open_s=5.0)
    stream._socket = Script(messages)  # type: ignore[assignment] # all that it uses of one
    end = ""
    try:
        await stream._follow(stream._socket)  # type: ignore[arg-type]
    except (Malformed, Refused, ConnectionClosedOK, _Again) as error:
        end = type(error).__name__
    assert stream._backoff.next_s() <= LONGEST_S
    return buffer, end


def kind_of(data: bytes) -> str:
    """Decode a message; nothing but Malformed may be raised."""
    try:
        frame = decode(data)
    except Malformed:
        return "malformed"
    return "unknown" if frame is None else type(frame).__name__


def test_a_frame_is_taken_or_ends_the_connection() -> None:
    def outcome(damaged: list[bytes]) -> str:
        script = [*FRAMES[:4], *damaged, *FRAMES[4:]]
        buffer, end = runner.run(follow(script))
        tables: dict[str, Table] = {}
        while (event := buffer.take()) is not None:
            if not isinstance(event, Snapshot | Diff):
                continue
            table = tables.setdefault(event.topic, Table())
            try:
                table.replace(event) if isinstance(event, Snapshot) else table.apply(event)
            except Malformed:
                del tables[event.topic]
        for table in tables.values():
            table.ordered()  # a KeyError for an id without a row
        return end

    inputs = st.lists(mutated_json(FRAMES), min_size=1, max_size=4)
    with asyncio.Runner() as runner:
        try_all("server frames", inputs, outcome, examples=800, most_s=0.5)


def test_a_message_is_a_frame_or_malformed_or_of_a_later_protocol() -> None:
    try_all("one frame", mutated_json(FRAMES), kind_of, examples=2_000, most_s=0.2)


def test_a_connection_that_begins_with_anything_else_is_given_up() -> None:
    def outcome(damaged: bytes) -> str:
        _, end = runner.run(follow([damaged, *FRAMES[1:]]))
        assert kind_of(damaged) == "Hello" or end == "Malformed"
        return end

    with asyncio.Runner() as runner:
        try_all("hello", mutated_json(FRAMES[:1]), outcome, examples=300, most_s=0.5)
