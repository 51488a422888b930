"""The model check's parts: a store that is a view of the ledger, a gateway without a loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from services.ws.core.alerts import event
from services.ws.core.hub import Hub
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.feed import Feed
from shared.state.messages import Heartbeat
from shared.state.meta import Meta
from shared.state.replica import Change, Replica
from shared.state.row import Fields, format_digest
from tests.testkit.commits import Ledger
from tests.testkit.hub import FakeWorld

T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what never has to wait."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("it waits")


@dataclass
class LedgerStore:
    """The store as the feed reads it: the ledger at this moment."""

    ledger: Ledger
    log_of: list[tuple[int, bytes]] = field(default_factory=list)  # version, message
    log_from: int = 0  # versions at or below it were trimmed

    async def meta(self) -> Meta:
        ledger = self.ledger
        return Meta(
            epoch=ledger.epoch,
            version=ledger.version,
            digest=format_digest(ledger.digest),
            committed_ms=1,
            horizon=ledger.horizon,
            seeding=ledger.seeding,
        )

    async def log(self, after: int, upto: int) -> list[bytes] | None:
        if after < self.log_from:
            return None
        return [data for v, data in self.log_of if after < v <= upto]

    async def token_ids(self) -> list[str]:
        return list(self.ledger.fields)

    async def rows(self, ids: Sequence[str]) -> dict[str, Fields]:
        return {i: self.ledger.fields[i] for i in ids if i in self.ledger.fields}

    async def gone(self) -> dict[str, int]:
        return dict(self.ledger.gone)


class ModelGateway:
    """A gateway without a loop: a real feed, replica and hub; messages on their way to it."""

    def __init__(self, store: LedgerStore, recent: int) -> None:
        """`recent`: commits whose shared frames are kept; fewer make more folded diffs."""
        self.store = store
        self.world = FakeWorld()
        self.replica = Replica()
        self.hub = Hub(self.replica, self.world)
        self.hub._recent = deque(maxlen=recent)
        self.inbox: deque[bytes] = deque()
        self.feed = Feed(cast("Redis", None), Keys(), self.replica, self)
        self.feed._store = cast("Any", store)
        self._owes_history = False
        at_once(self.feed._load())
        self.read_history()

    # -- the listener -----------------------------------------------------------------------------
    def on_commit(self, change: Change) -> None:
        self.hub.on_commit(change)

    def on_reset(self) -> None:
        self.hub.on_reset()
        self._owes_history = not self.hub.alerts.known

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        pass

    # -- what happens to it -----------------------------------------------------------------------
    def hear(self) -> None:
        """Take the next message."""
        if self.inbox:
            at_once(self.feed._on_state(self.inbox.popleft()))

    def read_history(self) -> None:
        if self._owes_history:
            self._owes_history = False
            ledger = self.store.ledger
            if ledger.epoch != self.replica.epoch:  # the store has gone on to another
                self.hub.alerts.give_up()
                return
            floor = ledger.alerts_floor
            kept = [event(v, raw) for v, raw in ledger.alerts if v > floor]
            self.hub.on_history([found for found in kept if found is not None], floor)

    def sweep(self) -> None:
        for _ in self.hub.sweep():
            pass

    def beat(self) -> None:
        for _ in self.hub.beat():
            pass
