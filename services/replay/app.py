"""The stand-in as a service: the replayed market on one port."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from services.replay.past import hand_over_past
from services.replay.routes import build_app
from services.replay.settings import ReplaySettings
from shared.edge.http_server import HttpServer
from shared.process.listen import listen
from shared.process.logs import get_logger
from shared.process.metrics import Metrics
from shared.process.run import Job, run_jobs

__all__ = ["build_app", "run"]

log = get_logger(__name__)

_FINISH_S: Final = 5


async def run(
    settings: ReplaySettings, stop: asyncio.Event, _metrics: Metrics | None = None
) -> None:
    """Serve the replayed market until `stop` is set; open requests get 5 s to end."""
    sock = listen("REPLAY", settings.replay_host, settings.replay_port)
    log.info("replay_market", seed=settings.replay_seed, tokens=settings.replay_tokens)
    app = build_app(settings, _now_ms)
    jobs: dict[str, Job] = {}
    if settings.replay_past_hours and settings.redis_url:
        jobs["past"] = hand_over_past(settings, app.state.market, _now_ms)

    async def serve() -> None:
        async with HttpServer(app, sock, finish_s=_FINISH_S) as server:
            host, port = sock.getsockname()[:2]
            log.info("replay_ready", address=f"http://{host}:{port}")
            await server.serve_until(stop)

    await run_jobs(stop, jobs, finishing={"serve": serve()})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
