"""What outlives a term: the parts that an aggregator needs whether it leads or stands by."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.aggregator.clock import StoreClock
from services.aggregator.counts import AggregatorCounts
from services.aggregator.intake import Intake
from services.aggregator.memory import Memory
from services.aggregator.playback import MarketClock, Playback
from services.aggregator.recall import Recall
from services.aggregator.settings import AggregatorSettings
from services.aggregator.standby import Standby
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.redis.connect import Redis
from shared.state.feed import Extra, Feed
from shared.state.orders import NoOrders
from shared.state.replica import Replica
from shared.state.store import Store

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AggregatorContext:
    """Every term works on these; what belongs to one term alone is in `Term`."""

    store: Store
    feed: Feed
    standby: Standby
    recall: Recall
    intake: Intake
    clock: StoreClock
    settings: AggregatorSettings
    playback: Playback | None = None  # None: what comes in is of now
    counts: AggregatorCounts = field(default_factory=AggregatorCounts)

    @property
    def memory(self) -> Memory:
        """All readings."""
        return self.intake.memory

    @property
    def replica(self) -> Replica:
        """All rows as committed."""
        return self.feed.replica


def build_context(
    redis: Redis, keys: Keys, intake: Intake, settings: AggregatorSettings
) -> AggregatorContext:
    """Connect the parts: the feed brings readings to the intake, and commits to the standby."""
    playback = _playback(intake, settings)
    clock = playback.clock if playback else StoreClock()
    store = Store(redis, keys)
    recall = Recall(store, intake.memory)
    standby = Standby(intake, clock, recall)

    def on_gap() -> None:
        intake.subscribed()
        recall.missed()
        log.info("raw_tokens_subscribed")

    def take(data: bytes) -> None:
        intake.take(data, clock.now_ms())

    raw_tokens = Extra(
        channel=keys.raw_tokens, on_message=playback.put if playback else take, on_gap=on_gap
    )
    feed = Feed(redis, keys, Replica(new_orders=NoOrders), standby, extra=raw_tokens)
    return AggregatorContext(store, feed, standby, recall, intake, clock, settings, playback)


def _playback(intake: Intake, settings: AggregatorSettings) -> Playback | None:
    if settings.playback_from_ms is None:
        return None
    return Playback(MarketClock(settings.playback_from_ms), intake, settings.window_ms)
