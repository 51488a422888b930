"""The model check: random schedules of faults over the real feed, hub and session.

One ledger is the truth. Two gateways follow it, each through a real `Feed` on a store that is a
view of the ledger, and messages that are lost, repeated and late. One client lives by the rule of
docs/STREAM.md, reads when it likes, loses what is in flight and goes on at either gateway. After
each frame, everything that it holds must be the truth at the version that it shows.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.ws.core.session import Session
from shared.state.messages import Heartbeat, encode
from tests.testkit.commits import Ledger, Level
from tests.testkit.hub import FakeSink
from tests.testkit.model_gateway import LedgerStore, ModelGateway, at_once
from tests.testkit.reference_client import RESUME, ReferenceClient

IDS: Final = [f"solana:T{n}" for n in range(14)] + [f"base:T{n}" for n in range(5)]
UNKNOWN: Final = "base:Never"
TOPICS: Final = (
    "all",
    "chain:base",
    "token:solana:T1",
    "list:volume:5m:desc:*:10",
    "list:liquidity:-:asc:solana:10",
    "list:newest:-:desc:solana:10",
    "tokens",
    "alerts",
    "alerts:solana:L3",
    "alerts:token:base:T1",
    "alerts:solana:listed",
)


@dataclass
class Report:
    """What a run of schedules came to."""

    schedules: int = 0
    comparisons: int = 0
    snaps: int = 0
    folded: int = 0
    ignored: int = 0
    lost: int = 0

    def __str__(self) -> str:
        return (
            f"{self.schedules} schedules, {self.comparisons} state comparisons, {self.snaps} "
            f"snapshots, {self.folded} folded diffs, {self.ignored} repeated frames ignored, "
            f"{self.lost} ranges of lost alerts reported, 0 mismatches, 0 gaps"
        )


class Play:
    """One schedule."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.swept = self.dice.choice([0.1, 0.7])  # how often a commit is sent before the next
        self.forgetful = self.dice.choice([0.02, 0.3])  # how often removals are forgotten
        self.ledger = Ledger()
        self.store = LedgerStore(self.ledger)
        self.gateways: list[ModelGateway] = []
        self.new_epoch()
        self.gateways = [self.new_gateway(), self.new_gateway()]
        self.client = ReferenceClient()
        self.checks = 0
        self.checked: dict[str, tuple[str, int]] = {}
        self.now_s = 0.0
        self.numbers = itertools.count(1)
        self.session: Session | None = None
        self.connect()

    # -- the truth moves --------------------------------------------------------------------------
    def commit(self) -> None:
        dice, ledger = self.dice, self.ledger
        picked = dice.sample(IDS, dice.randint(0, 4))
        removed = [i for i in picked if i in ledger.fields and dice.random() < 0.25]
        put = {i: self.row(i) for i in picked if i not in removed}
        if dice.random() < self.forgetful:
            ledger.horizon = dice.randint(max(ledger.horizon, ledger.version - 4), ledger.version)
        levels: tuple[Level, ...] = (1, 2, 3, 4, "listed", "graduated")
        alerts = [(i, dice.choice(levels)) for i in put if dice.random() < 0.3]
        self.publish(ledger.commit(put, removed, alerts=alerts))

    def row(self, ident: str) -> dict[str, object]:
        dice, (chain, _, name) = self.dice, ident.partition(":")
        new = ident not in self.ledger.fields
        fields: dict[str, object] = {
            metric: dice.choice([None, dice.randint(0, 9), dice.random(), dice.random()])
            for metric in ("volume_5m", "liquidity", "price", "created_ms")
            if new or dice.random() < 0.4
        }
        if new:
            fields = {k: v for k, v in fields.items() if v is not None}
            fields |= {"token_address": name, "chain": chain}
        return fields

    def publish(self, message: Any) -> None:  # noqa: ANN401 - a commit or a heartbeat
        data = encode(message)
        if not isinstance(message, Heartbeat):
            self.store.log_of.append((message.v, data))
        for gateway in self.gateways:
            kept = self.dice.random()
            copies = 0 if kept < 0.06 else 2 if kept < 0.12 else 1
            gateway.inbox.extend([data] * copies)

    def heartbeat(self) -> None:
        self.publish(self.ledger.heartbeat())

    def new_epoch(self) -> None:
        """The store came back empty, or rolled back: the aggregator begins again."""
        self.ledger.begin(f"e{self.dice.getrandbits(40)}")
        self.store.log_of, self.store.log_from = [], 0
        for number in range(self.dice.randint(1, 3), 0, -1):
            put = {ident: self.row(ident) for ident in self.dice.sample(IDS, 14)}
            self.publish(self.ledger.commit(put, seeding=number > 1))

    def trim(self) -> None:
        """The logs forget."""
        ledger, dice = self.ledger, self.dice
        self.store.log_from = dice.randint(self.store.log_from, ledger.version)
        if dice.random() < 0.5:
            ledger.alerts_floor = dice.randint(ledger.alerts_floor, ledger.version)

    # -- gateways ---------------------------------------------------------------------------------
    def follow(self) -> None:
        """One gateway takes some messages, and sends to all, perhaps only after the last."""
        gateway = self.dice.choice(self.gateways)
        for _ in range(self.dice.choice([1, 1, 1, 2, 20])):
            gateway.hear()
            if self.dice.random() < self.swept:
                gateway.read_history()
                gateway.sweep()
            gateway.world.now += 100

    def new_gateway(self) -> ModelGateway:
        return ModelGateway(self.store, self.dice.choice([1, 2, 16]))

    def restart(self) -> None:
        """A gateway dies; another one in its place loads the state in the middle."""
        which = self.dice.randrange(2)
        here = self.gateways[which] is self.gateway
        self.gateways[which] = self.new_gateway()
        if here:
            self.connect()

    def reload(self) -> None:
        """A gateway finds its state diverged, and loads it again under its connections."""
        gateway = self.dice.choice(self.gateways)
        at_once(gateway.feed._load())
        gateway.read_history()
        gateway.sweep()

    # -- the client -------------------------------------------------------------------------------
    def connect(self) -> None:
        """Bytes in flight are lost; the client resumes here or there."""
        if self.session is not None:
            self.session.leave()
        dice, client = self.dice, self.client
        self.gateway = dice.choice(self.gateways)
        self.sink = FakeSink(dice.choice([300, 2_000, 1 << 30]), deflate=dice.random() < 0.3)
        self.session = Session(self.gateway.hub, self.sink)
        self.session.greet(None)
        client.connected()
        if client.versions:
            self.send(client.resume(next(self.numbers)))
        missing = [t for t in TOPICS if t not in client.versions and t != "tokens"]
        if missing:
            self.send({"id": next(self.numbers), "op": "sub", "topics": missing})
        if "tokens" not in client.versions:
            self.send(client.edit(next(self.numbers), "set", client.watch or self.some_ids()))
        if dice.random() < 0.2:
            self.send({"id": next(self.numbers), "op": "rate", "max_hz": dice.choice([0.5, 2, 9])})

    def some_ids(self) -> list[str]:
        return self.dice.sample([*IDS, UNKNOWN], self.dice.randint(0, 6))

    def edit_watchlist(self) -> None:
        if not self.sink.paused:
            mode = self.dice.choice(["set", "add", "add", "remove"])
            self.send(self.client.edit(next(self.numbers), mode, self.some_ids()))

    def change_topics(self) -> None:
        if self.sink.paused:
            return
        name = self.dice.choice([t for t in TOPICS if t != "tokens"])
        if self.dice.random() < 0.5:
            self.send({"id": next(self.numbers), "op": "unsub", "topics": [name]})
            self.read()
            self.client.versions.pop(name, None)
        if not self.sink.paused:
            self.send({"id": next(self.numbers), "op": "sub", "topics": [name]})

    def beat(self) -> None:
        self.gateway.world.now += 1000
        self.gateway.beat()

    def read(self, writes: int = 1 << 30) -> None:
        for frame in self.sink.drain(writes):
            if self.client.rx(frame) == RESUME:
                assert frame["t"] == "hb", ("gap", frame, self.client.versions)
                if not self.sink.paused:
                    self.send(self.client.resume(next(self.numbers)))
            self.check(frame.get("k"))
        if not self.sink.paused:
            assert self.session is not None
            self.gateway.hub.serve(self.session.member)

    def send(self, message: dict[str, object]) -> None:
        assert self.session is not None
        self.now_s += 1  # the rate limit is not the matter here
        assert self.session.receive(json.dumps(message), self.now_s) is None

    # -- the promise ------------------------------------------------------------------------------
    def check(self, sent: str | None) -> None:
        """Compare what is held of the topic that was just sent, and of all that were lifted."""
        client, epoch = self.client, self.client.epoch
        for topic, version in client.versions.items():
            at = (epoch, version)
            if topic != sent and self.checked.get(topic) == at:
                continue
            self.checked[topic] = at
            truth = self.ledger.topic(topic, epoch, version, client.watch or ())
            assert client.rows[topic] == truth, (topic, *at)
            if topic.startswith("list:"):
                assert client.ids[topic] == list(truth), (topic, *at)
            if topic.startswith("alerts"):
                self.check_alerts(topic, epoch, version)
            self.checks += 1

    def check_alerts(self, topic: str, epoch: str, version: int) -> None:
        """Each alert once and in order, but for those reported as lost."""
        client = self.client
        lost = client.lost.get(topic, ())
        due = self.ledger.alerts_of(topic, epoch, client.heard_from[topic], version)
        heard = [alert["i"] for alert in client.heard[topic]]
        must = [i for i in due if not any(a < int(i.split(".")[0]) <= b for a, b in lost)]
        assert [i for i in heard if i in set(must)] == must, (topic, epoch, version)
        assert set(heard) <= set(due), (topic, epoch, version)
        assert len(set(heard)) == len(heard), (topic, epoch, version)

    # -- the play ---------------------------------------------------------------------------------
    def run(self, steps: int) -> None:
        acts = {
            self.commit: 35,
            self.follow: 38,
            lambda: self.read(self.dice.randint(0, 6)): 22,
            self.heartbeat: 4,
            self.beat: 6,
            self.connect: 4,
            self.change_topics: 3,
            self.edit_watchlist: 3,
            self.trim: 2,
            self.reload: 1,
            self.restart: 1,
            self.new_epoch: 0.7,
        }
        for act in self.dice.choices(list(acts), list(acts.values()), k=steps):
            act()
        self.settle()

    def settle(self) -> None:
        """The faults end: within two heartbeats the client has everything."""
        for gateway in self.gateways:
            gateway.inbox.append(encode(self.ledger.heartbeat()))
            while gateway.inbox:
                gateway.hear()
            gateway.read_history()
            gateway.world.now += 10_000
        client = self.client
        for _ in range(60):
            self.gateway.sweep()
            self.read()
        missing = [topic for topic in TOPICS if topic not in client.versions]
        if missing:  # taken away, and then the client had no chance to ask for it again
            assert "tokens" not in missing
            self.send({"id": next(self.numbers), "op": "sub", "topics": missing})
            for _ in range(30):
                self.read()
        self.gateway.beat()
        self.read()
        assert client.epoch == self.ledger.epoch
        assert client.versions == dict.fromkeys(TOPICS, self.ledger.version)


def check_schedules(seeds: Sequence[int], *, steps: int = 200) -> Report:
    """Play schedules; raises AssertionError at the first mismatch or gap."""
    report = Report()
    for seed in seeds:
        play = Play(seed)
        try:
            play.run(steps)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
        client = play.client
        report.schedules += 1
        report.comparisons += play.checks
        report.snaps += sum(client.snaps.values())
        report.folded += client.folded
        report.ignored += client.ignored
        report.lost += client.lost_reported
    return report
