"""The aggregator: follows the state, merges all readings, and writes while it holds the lease."""

from __future__ import annotations

import asyncio

from services.aggregator.context import build_context
from services.aggregator.intake import Intake
from services.aggregator.leader import Leader
from services.aggregator.memory import Memory
from services.aggregator.metrics import export
from services.aggregator.minutes import CommitMinutes
from services.aggregator.settings import AggregatorSettings
from shared.keys import Keys
from shared.process.metrics import Metrics
from shared.process.minutes import every_minute
from shared.process.run import run_jobs, unless_stopped
from shared.redis.connect import open_redis, wait_for_redis


async def run(
    settings: AggregatorSettings, stop: asyncio.Event, metrics: Metrics | None = None
) -> None:
    """Run until `stop`; what was received until then is committed, and the lease given back."""
    keys = Keys(settings.redis_prefix)
    async with open_redis(settings.redis) as redis:
        if not await unless_stopped(stop, wait_for_redis(redis, settings.redis)):
            return
        memory = Memory(
            settings.max_tokens, settings.max_tokens_per_producer, settings.merge_rules()
        )
        intake = Intake(memory, settings.include_quote_assets)
        context = build_context(redis, keys, intake, settings)
        leader = Leader(context)
        export(metrics or Metrics("aggregator"), leader, context)
        await run_jobs(
            stop,
            {
                "follow": context.feed.run(),
                "minutes": every_minute(CommitMinutes(leader, context).write),
            },
            finishing={"lead": leader.run(stop)},  # commits what it holds
        )
