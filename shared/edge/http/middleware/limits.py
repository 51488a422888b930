"""Admission: how often one address may ask, and how many requests may be under way in all."""

from __future__ import annotations

import random
from collections.abc import Awaitable
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.edge.http.answer import Answer, problem_answer
from shared.edge.http.counts import HttpCounts
from shared.edge.http.middleware.outcome import answer_with, refuse
from shared.edge.http.problem import Problem
from shared.edge.http.visitors import Visitors

PROBES: Final = ("/livez", "/readyz")  # a probe never gets a 429


@lru_cache(128)
def _too_often(detail: str, retry_after_s: str) -> Answer:
    """Return the answer to one request too many, made once: who sends them sends thousands."""
    return problem_answer(Problem(429, "rate", detail, headers={"retry-after": retry_after_s}))


class RateMiddleware:
    """Refuses what exceeds its address's rate. Posts are counted by their key, in `ingest/`."""

    def __init__(self, app: ASGIApp, visitors: Visitors) -> None:
        self._app = app
        self._visitors = visitors

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Count it, or refuse it."""
        path = scope["path"]
        if path not in PROBES and not (path == "/ingest" and scope["method"] == "POST"):
            too_many = self._visitors.count(scope)
            if too_many is not None:
                refusal = _too_often(too_many.detail, too_many.headers["retry-after"])
                return answer_with(refusal, scope, receive, send)
        return self._app(scope, receive, send)


class InflightMiddleware:
    """Refuses a request while too many are under way."""

    def __init__(self, app: ASGIApp, counts: HttpCounts, max_inflight: int) -> None:
        self._app = app
        self._counts = counts
        self._max_inflight = max_inflight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count it while it lasts, or refuse it."""
        if scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        if self._counts.inflight >= self._max_inflight:
            detail = "too many requests are under way"
            retry_after_s = random.randint(1, 4)  # or they all come back at once
            problem = Problem(503, "overloaded", detail, retry_after_s=retry_after_s)
            await refuse(problem, scope, receive, send)
            return
        self._counts.inflight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._counts.inflight -= 1
