"""The fetcher: polls the upstream sources, and publishes their readings or posts them.

Any number of replicas share the jobs, the call budget and the list of known tokens through Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from services.fetcher.backfill import Backfill
from services.fetcher.budget import Budget
from services.fetcher.configured import read_sources
from services.fetcher.counts import FetcherCounts
from services.fetcher.delivery import open_delivery
from services.fetcher.due import DueTokens
from services.fetcher.http import Upstreams, open_client
from services.fetcher.jobs import Leases
from services.fetcher.metrics import export
from services.fetcher.play import Player
from services.fetcher.poll_cycles import PollCycles
from services.fetcher.publish import Publisher
from services.fetcher.record import RecordingBounds, TrafficRecorder, free_path
from services.fetcher.replayed import wait_for_replay
from services.fetcher.runner import JobRunner, names, write_status
from services.fetcher.settings import FetcherSettings
from services.fetcher.source import Source, find_sources
from services.fetcher.status import StatusBoard
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.process.metrics import Metrics
from shared.process.minutes import every_minute
from shared.process.run import Job, run_jobs, unless_stopped
from shared.process.settings import read_settings
from shared.redis.connect import open_redis, wait_for_redis

log = get_logger(__name__)


async def run(
    settings: FetcherSettings, stop: asyncio.Event, metrics: Metrics | None = None
) -> None:
    """Fetch until `stop` is set; what has arrived by then is still published.

    With PLAY_TRAFFIC nothing is fetched: a recording gives the answers.
    """
    if settings.play_traffic is not None:
        await _play(settings, settings.play_traffic, stop, metrics)
        return
    sources, off = read_sources(settings.fetch_rate_factor, settings.fetch_replay_url)
    await run_sources(settings, sources, stop, off=off, metrics=metrics)


async def run_sources(
    settings: FetcherSettings,
    sources: Sequence[Source],
    stop: asyncio.Event,
    *,
    off: Sequence[str],
    metrics: Metrics | None = None,
    recorder: TrafficRecorder | None = None,
) -> None:
    """Fetch from these sources until `stop` is set.

    `recorder`: of who records for itself, in the place of RECORD_TRAFFIC.
    """
    keys = Keys(settings.redis_prefix)
    async with (
        open_redis(settings.redis) as redis,
        open_client(concurrency=settings.fetch_concurrency, proxy=settings.fetch_proxy) as client,
        AsyncExitStack() as held,
    ):
        if not await unless_stopped(stop, wait_for_redis(redis, settings.redis)):
            return
        _log_start(settings, sources)
        replay_url = settings.fetch_replay_url
        if replay_url and not await unless_stopped(stop, wait_for_replay(replay_url)):
            return
        status, counts = _status_of(off), FetcherCounts(source.name for source in sources)
        export(metrics or Metrics("fetcher"), counts)
        listener = recorder or _recorder(settings, sources)
        if listener is not None:
            held.callback(listener.end)
        upstreams = Upstreams(
            client, Budget(redis, keys), concurrency=settings.fetch_concurrency, counts=counts,
            listener=listener,
        )  # fmt: skip
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
            await run_jobs(stop, {**jobs_of(runner), **backfills_of(runner, settings.backfill_top)})
        log.info("fetcher_stopped")


def _recorder(settings: FetcherSettings, sources: Sequence[Source]) -> TrafficRecorder | None:
    """Begin the recording that is wished for. Raises ConfigError."""
    if settings.record_traffic is None:
        return None
    recorder = TrafficRecorder(
        free_path(settings.record_traffic), sources, bounds_of(settings),
        replayed=settings.fetch_replay_url is not None,
    )  # fmt: skip
    log.info("recording_started", file=str(recorder.path))
    return recorder


def bounds_of(settings: FetcherSettings) -> RecordingBounds:
    """Return when a recording ends by itself."""
    return RecordingBounds(seconds=settings.record_minutes * 60, size=settings.record_max_bytes)


async def _play(
    settings: FetcherSettings, path: Path, stop: asyncio.Event, metrics: Metrics | None
) -> None:
    """Play a recording until `stop` is set; after its end nothing more comes."""
    keys = Keys(settings.redis_prefix)
    async with open_redis(settings.redis) as redis:
        if not await unless_stopped(stop, wait_for_redis(redis, settings.redis)):
            return
        sources = [spec.build(read_settings(spec.settings)) for spec in find_sources()]
        status, counts = StatusBoard(), FetcherCounts(source.name for source in sources)
        export(metrics or Metrics("fetcher"), counts)
        player = Player(
            path, sources, Publisher(redis, keys, counts), speed=settings.play_speed,
            status=status, counts=counts,
        )  # fmt: skip
        jobs = {
            "play": player.run(),
            "status": write_status(status, redis, keys),
            "minutes": every_minute(PollCycles(counts).write),
        }
        await run_jobs(stop, jobs)
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


def backfills_of(runner: JobRunner, top: int | None) -> Mapping[str, Job]:
    """Return the jobs that request candles of the time before us; None: none is wished for."""
    return {
        f"{source.name}:candles": Backfill(
            redis=runner.redis, keys=runner.keys, source=source, candles=source.candles,
            upstreams=runner.upstreams, leases=runner.leases, due=runner.due, top=top,
        ).run()
        for source in runner.sources
        if top is not None and source.candles is not None
    }  # fmt: skip


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
