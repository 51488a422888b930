"""Every frame of the gateway is the protocol's message, exactly: decoded strictly, encoded back."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from dexwire.stream.messages import SERVER_FRAMES, Frame, tag_of
from services.ws.core.session import Session
from tests.testkit.commits import Ledger, token
from tests.testkit.gateway import StartGateway, joined, receive
from tests.testkit.hub import FakeGateway, FakeSink
from tests.testkit.process import ROOT

ROW: dict[str, Any] = {
    "token_name": "Wif Hat", "token_ticker": "WIF", "same_ticker":
    {"count": 2, "oldest": True, "most_liquid": False}, "price": 1.10, "price_change_5m": -3,
    "volume_24h": 1e15 - 1, "transactions_24h": 7, "sources": ["dexscreener", "jupiter"],
    "stale": False, "observed_ms": 1_790_000_000_000,
}  # fmt: skip
LIST = "list:volume:24h:desc:*:10"
TOPICS = ["all", "chain:solana", "token:solana:A", LIST, "alerts"]
decoder: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)


def same(frame: dict[str, Any]) -> dict[str, Any]:
    """The frame after a way through its struct: an unknown field would be missing."""
    through: dict[str, Any] = json.loads(msgspec.json.encode(decoder.decode(json.dumps(frame))))
    return through


class Recorded:
    """A session whose frames are all kept."""

    def __init__(self, *, room: int = 1 << 30) -> None:
        self.ledger = Ledger()
        self.ledger.commit({**token("A", **ROW), **token("B", **ROW)})
        self.gateway = FakeGateway(self.ledger)
        self.sink = FakeSink(room)
        self.session = Session(self.gateway.hub, self.sink)
        self.frames: list[dict[str, Any]] = []

    def say(self, **message: object) -> None:
        self.session.receive(json.dumps({"id": 1, **message}), 1e9 + 10.0 * len(self.frames))
        self.take()

    def commit(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Ledger.commit
        self.gateway.follow(self.ledger.commit(*args, **kwargs))
        self.take()

    def take(self) -> None:
        self.frames += self.sink.drain()


def whole_conversation() -> Recorded:
    recorded = Recorded()
    recorded.session.greet(None)
    recorded.say(op="sub", topics=TOPICS)
    recorded.say(op="watch", ids=["solana:A", "solana:B"])
    recorded.commit(token("A", price=None, volume_24h=3, stale=True), alerts=[("solana:A", 2)])
    recorded.commit(token("C", **ROW))
    recorded.commit({}, ["solana:B"])
    recorded.say(op="rate", max_hz=0.01)
    recorded.commit(token("C", price=2))
    recorded.commit(token("C", price=3))
    recorded.gateway.world.now += 200_000
    recorded.gateway.sweep()
    recorded.take()
    recorded.say(op="resume", e="e1", topics={"all": 1, LIST: 1, "alerts": 1}, watch=["solana:A"])
    recorded.say(op="ping", ts=5)
    recorded.say(op="unsub", topics=["all"])
    recorded.say(op="sub", topics=["nonsense"])
    recorded.gateway.world.age = None
    recorded.gateway.beat()
    recorded.session.bye()
    recorded.take()
    return recorded


def test_what_the_gateway_assembles_is_what_the_structs_say() -> None:
    frames = whole_conversation().frames

    assert [same(frame) for frame in frames] == frames
    kinds = {frame["t"] for frame in frames}
    assert kinds == set(map(tag_of, SERVER_FRAMES)) - {"lost"}
    fields = {name for frame in frames if frame["t"] == "d" for name in frame}
    assert fields == {"t", "k", "pv", "v", "ts", "set", "add", "del", "ids", "cf"}


def test_parts_of_a_split_message_are_what_the_structs_say() -> None:
    recorded = Recorded()
    recorded.commit({f"solana:{n}": {**ROW, "protocol": "x" * 500} for n in range(700)})

    recorded.say(op="sub", topics=["all"])

    assert [frame.get("more") for frame in recorded.frames] == [None, True, True, None]
    assert [same(frame) for frame in recorded.frames] == recorded.frames


def test_a_notice_of_lost_alerts_is_what_the_struct_says() -> None:
    recorded = Recorded()
    recorded.ledger.alerts_floor = 1
    recorded.gateway.load()

    recorded.say(op="resume", e="e1", topics={"alerts": 0})

    assert recorded.frames[1]["t"] == "lost"
    assert [same(frame) for frame in recorded.frames] == recorded.frames


def test_the_reference_client_knows_nothing_of_the_protocols_module() -> None:
    """A fault that both shared would hide in every test that compares with it."""
    source = (ROOT / "tests" / "testkit" / "reference_client.py").read_text(encoding="utf-8")

    assert re.findall(r"(?:import|from) (dexwire|services|shared)", source) == []


async def test_hello_says_the_window_that_is_set(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window_ms=50)

    async with joined(gateway.url) as socket:
        hello = await receive(socket, "hello")

    assert hello["window_ms"] == 50
