"""The outermost layer: what holds for every request, whatever it asks for.

Plain ASGI. Starlette's BaseHTTPMiddleware costs four fifths of the throughput; and what most
requests ask for, a page of this version, is answered here before any routing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.counts import ApiCounts
from services.api.edge.answer import Answer, Header, problem_answer
from services.api.edge.problem import Problem
from services.api.edge.visitors import Visitors
from shared.edge.origins import spellings

# A body that nobody reads is swallowed up to here before the connection is closed: closing it with
# bytes unread resets it, and the client would not see why it was refused.
_LINGER_BYTES: Final = 1 << 20
_LINGER_S: Final = 1.0
_PREFLIGHT_MAX_AGE_S: Final = 600
PROBLEM: Final = "dexwire.problem"  # in the scope: the code of the problem that was answered
_UNCOUNTED: Final = ("/livez", "/readyz")  # a probe is never asked to come later
LISTS: Final = ("/discover", "/tokens")  # one endpoint; others call it /tokens
_READING: Final = ("GET", "HEAD")
# A proxy in front, which keeps connections, must not send a post on one that is being closed.
_LAST: Final = (b"connection", b"close")
REFUSALS: Final = "dexwire.refusals"  # in the scope: how many its connection got in a row
REFUSALS_MAX: Final = 20  # then the connection is closed: on the next one they cost the client too


class EdgeMiddleware:
    """Admission, cached pages, origins, and what a refused body needs."""

    def __init__(
        self,
        inner: ASGIApp,
        visitors: Visitors,
        *,
        cached: Callable[[Scope], Answer | None],
        origins: Sequence[str] = (),
        max_inflight: int = 512,
        demo: bool = False,
        counts: ApiCounts | None = None,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._inner = inner
        self._draining = draining
        self._counts = counts or ApiCounts()
        self._visitors = visitors
        self._cached = cached
        self._origins = frozenset(origin.encode() for origin in spellings(origins))
        self._max_inflight = max_inflight
        self._marks: list[Header] = [(b"x-dexwire-demo", b"replayed market")] if demo else []
        if self._origins:
            self._marks.append((b"vary", b"origin"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not."""
        if scope["type"] != "http":
            return  # neither lifespan nor WebSocket is served here
        started, counts, path = time.perf_counter(), self._counts, scope["path"]
        origin, has_body = _look(scope)
        marks = self._marks
        if origin in self._origins:
            marks = [*marks, (b"access-control-allow-origin", origin)]
        if self._draining():
            marks = [*marks, _LAST]
        if marks:
            send = _marking(send, marks)
        send = _counting_refusals(scope, send)
        if has_body:
            body = _Body(scope, receive, send)
            receive, send = body.receive, body.send
        answer = self._at_once(scope, origin)
        if answer is not None:
            await answer(scope, receive, send)
            counts.answered(path, answer.status_code, time.perf_counter() - started)
            if answer.problem:
                counts.problems[answer.problem] += 1
            return
        counted = path not in _UNCOUNTED
        counts.inflight += counted
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._inner(scope, receive, noting)
        finally:
            counts.inflight -= counted
            counts.answered(path, status, time.perf_counter() - started)
            if PROBLEM in scope:
                counts.problems[scope[PROBLEM]] += 1

    def _at_once(self, scope: Scope, origin: bytes) -> Answer | None:
        """Return the answer that needs nothing but this process, None when there is none."""
        path, method = scope["path"], scope["method"]
        if path in _UNCOUNTED:
            return None
        counted_elsewhere = path == "/ingest" and method == "POST"
        too_many = None if counted_elsewhere else self._visitors.count(scope)
        if too_many is not None:
            return problem_answer(too_many)
        try:
            if path in LISTS and method in _READING:
                answer = self._cached(scope)
                if answer is not None:
                    return answer
        except Problem as problem:
            return problem_answer(problem)
        if method == "OPTIONS" and origin in self._origins:
            return _preflight()
        if self._counts.inflight >= self._max_inflight:
            detail = "too many requests are under way"
            retry_after_s = random.randint(1, 4)  # or they all come back at once
            return problem_answer(Problem(503, "overloaded", detail, retry_after_s=retry_after_s))
        return None


def _look(scope: Scope) -> tuple[bytes, bool]:
    """Return the Origin, empty without one, and whether a body comes with the request."""
    origin, has_body = b"", False
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value
        elif name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 ")):
            has_body = True
    return origin, has_body


def _preflight() -> Answer:
    answer = Answer(204, b"")
    answer.raw_headers = [
        (b"access-control-allow-methods", b"GET, HEAD"),
        (b"access-control-max-age", b"%d" % _PREFLIGHT_MAX_AGE_S),
    ]
    return answer


def _counting_refusals(scope: Scope, send: Send) -> Send:
    """Close a connection on which nothing but refusals was answered for a while."""
    refusals: list[int] | None = scope.get(REFUSALS)
    if refusals is None:
        return send

    async def counting(message: Message) -> None:
        if message["type"] == "http.response.start":
            refusals[0] = refusals[0] + 1 if message["status"] >= 400 else 0
            if refusals[0] >= REFUSALS_MAX:
                message = {**message, "headers": [*message["headers"], _LAST]}
        await send(message)

    return counting


def _marking(send: Send, marks: Sequence[Header]) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *marks]
        await send(message)

    return marked


class _Body:
    """Watches a request's body: one that is not read to its end costs the connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._complete = False
        # A client that sent `Expect` is refused before it sends a body.
        self._expects_continue = any(name == b"expect" for name, _ in scope["headers"])

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._complete = True
        return message

    async def send(self, message: Message) -> None:
        if self._complete:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._send({**message, "headers": [*message["headers"], _LAST]})
        elif message.get("more_body", False) or self._expects_continue:
            await self._send(message)
        else:  # the client has its whole answer now; the connection stays until it has sent all
            await self._send({**message, "more_body": True})
            await self._swallow()
            await self._send({"type": "http.response.body", "body": b""})

    async def _swallow(self) -> None:
        left = _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_S):
                while not self._complete and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass
