"""Reads a body that nobody else reads, so that its sender sees why it was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.edge.http.middleware.connection import LAST, LINGER_BYTES, LINGER_S


class BodyMiddleware:
    """Watches requests that have a body: one that is not read to its end costs the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Watch it."""
        for name, value in scope["headers"]:
            if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 ")):
                body = _WatchedBody(scope, receive, send)
                return self._app(scope, body.receive, body.send)
        return self._app(scope, receive, send)


class _WatchedBody:
    """The body of one request."""

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
            await self._send({**message, "headers": [*message["headers"], LAST]})
        elif message.get("more_body", False) or self._expects_continue:
            await self._send(message)
        else:  # the client has its whole answer now; the connection stays until it has sent all
            await self._send({**message, "more_body": True})
            await self._swallow()
            await self._send({"type": "http.response.body", "body": b""})

    async def _swallow(self) -> None:
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_S):
                while not self._complete and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass
