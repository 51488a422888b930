"""One line a minute of what each source gave, what was committed, who was served."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from services.aggregator.counts import AggregatorCounts as CommitCounts
from services.aggregator.intake import Intake
from services.aggregator.memory import Memory
from services.aggregator.minutes import CommitMinutes
from services.fetcher.counts import FetcherCounts
from services.fetcher.poll_cycles import PollCycles
from services.ws.core.counts import GatewayCounts
from services.ws.minutes import StreamMinutes
from shared.errors import Unavailable
from shared.process.minutes import DeltaCounter, every_minute
from tests.testkit.wait import eventually, happening


def test_totals_are_logged_as_what_was_added_since() -> None:
    since = DeltaCounter()

    assert since.last(calls=3, tokens=10) == {"calls": 3, "tokens": 10}
    assert since.last(calls=3, tokens=12.9) == {"calls": 0, "tokens": 2}


async def test_a_line_comes_at_the_end_of_each_minute() -> None:
    written: list[str] = []

    async with happening(every_minute(lambda: written.append("line"), every_s=0.01)):
        assert written == []
        await eventually(lambda: len(written) >= 2)


class Lines:
    """Stands for a module's logger."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def info(self, event: str, **fields: object) -> None:
        self.written.append({"event": event, **fields})


def test_each_source_has_its_poll_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines()
    monkeypatch.setattr("services.fetcher.poll_cycles.log", lines)
    counts = FetcherCounts(["dexscreener", "jupiter"])
    cycles = PollCycles(counts)
    counts["dexscreener"].succeeded(1, 30, {})
    counts["dexscreener"].failed(Unavailable("no answer"))

    cycles.write()
    cycles.write()

    quiet = {"event": "poll_cycle", "calls": 0, "tokens": 0, "errors": 0}
    assert lines.written == [
        {"event": "poll_cycle", "source": "dexscreener", "calls": 2, "tokens": 30, "errors": 1},
        {**quiet, "source": "jupiter"},
        {**quiet, "source": "dexscreener"},
        {**quiet, "source": "jupiter"},
    ]


def test_the_aggregator_says_what_it_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, counts = Lines(), CommitCounts()
    monkeypatch.setattr("services.aggregator.minutes.log", lines)
    memory = Memory(10)
    intake = Intake(memory, include_quote_assets=False)
    leader: Any = SimpleNamespace(leading=True)
    context: Any = SimpleNamespace(counts=counts, intake=intake, memory=memory)
    counts.committed([], 0.001)
    counts.commit_tokens.observe(41)
    intake.sources["jupiter"] += 50
    intake.dropped["stale"] += 2

    CommitMinutes(leader, context).write()

    assert lines.written == [
        {
            "event": "commits_made", "active": True, "tokens": 0, "commits": 1, "refused": 0,
            "changed": 41, "readings": 50, "dropped": 2,
        }
    ]  # fmt: skip


def test_the_gateway_says_what_it_served(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, counts = (
        Lines(),
        GatewayCounts(opened=3, writes=70, joined=5, written_bytes=9_000, paused=1),
    )
    monkeypatch.setattr("services.ws.minutes.log", lines)
    counts.refused["429"] += 1
    gateway: Any = SimpleNamespace(hub=SimpleNamespace(counts=counts), connections={"a": None})

    StreamMinutes(gateway).write()

    assert lines.written == [
        {
            "event": "clients_served", "clients": 1, "opened": 3, "refused": 1, "messages": 75,
            "bytes": 9_000, "slow": 1,
        }
    ]  # fmt: skip
