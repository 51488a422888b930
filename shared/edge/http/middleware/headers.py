"""Adds headers to every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.edge.http.answer import Header

DEMO: Final[Header] = (b"x-dexwire-demo", b"replayed market")


class HeadersMiddleware:
    """Adds the same headers to every answer."""

    def __init__(self, app: ASGIApp, headers: Sequence[Header]) -> None:
        self._app = app
        self._headers = headers

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Add them."""
        return self._app(scope, receive, with_headers(send, self._headers))


def with_headers(send: Send, headers: Sequence[Header]) -> Send:
    """Return a `send` that adds headers to the answer."""

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return adding
