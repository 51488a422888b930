"""Says when a connection ends with its answer: while draining, and after nothing but refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.edge.answer import Header

REFUSALS: Final = "dexwire.refusals"  # in the scope: how many its connection got in a row
REFUSALS_MAX: Final = 20  # then the connection is closed: on the next one they cost the client too
# A proxy in front, which keeps connections, must not send a post on one that is being closed.
LAST: Final[Header] = (b"connection", b"close")


class ConnectionMiddleware:
    """Adds `connection: close` to the last answer of a connection."""

    def __init__(self, app: ASGIApp, draining: Callable[[], bool]) -> None:
        self._app = app
        self._draining = draining

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Look at the answer's status."""
        draining, refusals = self._draining(), scope.get(REFUSALS, [0])

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                refusals[0] = refusals[0] + 1 if message["status"] >= 400 else 0
                if draining or refusals[0] >= REFUSALS_MAX:
                    message = {**message, "headers": [*message["headers"], LAST]}
            await send(message)

        return self._app(scope, receive, closing)
