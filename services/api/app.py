"""The HTTP API: pages of the list, tokens, ingest, health (docs/HTTP.md)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from importlib.metadata import version

from starlette.types import ASGIApp

from services.api.counts import ApiCounts
from services.api.discover.endpoint import Discover
from services.api.discover.pages import Pages
from services.api.discover.pinned_orders import PinnedOrders
from services.api.documents.files import document_routes
from services.api.health import Health, Livez, Readyz
from services.api.history.alerts import AlertsEndpoint
from services.api.history.candles import CandlesEndpoint
from services.api.history.database import History
from services.api.history.own_figures import OwnFigures
from services.api.history.past_list import PastDiscover
from services.api.history.sparks import Sparks
from services.api.history.tokens import Tokens
from services.api.ingest.endpoint import Ingest
from services.api.ingest.outcome_reader import OutcomeReader
from services.api.ingest.receipts import Receipts
from services.api.live import Live
from services.api.metrics import export
from services.api.search.endpoint import Search
from services.api.settings import FINISH_S, ApiSettings
from services.api.sources import Sources
from services.api.tokens import TokenEndpoint
from services.api.webpage import page_routes
from shared.edge.client_address import Proxies
from shared.edge.http.connection import Bounds, serving
from shared.edge.http.counts import Routes
from shared.edge.http.middleware import edge
from shared.edge.http.middleware.cache import LISTS
from shared.edge.http.router import build_router
from shared.edge.http.visitors import Visitors
from shared.edge.http_server import HttpServer
from shared.edge.rates import Costs, Rates
from shared.errors import ConfigError
from shared.keys import Keys
from shared.process.listen import listen
from shared.process.logs import get_logger
from shared.process.loop_watch import LoopWatch
from shared.process.metrics import Metrics
from shared.process.run import run_jobs
from shared.redis.connect import Redis, open_redis

log = get_logger(__name__)

_COST_BURST_S = 20.0  # of an address's share, at once after a pause
_SEND_BUFFER = 256 * 1024  # bytes of a connection in the kernel


@dataclass(slots=True, kw_only=True)
class ApiParts:
    """The parts of one running api: `app` is what a server serves."""

    settings: ApiSettings
    redis: Redis
    keys: Keys
    live: Live
    visitors: Visitors
    counts: ApiCounts
    loop: LoopWatch
    history: History
    sparks: Sparks = field(init=False)
    draining: bool = False
    app: ASGIApp = field(init=False)


def build_api(
    settings: ApiSettings, redis: Redis, feed_redis: Redis, metrics: Metrics | None = None
) -> ApiParts:
    """Put the parts together. `feed_redis` carries the subscription alone, so that no crowd of
    requests can keep the copy from following.
    """  # noqa: D205
    metrics = metrics or Metrics("api")
    keys = Keys(settings.redis_prefix)
    api = ApiParts(
        settings=settings,
        redis=redis,
        keys=keys,
        live=Live(feed_redis, redis, keys),
        visitors=_visitors(settings),
        counts=ApiCounts(),
        loop=metrics.loop,
        history=History(settings.history_address),
    )
    api.sparks = Sparks(api.history, api.live)
    export(metrics, api.counts, api.live.feed)
    discover = _discover(api)
    readers, writers = _readers(api, discover), {"/ingest": _ingest(api)}
    api.counts.routes = Routes([*readers, *writers])
    api.app = edge(
        build_router(readers, writers, Sources(redis, keys).explain),
        api.visitors,
        cached=discover.cached,
        origins=settings.api_origins,
        max_inflight=settings.api_max_inflight,
        demo=settings.demo,
        counts=api.counts,
        draining=lambda: api.draining,
    )
    return api


def _visitors(settings: ApiSettings) -> Visitors:
    return Visitors(
        Proxies(settings.trusted_proxies),
        Rates(settings.api_rate, settings.api_burst),
        costs=Costs(settings.api_cost_pct / 100, _COST_BURST_S),
        conns_per_address=settings.api_conns_per_address,
        max_connections=settings.api_max_connections,
    )


def _discover(api: ApiParts) -> Discover:
    secret = api.settings.cursor_secret
    pinned = PinnedOrders(
        api.redis,
        api.keys,
        api.live,
        secret.get_secret_value().encode() if secret else None,
        per_address=api.settings.api_walks_per_address,
    )
    pages, visitors = Pages(api.live, pinned, api.sparks.with_sparks), api.visitors
    return Discover(
        api.live,
        pages,
        api.counts,
        address_of=visitors.address,
        paying=visitors.paying,
        sparks_revision=lambda: api.sparks.revision,
    )


def _ingest(api: ApiParts) -> ASGIApp:
    settings = api.settings
    return Ingest(
        api.live,
        api.visitors,
        Receipts(api.redis, api.keys, rate=settings.ingest_rate, burst=settings.ingest_burst),
        OutcomeReader(api.redis, api.keys, api.live, settings.merge_rules()),
        producers=settings.producers(),
        origins=settings.api_origins,
        quote_assets=settings.include_quote_assets,
        max_ack_waits=settings.api_max_ack_waits,
        keyless=settings.local_posts,
        counts=api.counts,
    )


def _readers(api: ApiParts, discover: Discover) -> dict[str, ASGIApp]:
    """Return what answers GET, by path."""
    settings, redis, keys, live = api.settings, api.redis, api.keys, api.live
    return {
        **page_routes(
            settings.ws_public_url,
            version("dexwire"),
            images_url=settings.images_url,
            demo=settings.demo,
        ),
        **dict.fromkeys(LISTS, discover),
        "/search": Search(live, api.visitors.paying),
        **document_routes(),
        **_history_readers(api),  # before what takes any path of a token
        "/tokens/{chain}/{address}": TokenEndpoint(
            redis, keys, settings.merge_rules(), live.meant_chain, OwnFigures(api.history)
        ),
        "/health": Health(redis, keys, live, api.history, demo=settings.demo),
        "/livez": Livez(),
        "/readyz": Readyz(redis, live, api.loop, lambda: api.draining),
    }


def _history_readers(api: ApiParts) -> dict[str, ASGIApp]:
    """Return what answers GET from what was recorded, by path."""
    history, tokens, visitors = api.history, Tokens(api.live), api.visitors
    return {
        "/tokens/{chain}/{address}/candles": CandlesEndpoint(history, tokens, visitors),
        "/tokens/{chain}/{address}/alerts": AlertsEndpoint(history, tokens, visitors),
        "/history/discover": PastDiscover(history, api.live, visitors),
    }


async def run(settings: ApiSettings, stop: asyncio.Event, metrics: Metrics | None = None) -> None:
    """Serve until `stop` is set, then finish the requests under way.

    Listens at once and answers 503 until the store is there and the copy is complete.
    """
    if not settings.redis_url:
        raise ConfigError("REDIS_URL: needs the address of a Redis server")
    sock = listen("API", settings.api_host, settings.api_port, send_buffer=_SEND_BUFFER)
    async with (
        open_redis(settings.redis) as redis,
        open_redis(settings.redis, max_connections=4) as feed_redis,
    ):
        api = build_api(settings, redis, feed_redis, metrics)
        jobs = {"follow": api.live.feed.run()}
        if api.history.on:
            jobs["sparks"] = api.sparks.run()

        async def serve() -> None:
            protocol = serving(_bounds(api))
            async with HttpServer(api.app, sock, protocol, finish_s=FINISH_S) as server:
                host, port = sock.getsockname()[:2]
                log.info("api_listening", host=host, port=port, redis=str(settings.redis))
                await server.serve_until(stop)
                api.draining = True
                log.info("api_draining")
                await asyncio.sleep(settings.api_drain_grace_s)

        try:
            await run_jobs(stop, jobs, finishing={"serve": serve()})
        finally:
            await api.history.close()


def _bounds(api: ApiParts) -> Bounds:
    return Bounds(
        api.visitors,
        header_s=api.settings.api_header_s,
        stall_s=api.settings.api_stall_s,
        problems=api.counts.problems,
    )
