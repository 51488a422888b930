"""Standing by: another aggregator leads, and what it commits is done for us too."""

from __future__ import annotations

from services.aggregator.clock import StoreClock
from services.aggregator.intake import WAITING_MS, Intake
from services.aggregator.recall import Recall
from shared.state.messages import Heartbeat
from shared.state.replica import Change


class Standby:
    """Listens to the feed; the feed is silent while this process leads."""

    def __init__(self, intake: Intake, clock: StoreClock, recall: Recall) -> None:
        self._intake, self._clock, self._recall = intake, clock, recall
        self.epoch = ""  # in which another aggregator was last heard

    def forget_old(self) -> None:
        """Forget what the leader has had time enough to commit."""
        before_ms = self._clock.now_ms() - WAITING_MS
        self._intake.memory.forget_dirty(before_ms)
        self._intake.forget_waiting(before_ms)

    def on_commit(self, change: Change) -> None:
        """The leader committed: its answers and removals hold for us too."""
        self.epoch = change.commit.e
        self._intake.settle(change.commit.acks)
        for token in change.dels:
            self._intake.memory.forget(token)

    def on_reset(self) -> None:
        """Another aggregator may have begun the epoch, and stored what is not known here."""
        self._recall.missed()

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Keep the clock close to the store's."""
        self.epoch = heartbeat.e
        self._clock.set(heartbeat.ts)
