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
from services.recorder.state_log import StateLog
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
        state_log = _state_log(settings)
        recorder = Recorder(
            redis, keys, engine, settings, counts, also=[state_log] if state_log else []
        )
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
            if state_log is not None:
                state_log.close()


def _state_log(settings: RecorderSettings) -> StateLog | None:
    """Return the log of the state, if the settings say so; the recorder that leads writes it."""
    if settings.record_state == "off":
        return None
    return StateLog(
        settings.record_state_dir, max_bytes=settings.record_state_max_bytes,
        keep_days=settings.record_state_keep_days,
    )  # fmt: skip
