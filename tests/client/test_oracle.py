"""The client against the independent reference client, over random schedules.

Rows come from the gateway's real core; lists and watchlists from constructed frames.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dexwire.client.buffer import Buffer
from dexwire.client.events import Diff, Gap, Snapshot
from dexwire.client.rule import Rule
from dexwire.client.table import Table
from services.ws.core.member import ClientPosition
from services.ws.core.topics import ALL, Topic, parse_topic
from tests.testkit.commits import Ledger
from tests.testkit.hub import FakeGateway, FakeSink
from tests.testkit.reference_client import ReferenceClient
from tests.testkit.scripted_gateway import LIST, typed

TOPICS: dict[str, Topic] = {
    name: parse_topic(name) for name in ("all", "chain:s", "chain:t", "token:s:A")
}
NAMES = ("s:A", "s:B", "s:C", "t:A", "t:B")


class ListOracle(ReferenceClient):
    """The reference with the order of lists: what is not in `ids` has left."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, list[str]] = {}

    def rx(self, frame: Any) -> Any:  # noqa: ANN401
        held = dict(self.versions)
        verdict = super().rx(frame)
        topic = frame.get("k")
        if self.versions.get(topic) != held.get(topic) and frame.get("ids") is not None:
            self.ids[topic] = frame["ids"]
            self.rows[topic] = {i: self.rows[topic][i] for i in frame["ids"]}
        return verdict


class Ours:
    """The real client's parts, put together as a stream and its consumer are."""

    def __init__(self, chance: random.Random) -> None:
        self.rule = Rule()
        self.tables: dict[str, Table] = {}
        self.buffer = Buffer()
        self.gaps = 0
        self._chance = chance

    def take(self, frame: dict[str, Any]) -> None:
        for event in self.rule.take(typed(frame)):
            self.gaps += isinstance(event, Gap)
            assert self.buffer.put(event) is None
        if self._chance.random() < 0.4:  # a consumer that is slow at times
            self.consume()

    def consume(self) -> None:
        while (event := self.buffer.take()) is not None:
            if isinstance(event, Snapshot):
                self.tables.setdefault(event.topic, Table()).replace(event)
            elif isinstance(event, Diff):
                self.tables[event.topic].apply(event)


def same(ours: Ours, oracle: ReferenceClient) -> None:
    """What is held after everything was read must be the same."""
    ours.consume()
    assert ours.rule.versions == oracle.versions
    assert ours.rule.epoch == oracle.epoch
    assert ours.gaps == 0
    assert {topic: table.rows for topic, table in ours.tables.items()} == oracle.rows


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_over_the_real_core_both_clients_hold_the_truth_after_every_frame(seed: int) -> None:
    chance = random.Random(seed)
    ledger = Ledger()
    ledger.commit({"s:A": {"price": 1.0}})
    server = FakeGateway(ledger)
    ours, oracle = Ours(chance), ReferenceClient()
    sink, member = connect(server, oracle, chance)
    for _ in range(60):
        step = chance.random()
        if step < 0.5:
            server.follow(random_commit(ledger, chance))
        elif step < 0.6:
            sink.room = chance.choice([0, 300, 1 << 30])
            server.sweep()
        elif step < 0.7:
            server.beat()
        elif step < 0.75:
            server.hub.leave(member)
            ours.rule.connected()
            oracle._parts.clear()
            sink, member = connect(server, oracle, chance)
        elif step < 0.77:
            ledger.begin(f"e{chance.randrange(1 << 30)}")
            server.follow(ledger.commit({"s:C": {"price": 3.0}}))
        for frame in sink.drain(chance.randint(0, 4)):
            ours.take(frame)
            oracle.rx(frame)
        if chance.random() < 0.3:
            same(ours, oracle)
            for topic, version in oracle.versions.items():
                truth = ledger.topic(topic, oracle.epoch, version)
                assert ours.tables[topic].rows == truth
    same(ours, oracle)


def connect(server: FakeGateway, oracle: ReferenceClient, chance: random.Random) -> Any:  # noqa: ANN401
    """Subscribe to everything on a new connection, from what is held where something is."""
    sink = FakeSink(chance.choice([300, 1 << 30]))
    member = server.hub.enter(sink)
    cursors = {
        topic: ClientPosition(oracle.epoch, oracle.versions[name])
        if name in oracle.versions
        else None
        for name, topic in TOPICS.items()
    }
    server.hub.subscribe(member, cursors)
    server.hub.serve(member)
    return sink, member


def random_commit(ledger: Ledger, chance: random.Random) -> Any:  # noqa: ANN401
    names = chance.sample(NAMES, chance.randint(0, 3))
    fields = ("price", "liquidity", "holders")
    put: dict[str, dict[str, object]] = {}
    for name in names:  # what is new has no fields to lose
        values = [1, 2, 3, None] if name in ledger.fields else [1, 2, 3]
        put[name] = {field: chance.choice(values) for field in fields}
    gone = [n for n in ledger.fields if n not in put and chance.random() < 0.1]
    return ledger.commit(put, gone)


# -- lists -----------------------------------------------------------------------------------------
class ListServer:
    """The top 3 of a handful of rows, found by the protocol's own rule for lists."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.v = self.pv = 1
        self.rows: dict[str, dict[str, Any]] = {"s:A": {"id": "s:A", "liquidity": 1.0, "rv": 1}}

    def ids(self) -> list[str]:
        ranked = sorted(self.rows.values(), key=lambda r: (r["liquidity"], r["id"]), reverse=True)
        return [r["id"] for r in ranked[:3]]

    def snap(self) -> dict[str, Any]:
        ids = self.ids()
        rows = [self.rows[i] for i in ids]
        return {"t": "snap", "k": self.topic, "e": "e1", "v": self.v, "ids": ids, "rows": rows}

    def commit(self, name: str, liquidity: float) -> Iterator[dict[str, Any]]:
        """Change one row; yield the frame if the list has changed."""
        before, self.v = self.ids(), self.v + 1
        row = {"id": name, "liquidity": liquidity, "rv": self.v}
        self.rows[name] = row
        after = self.ids()
        entered = [self.rows[i] for i in after if i not in before]
        changed = [row] if name in after and name in before else []
        if entered or changed or before != after:
            order = {"ids": after} if before != after else {}
            frame = {"t": "d", "k": self.topic, "pv": self.pv, "v": self.v, "ts": 0, **order}
            self.pv = self.v
            yield {**frame, "add": entered, "set": changed}


@given(
    st.sampled_from([LIST, "tokens"]),
    st.lists(st.tuples(st.sampled_from("ABCDEFG"), st.integers(1, 9), st.booleans())),
    st.integers(0, 2**32),
)
def test_lists_and_watchlists_stay_equal_to_the_reference(
    topic: str, changes: list[tuple[str, int, bool]], seed: int
) -> None:
    server, ours, oracle = ListServer(topic), Ours(random.Random(seed)), ListOracle()
    ours.take(server.snap())
    oracle.rx(server.snap())
    for name, liquidity, again in changes:
        for frame in server.commit(f"s:{name}", float(liquidity)):
            for _ in range(1 + again):  # a repeated frame is harmless
                ours.take(frame)
                oracle.rx(frame)
    same(ours, oracle)
    assert [r["id"] for r in ours.tables[topic].ordered()] == server.ids()
    assert ours.tables[topic].ordered() == server.snap()["rows"]


def test_the_topics_under_test_are_the_gateways_own() -> None:
    assert TOPICS["all"] == ALL
