"""The aggregator: follows the state, merges all readings, and writes while it holds the lease."""

from __future__ import annotations

import asyncio

from services.aggregator.alerts import AlertBook, AlertRules
from services.aggregator.clock import StoreClock
from services.aggregator.intake import Intake
from services.aggregator.leader import Leader
from services.aggregator.memory import Memory
from services.aggregator.merger import Merger
from services.aggregator.metrics import export
from services.aggregator.minutes import CommitMinutes
from services.aggregator.noise import NoiseFloors
from services.aggregator.settings import AggregatorSettings
from shared.keys import Keys
from shared.process.metrics import Metrics
from shared.process.minutes import every_minute
from shared.process.run import run_jobs, unless_stopped
from shared.redis.connect import open_redis, wait_for_redis
from shared.state.replica import Replica


def noise_floors(settings: AggregatorSettings) -> NoiseFloors:
    """Return the noise floors that an operator asked for."""
    return NoiseFloors(price=settings.noise_price_pct / 100, sums=settings.noise_sums_pct / 100)


def alert_rules(settings: AggregatorSettings) -> AlertRules:
    """Return the alert rules that an operator asked for."""
    return AlertRules(
        price_windows=settings.alert_price_windows,
        price_levels=settings.alert_price_pct,
        volume_windows=settings.alert_volume_windows,
        volume_levels=settings.alert_volume_pct,
        min_volume=settings.alert_volume_min,
        rearm=settings.alert_rearm_pct / 100,
        cooldown_ms=settings.alert_cooldown_s * 1000,
    )


async def run(
    settings: AggregatorSettings, stop: asyncio.Event, metrics: Metrics | None = None
) -> None:
    """Run until `stop`; what was received until then is committed, and the lease given back."""
    keys = Keys(settings.redis_prefix)
    async with open_redis(settings.redis) as redis:
        if not await unless_stopped(stop, wait_for_redis(redis, settings.redis)):
            return
        clock = StoreClock()
        memory = Memory(settings.max_tokens, settings.max_tokens_per_producer)
        intake = Intake(memory, settings.include_quote_assets)
        replica = Replica()
        merger = Merger(
            memory, replica, settings.merge_rules(), noise_floors(settings),
            AlertBook(alert_rules(settings)),
        )  # fmt: skip
        leader = Leader(redis, keys, merger=merger, intake=intake, clock=clock, settings=settings)
        export(metrics or Metrics("aggregator"), leader, intake, memory)
        await run_jobs(
            stop,
            {
                "follow": leader.feed.run(),
                "minutes": every_minute(CommitMinutes(leader, intake, memory).write),
            },
            finishing={"lead": leader.run(stop)},  # commits what it holds
        )
