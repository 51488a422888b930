"""Says when a connection ends with its answer: while draining, and after nothing but refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.edge.http.answer import Header
from shared.edge.http.middleware.headers import with_headers
from shared.edge.http.middleware.outcome import STATUS

REFUSALS: Final = "dexwire.refusals"  # in the scope's state: how many its connection got in a row
REFUSALS_MAX: Final = 20  # then the connection is closed: on the next one they cost the client too
# A proxy in front, which keeps connections, must not send a post on one that is being closed.
LAST: Final[Header] = (b"connection", b"close")
# A connection that is closed with bytes unread is reset, and the client never sees why: so much,
# and for so long, is still taken in after a refusal.
LINGER_BYTES: Final = 1 << 20
LINGER_S: Final = 1.0


class ConnectionMiddleware:
    """Adds `connection: close` to the last answer of a connection, and counts its refusals."""

    def __init__(self, app: ASGIApp, draining: Callable[[], bool]) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at what the connection has come to."""
        refusals: list[int] = scope.get("state", {}).get(REFUSALS, [0])
        if self._draining():
            send = with_headers(send, [LAST])
        elif refusals[0] >= REFUSALS_MAX - 1:
            send = _closing_if_refused(send)
        try:
            await self._app(scope, receive, send)
        finally:
            refusals[0] = refusals[0] + 1 if scope.get(STATUS, 0) >= 400 else 0


def _closing_if_refused(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            message = {**message, "headers": [*message["headers"], LAST]}
        await send(message)

    return closing
