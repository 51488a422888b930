"""Clients of the stream: the Python client, and one written from docs/STREAM.md alone."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from dexwire.client import Client
from dexwire.client.events import Alert, Diff, Event, Gap, Snapshot
from dexwire.client.table import Table
from tests.chaos.alerts import AlertLaws
from tests.chaos.findings import Findings
from tests.chaos.history import History, Row, State
from tests.chaos.lists import topic_rows
from tests.chaos.pending import Pending
from tests.testkit.reference_client import LiveClient, ReferenceClient

SAMPLE_S: Final = 0.5  # a client's state is judged so often at the most
WATCH: Final = ("solana:Mine0x1", "solana:Mine1x2", "solana:Wide0", "solana:NotThere")
TOPICS: Final = (
    ["all", "alerts"],
    ["chain:solana", "alerts:solana:L2"],
    ["list:volume:5m:desc:*:25", "list:price_change:1h:asc:*:10", "alerts:L3"],
    ["list:newest:-:desc:solana:50", "list:liquidity:-:desc:*:10", "token:solana:Mine0x1"],
)


@dataclass
class Following:
    """What followers share."""

    findings: Findings
    history: History
    pending: Pending
    alerts: AlertLaws


class Follower:
    """A client that keeps the protocol's rule, judged after its frames."""

    def __init__(self, urls: list[str], topics: list[str], on: Following) -> None:
        self._on = on
        self.client = LiveClient(urls, topics, watch=list(WATCH), check=self._sample)
        self._sampled_s = 0.0

    async def run(self) -> None:
        """Follow for ever; cancel it to end."""
        await self.client.run()

    def _sample(self, state: ReferenceClient) -> None:
        now = time.monotonic()
        if now - self._sampled_s < SAMPLE_S:
            return
        self._sampled_s = now
        for topic, version in state.versions.items():
            self._judge_topic(state, topic, version)

    def _judge_topic(self, state: ReferenceClient, topic: str, version: int) -> None:
        on, epoch = self._on, state.epoch
        if topic.startswith("alerts"):
            heard = [alert["i"] for alert in state.heard[topic]]
            since, lost = state.heard_from[topic], list(state.lost.get(topic, ()))
            on.pending.add(
                epoch,
                version,
                lambda s: on.alerts.judge_heard(topic, s, since, heard, lost),
            )
            return
        rows, ids = dict(state.rows[topic]), list(state.ids.get(topic, ()))
        on.pending.add(epoch, version, lambda s: judge_topic(topic, s, rows, ids, on.findings))


def judge_topic(
    topic: str, state: State, rows: dict[str, Row], ids: list[str], findings: Findings
) -> None:
    """What a client holds of a topic must be what the topic is at that version."""
    findings.count("client states")
    true = topic_rows(topic, state, WATCH)
    at = f"{topic} at {state.epoch} {state.version}"
    if rows != true:
        wrong = [i for i in {**rows, **true} if rows.get(i) != true.get(i)]
        first = wrong[0]
        held, should = rows.get(first), true.get(first)
        fields = [
            n
            for n in {**(held or {}), **(should or {})}
            if (held or {}).get(n) != (should or {}).get(n)
        ]
        detail = f"{at}: {len(wrong)} rows differ, {first} in {fields[:5]}"
        findings.wrong("a client holds the state of its version", detail)
    elif topic.startswith("list:") and ids != list(true):
        findings.wrong("a client holds the order of its version", at)


@dataclass
class Program:
    """A program that uses the Python client: a stream into tables, and a filtered view."""

    api: str
    stream: str
    topics: tuple[str, ...]
    on: Following
    tables: dict[str, Table] = field(default_factory=dict)
    _received: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    _sampled: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Follow for ever; cancel it to end."""
        async with Client(self.api, ws_url=self.stream) as client:
            async for event in client.stream(*self.topics):
                self._take(event)

    async def watch_view(self) -> None:
        """Hold a live list with a filter to the states that it says it is of."""
        async with (
            Client(self.api, ws_url=self.stream) as client,
            client.view(sort="volume", limit=20, min_liquidity=1_000) as view,
        ):
            async for _ in view.changes(throttle=SAMPLE_S):
                epoch, version = view.version
                self.on.pending.add(epoch, version, partial(self._judge_view, rows=view.rows))

    def _take(self, event: Event) -> None:
        match event:
            case Snapshot():
                self.tables.setdefault(event.topic, Table()).replace(event)
                self._sample(event.topic)
            case Diff():
                self.tables[event.topic].apply(event)
                self._sample(event.topic)
            case Alert():
                self._heard(event)
            case Gap():
                self.on.findings.count(f"gaps that a program was shown: {event.reason}")

    def _sample(self, topic: str) -> None:
        now = time.monotonic()
        if now - self._sampled.get(topic, 0.0) < SAMPLE_S:
            return
        self._sampled[topic] = now
        table, findings = self.tables[topic], self.on.findings
        rows: dict[str, Row] = {ident: dict(row) for ident, row in table.rows.items()}
        ids = list(table.ids or ())
        self.on.pending.add(
            table.epoch, table.version, lambda s: judge_topic(topic, s, rows, ids, findings)
        )

    def _judge_view(self, state: State, rows: list[Any]) -> None:
        self.on.findings.count("views")
        known = [h.row for h in state.rows.values() if h.row.get("liquidity", -1) >= 1_000]
        ranked = [row for row in known if "volume_24h" in row]
        ranked.sort(key=lambda row: (row["volume_24h"], row["id"]), reverse=True)
        if [dict(row) for row in rows] != ranked[:20]:
            at = f"{state.epoch} {state.version}"
            self.on.findings.wrong("a view is the list of its version", at)

    def _heard(self, alert: Alert) -> None:
        event = (alert.topic, alert.key, alert.token_id, alert.kind, alert.window, alert.after)
        self._received[event] += 1
        self.on.findings.count("alerts that programs received")
        if self._received[event] > 1:
            self.on.findings.wrong("a program gets each alert once", str(event))
        if not self.on.alerts.was(alert.key, alert.token_id, alert.after):
            self.on.alerts.expect(alert.key, alert.token_id, alert.after)
