"""The recorder: follows the state as a reader does, and keeps what it was (docs/HISTORY.md)."""

from __future__ import annotations

import asyncio
import logging

from services.recorder.counts import RecorderCounts
from services.recorder.foreign import ForeignReader
from services.recorder.metrics import export
from services.recorder.minutes import RecorderMinutes
from services.recorder.recorder import Recorder
from services.recorder.settings import RecorderSettings
from shared.history.engine import open_engine, public_history_url
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.process.metrics import Metrics
from shared.process.minutes import every_minute
from shared.process.run import run_jobs, unless_stopped
from shared.redis.connect import open_redis, wait_for_redis

log = get_logger(__name__)


async def run(
    settings: RecorderSettings, stop: asyncio.Event, metrics: Metrics | None = None
) -> None:
    """Record until `stop`; what was seen until then is written, and the lease given back."""
    for library in ("alembic", "aiosqlite", "sqlalchemy"):
        logging.getLogger(library).setLevel(logging.WARNING)
    metrics, counts = metrics or Metrics("recorder"), RecorderCounts()
    address = settings.history_address
    if not address:
        counts.state = "off"
        log.warning("history_off", fix="set HISTORY_URL")
        await stop.wait()
        return
    async with open_redis(settings.redis) as redis:
        if not await unless_stopped(stop, wait_for_redis(redis, settings.redis)):
            return
        log.info("history_opened", url=public_history_url(address))
        engine = open_engine(address, writes=True)
        keys = Keys(settings.redis_prefix)
        recorder = Recorder(redis, keys, engine, settings, counts)
        foreign = ForeignReader(redis, keys, engine, lambda: counts.state == "recording")
        export(metrics, recorder)
        try:
            await run_jobs(
                stop,
                {
                    "record": recorder.run(),
                    "foreign": foreign.run(),
                    "minutes": every_minute(RecorderMinutes(counts).write),
                },
            )
        finally:
            await recorder.close()
