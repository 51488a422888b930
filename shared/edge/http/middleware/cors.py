"""Lets pages of other origins read the answers (CORS)."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.edge.http.answer import Answer
from shared.edge.http.middleware.headers import with_headers
from shared.edge.http.middleware.limits import PROBES
from shared.edge.http.middleware.outcome import answer_with
from shared.edge.origins import spellings

_MAX_AGE_S: Final = 600  # of what a preflight is answered


class CorsMiddleware:
    """Marks each answer with the origin that may read it."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = known_origins(origins)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Add the headers."""
        origin = _origin(scope)
        if origin in self._origins:
            headers = [(b"vary", b"origin"), (b"access-control-allow-origin", origin)]
        else:
            headers = [(b"vary", b"origin")]
        return self._app(scope, receive, with_headers(send, headers))


class PreflightMiddleware:
    """Answers preflight requests; each counts as a request."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = known_origins(origins)
        self._answer = Answer(204, b"")
        self._answer.raw_headers = [
            (b"access-control-allow-methods", b"GET, HEAD"),
            (b"access-control-max-age", b"%d" % _MAX_AGE_S),
        ]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer OPTIONS of a known origin."""
        preflight = scope["method"] == "OPTIONS" and scope["path"] not in PROBES
        if preflight and _origin(scope) in self._origins:
            return answer_with(self._answer, scope, receive, send)
        return self._app(scope, receive, send)


def known_origins(origins: Iterable[str]) -> frozenset[bytes]:
    """Return every way in which a browser may write one of these origins."""
    return frozenset(origin.encode() for origin in spellings(origins))


def _origin(scope: Scope) -> bytes:
    """Return the Origin, the last one where there are several, empty without one."""
    found: bytes = b""
    for name, value in scope["headers"]:
        if name == b"origin":
            found = value
    return found
