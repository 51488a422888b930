"""The fetcher: polls the upstream sources, and publishes their readings or posts them.

Any number of replicas share the jobs, the call budget and the list of known tokens through Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from services.fetcher.budget import Budget
from services.fetcher.configured import read_sources
from services.fetcher.counts import FetcherCounts
from services.fetcher.delivery import open_delivery
from services.fetcher.due import DueTokens
from services.fetcher.http import Upstreams, open_client
from services.fetcher.jobs import Leases
from services.fetcher.metrics import export
from services.fetcher.poll_cycles import PollCycles
from services.fetcher.runner import JobRunner, names, write_status
from services.fetcher.settings import FetcherSettings
from services.fetcher.source import Source
from services.fetcher.status import StatusBoard
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.process.metrics import Metrics
from shared.process.minutes import every_minute
from shared.process.run import Job, run_jobs, unless_stopped
from shared.redis.connect import open_redis, wait_for_redis

log = get_logger(__name__)


async def run(
    settings: FetcherSettings, stop: asyncio.Event, metrics: Metrics | None = None
) -> None:
    """Fetch until `stop` is set; what has arrived by then is still published."""
    sources, off = read_sources(settings.fetch_rate_factor, settings.fetch_replay_url)
    await run_sources(settings, sources, stop, off=off, metrics=metrics)


async def run_sources(
    settings: FetcherSettings,
    sources: Sequence[Source],
    stop: asyncio.Event,
    *,
    off: Sequence[str],
    metrics: Metrics | None = None,
) -> None:
    """Fetch from these sources until `stop` is set."""
    keys = Keys(settings.redis_prefix)
    async with (
        open_redis(settings.redis) as redis,
        open_client(concurrency=settings.fetch_concurrency, proxy=settings.fetch_proxy) as client,
    ):
        if not await unless_stopped(stop, wait_for_redis(redis, settings.redis)):
            return
        _log_start(settings, sources)
        status, counts = _status_of(off), FetcherCounts(source.name for source in sources)
        export(metrics or Metrics("fetcher"), counts)
        upstreams = Upstreams(
            client, Budget(redis, keys), concurrency=settings.fetch_concurrency, counts=counts
        )
        async with open_delivery(
            settings, redis=redis, keys=keys, status=status, counts=counts
        ) as delivery:
            runner = JobRunner(
                redis=redis,
                keys=keys,
                sources=sources,
                upstreams=upstreams,
                leases=Leases(redis),
                due=DueTokens(redis, keys, known_max=settings.fetch_known_max),
                delivery=delivery,
                status=status,
                counts=counts,
                include_quote_assets=settings.include_quote_assets,
            )
            await run_jobs(stop, jobs_of(runner))
        log.info("fetcher_stopped")


def _log_start(settings: FetcherSettings, sources: Sequence[Source]) -> None:
    log.info(
        "fetcher_started", sources=names(sources), factor=settings.fetch_rate_factor,
        delivery=settings.fetcher_delivery,
    )  # fmt: skip
    for source in sources:
        for warning in source.warnings:
            log.warning("source_setting_doubtful", source=source.name, warning=warning)


def _status_of(off: Sequence[str]) -> StatusBoard:
    status = StatusBoard()
    for name in off:
        status[name].facts["state"] = "off"
    return status


def jobs_of(runner: JobRunner) -> Mapping[str, Job]:
    """Return all jobs. Cancelled, each delivers what it has and gives its lease back."""
    polling: dict[str, Job] = {
        f"{source.name}:{job.name}": runner.run_job(source, job)
        for source in runner.sources
        for job in source.jobs
    }
    return polling | {
        "status": write_status(runner.status, runner.redis, runner.keys),
        "minutes": every_minute(PollCycles(runner.counts).write),
    }
