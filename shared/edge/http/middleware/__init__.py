"""What holds for every request, whatever its path: one class per concern, the outermost first.

Plain ASGI. Starlette's BaseHTTPMiddleware costs four fifths of the throughput; and the usual
answer, a page of this version, is given in `cache.py` before any routing. A class that only looks
at a request is no coroutine: it returns what the next one returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Scope

from shared.edge.http.answer import Answer
from shared.edge.http.counts import HttpCounts
from shared.edge.http.middleware.bodies import BodyMiddleware
from shared.edge.http.middleware.cache import CacheMiddleware
from shared.edge.http.middleware.connection import ConnectionMiddleware
from shared.edge.http.middleware.cors import CorsMiddleware, PreflightMiddleware
from shared.edge.http.middleware.headers import DEMO, HeadersMiddleware
from shared.edge.http.middleware.limits import InflightMiddleware, RateMiddleware
from shared.edge.http.middleware.metrics import MetricsMiddleware, StatusMiddleware
from shared.edge.http.visitors import Visitors


def edge(
    app: ASGIApp,
    visitors: Visitors,
    *,
    cached: Callable[[Scope], Answer | None] | None = None,
    origins: Sequence[str] = (),
    max_inflight: int = 512,
    demo: bool = False,
    counts: HttpCounts | None = None,
    draining: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """Return the app behind all of them, put together from the innermost to the outermost."""
    counts = counts or HttpCounts()
    app = InflightMiddleware(StatusMiddleware(app), counts, max_inflight)
    if origins:
        app = PreflightMiddleware(app, origins)
    if cached is not None:
        app = CacheMiddleware(app, cached)
    app = RateMiddleware(app, visitors)
    app = BodyMiddleware(app)
    app = ConnectionMiddleware(app, draining)
    if origins:
        app = CorsMiddleware(app, origins)
    if demo:
        app = HeadersMiddleware(app, [DEMO])
    return MetricsMiddleware(app, counts)
