"""Counts every answer: route, status, time, and the code of its problem."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.edge.http.counts import HttpCounts
from shared.edge.http.middleware.outcome import PROBLEM, STATUS


class MetricsMiddleware:
    """The outermost: counts what is noted in the scope."""

    def __init__(self, app: ASGIApp, counts: HttpCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and count what became of it."""
        if scope["type"] != "http":
            return  # neither lifespan nor WebSocket is served here
        started = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            seconds = time.perf_counter() - started
            self._counts.answered(scope["path"], scope.get(STATUS, 0), seconds)
            if PROBLEM in scope:
                self._counts.problems[scope[PROBLEM]] += 1


class StatusMiddleware:
    """The innermost: notes in the scope what the endpoints answer, as `answer_with` does.

    Not done by the outermost: looking at each message of a finished page costs 3 % of the rate.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Look at the answer."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope[STATUS] = message["status"]
            await send(message)

        return self._app(scope, receive, noting)
