"""What holds for every request, whatever its path: one class per concern, the outermost first.

Plain ASGI. Starlette's BaseHTTPMiddleware costs four fifths of the throughput; and the usual
answer, a page of this version, is given in `cache.py` before any routing. A class that only looks
at a request is no coroutine: it returns what the next one returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Scope

from services.api.counts import ApiCounts
from services.api.edge.answer import Answer
from services.api.edge.middleware.bodies import BodyMiddleware
from services.api.edge.middleware.cache import CacheMiddleware
from services.api.edge.middleware.connection import ConnectionMiddleware
from services.api.edge.middleware.cors import CorsMiddleware, PreflightMiddleware
from services.api.edge.middleware.headers import DEMO, HeadersMiddleware
from services.api.edge.middleware.limits import InflightMiddleware, RateMiddleware
from services.api.edge.middleware.metrics import MetricsMiddleware, StatusMiddleware
from services.api.edge.visitors import Visitors


def edge(
    app: ASGIApp,
    visitors: Visitors,
    *,
    cached: Callable[[Scope], Answer | None],
    origins: Sequence[str] = (),
    max_inflight: int = 512,
    demo: bool = False,
    counts: ApiCounts | None = None,
    draining: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """Return the app behind all of them, put together from the innermost to the outermost."""
    counts = counts or ApiCounts()
    app = InflightMiddleware(StatusMiddleware(app), counts, max_inflight)
    if origins:
        app = PreflightMiddleware(app, origins)
    app = CacheMiddleware(app, cached)
    app = RateMiddleware(app, visitors)
    app = BodyMiddleware(app)
    app = ConnectionMiddleware(app, draining)
    if origins:
        app = CorsMiddleware(app, origins)
    if demo:
        app = HeadersMiddleware(app, [DEMO])
    return MetricsMiddleware(app, counts)
