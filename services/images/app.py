"""Images of tokens: fetched once, made small, and served from here (docs/HTTP.md, Images).

A page that loads images from where the sources say shows its visitors to hundreds of strangers, and
lets them send what they like. This service is the only part that fetches them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp

from services.images.cache import ImageCache
from services.images.counts import ImageCounts
from services.images.endpoint import ImageEndpoint
from services.images.fetch import Fetcher, FetchLimits
from services.images.folder import Folder
from services.images.health import Livez, Readyz
from services.images.metrics import export
from services.images.minutes import ImageMinutes
from services.images.network import Network
from services.images.pictures import Pictures
from services.images.settings import FINISH_S, ImagesSettings, folder_of
from services.images.workers import Workers
from shared.edge.client_address import Proxies
from shared.edge.http.connection import Bounds, serving
from shared.edge.http.counts import Routes
from shared.edge.http.middleware import edge
from shared.edge.http.router import build_router
from shared.edge.http.visitors import Visitors
from shared.edge.http_server import HttpServer
from shared.edge.rates import Rates
from shared.keys import Keys
from shared.process.listen import listen
from shared.process.logs import get_logger
from shared.process.loop_watch import LoopWatch
from shared.process.metrics import Metrics
from shared.process.minutes import every_minute
from shared.process.run import run_jobs
from shared.redis.connect import Redis, open_redis

log = get_logger(__name__)

ROUTE: Final = "/images/{chain}/{address}"
_SEND_BUFFER: Final = 64 * 1024  # bytes of a connection in the kernel
_HOUR_S: Final = 3_600


@dataclass(slots=True, kw_only=True)
class ImageParts:
    """The parts of one running image service: `app` is what a server serves."""

    settings: ImagesSettings
    visitors: Visitors
    counts: ImageCounts
    cache: ImageCache
    fetcher: Fetcher
    workers: Workers
    pictures: Pictures = field(init=False)
    loop: LoopWatch
    draining: bool = False
    app: ASGIApp = field(init=False)

    async def close(self) -> None:
        """Leave what is under way, then its processes and connections."""
        await self.pictures.close()
        await self.workers.close()
        await self.fetcher.aclose()


def build_images(
    settings: ImagesSettings,
    redis: Redis,
    metrics: Metrics | None = None,
    *,
    network: Network | None = None,
) -> ImageParts:
    """Put the parts together. `network` is for tests alone: no setting makes one."""
    metrics = metrics or Metrics("images")
    folder = folder_of(settings)
    images = ImageParts(
        settings=settings,
        visitors=_visitors(settings),
        counts=ImageCounts(routes=Routes([ROUTE, "/livez", "/readyz"])),
        cache=ImageCache(Folder(folder) if folder else None, settings.images_max_bytes),
        fetcher=Fetcher(_limits(settings), network, proxy=settings.images_proxy),
        workers=Workers(settings.images_workers),
        loop=metrics.loop,
    )
    images.pictures = Pictures(
        images.cache,
        images.fetcher,
        images.workers,
        images.counts,
        keep_s=settings.images_keep_hours * _HOUR_S,
        retry_s=settings.images_retry_s,
    )
    export(metrics, images.counts, images.cache, images.pictures, images.workers)
    images.app = edge(
        build_router(_readers(images, redis), {}),
        images.visitors,
        max_inflight=settings.images_max_inflight,
        demo=settings.demo,
        counts=images.counts,
        draining=lambda: images.draining,
    )
    return images


def _visitors(settings: ImagesSettings) -> Visitors:
    return Visitors(
        Proxies(settings.trusted_proxies),
        Rates(settings.images_rate, settings.images_burst),
        conns_per_address=settings.images_conns_per_address,
        max_connections=settings.images_max_connections,
    )


def _limits(settings: ImagesSettings) -> FetchLimits:
    return FetchLimits(
        total_s=settings.images_fetch_s,
        connect_s=settings.images_connect_s,
        max_bytes=settings.images_fetch_bytes,
        at_once=settings.images_fetches,
        per_host=settings.images_fetches_per_host,
    )


def _readers(images: ImageParts, redis: Redis) -> dict[str, ASGIApp]:
    """Return what answers GET, by path."""
    keys, mode = Keys(images.settings.redis_prefix), images.settings.images_mode
    return {
        ROUTE: ImageEndpoint(redis, keys, images.pictures, mode, images.counts),
        "/livez": Livez(),
        "/readyz": Readyz(redis, images.loop, lambda: images.draining),
    }


async def run(
    settings: ImagesSettings, stop: asyncio.Event, metrics: Metrics | None = None
) -> None:
    """Serve until `stop` is set, then finish the requests under way."""
    sock = listen("IMAGES", settings.images_host, settings.images_port, send_buffer=_SEND_BUFFER)
    async with open_redis(settings.redis) as redis:
        images = build_images(settings, redis, metrics)
        await images.cache.open()

        async def serve() -> None:
            protocol = serving(_bounds(images))
            async with HttpServer(images.app, sock, protocol, finish_s=FINISH_S) as server:
                host, port = sock.getsockname()[:2]
                log.info("images_listening", host=host, port=port, images=settings.images_mode)
                await server.serve_until(stop)
                images.draining = True
                log.info("images_draining")
                await asyncio.sleep(settings.images_drain_grace_s)

        minutes = every_minute(ImageMinutes(images.counts, images.cache).write)
        try:
            await run_jobs(stop, {"minutes": minutes}, finishing={"serve": serve()})
        finally:
            await images.close()


def _bounds(images: ImageParts) -> Bounds:
    return Bounds(
        images.visitors,
        header_s=images.settings.images_header_s,
        stall_s=images.settings.images_stall_s,
        problems=images.counts.problems,
    )
