"""Answers with a finished page, before any routing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.edge.http.answer import Answer
from shared.edge.http.middleware.outcome import answer_with, refuse
from shared.edge.http.problem import Problem

LISTS: Final = ("/discover", "/tokens")  # one endpoint; others call it /tokens
_READING: Final = ("GET", "HEAD")


class CacheMiddleware:
    """Looks for a finished page of the list. `cached` may raise Problem: there is no such page."""

    def __init__(self, app: ASGIApp, cached: Callable[[Scope], Answer | None]) -> None:
        self._app = app
        self._cached = cached

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer with it, if there is one."""
        if scope["path"] in LISTS and scope["method"] in _READING:
            try:
                answer = self._cached(scope)
            except Problem as problem:
                return refuse(problem, scope, receive, send)
            if answer is not None:
                return answer_with(answer, scope, receive, send)
        return self._app(scope, receive, send)
