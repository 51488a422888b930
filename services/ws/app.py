"""The stream gateway as a service."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from services.ws.alert_history import keep_history
from services.ws.core.hub import Hub
from services.ws.core.limits import UNSENT_HIGH
from services.ws.gateway import Gateway
from services.ws.metrics import export
from services.ws.minutes import StreamMinutes
from services.ws.settings import WsSettings
from services.ws.watched import keep_watched
from shared.keys import Keys
from shared.process.listen import listen
from shared.process.logs import get_logger
from shared.process.metrics import Metrics
from shared.process.minutes import every_minute
from shared.process.run import run_jobs
from shared.redis.connect import open_redis, wait_for_redis
from shared.state.feed import Feed
from shared.state.replica import Replica

log = get_logger(__name__)


class _World:
    """The clock and the feed, as the hub sees them."""

    feed: Feed

    def now_ms(self) -> int:
        return int(time.time() * 1000)

    def age_ms(self) -> int | None:
        silent_s = self.feed.silent_s
        return int(silent_s * 1000) if math.isfinite(silent_s) else None

    def loaded(self) -> bool:
        return self.feed.loaded.is_set()


async def run(settings: WsSettings, stop: asyncio.Event, metrics: Metrics | None = None) -> None:
    """Serve the stream until `stop`; clients may connect before there is anything to send."""
    # One line per connection from the library would drown our own.
    logging.getLogger("websockets").setLevel(logging.WARNING)
    sock = listen("WS", settings.ws_host, settings.ws_port, send_buffer=UNSENT_HIGH)
    async with open_redis(settings.redis) as redis:
        world, replica, keys = _World(), Replica(), Keys(settings.redis_prefix)
        metrics = metrics or Metrics("ws")
        gateway = Gateway(settings, Hub(replica, world, window_ms=settings.window_ms), metrics.loop)
        world.feed = Feed(redis, keys, replica, gateway)
        export(metrics, gateway, world.feed)

        async def follow() -> None:
            await wait_for_redis(redis, settings.redis)
            await world.feed.run()

        async def serve() -> None:
            await gateway.serve(sock)
            log.info("ws_listening", host=settings.ws_host, port=sock.getsockname()[1])
            await stop.wait()
            log.info("ws_draining", connections=len(gateway.connections))
            await gateway.drain()

        await run_jobs(
            stop,
            {
                "follow": follow(),
                "fan_out": gateway.fan_out(),
                "tick": gateway.tick(),
                "minutes": every_minute(StreamMinutes(gateway).write),
                "history": keep_history(redis, keys, gateway),
                "watched": keep_watched(redis, keys, gateway.watched, lambda: replica.rows),
            },
            finishing={"serve": serve()},
        )
