"""`/livez` and `/readyz` for supervisors and proxies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from shared.edge.http.answer import Answer, json_answer
from shared.edge.http.problem import Problem
from shared.edge.http.storage import storage
from shared.process.loop_watch import LoopWatch
from shared.redis.connect import Redis

_PING_S: Final = 0.8


class Livez:
    """The event loop turns; nothing else is checked, so it answers whatever else is wrong."""

    _ALIVE: Final = Answer(200, b'{"status":"alive"}')

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._ALIVE(scope, receive, send)


class Readyz:
    """Whether to send requests here: the store answers, and the loop turns."""

    def __init__(self, redis: Redis, loop: LoopWatch, draining: Callable[[], bool]) -> None:
        self._redis: Any = redis
        self._loop, self._draining = loop, draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200, or 503 with the reason."""
        if self._draining():
            raise Problem(503, "draining", "this process is about to stop", retry_after_s=1)
        if stuck_s := self._loop.stuck_s:
            detail = f"the event loop stood still for {stuck_s:.1f} s"
            raise Problem(503, "stuck", detail, retry_after_s=1)
        async with storage(_PING_S):
            await self._redis.ping()
        await json_answer(200, {"status": "ready"})(scope, receive, send)
