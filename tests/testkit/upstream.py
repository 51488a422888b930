"""A real upstream on a loopback port that misbehaves on demand."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

JSON_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Upstream:
    """Answers GET by path with raw bytes; counts calls and connections."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self.headers: list[str] = []
        self.connections = 0
        self.handlers: dict[str, Handler] = {}

    def answer(
        self,
        path: str,
        body: bytes = b"[]",
        *,
        status: int = 200,
        content_type: str = "application/json",
        **headers: str,
    ) -> None:
        """Answer this path with a whole body."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = (
            f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n"
            f"content-length: {len(body)}\r\n{lines}\r\n"
        )
        self.raw(path, head.encode() + body)

    def answer_gzip(self, path: str, body: bytes) -> None:
        self.answer(path, gzip.compress(body), content_encoding="gzip")

    def raw(self, path: str, data: bytes, *, close: bool = False) -> None:
        """Answer this path with these bytes on the wire."""

        async def send(_: str, writer: asyncio.StreamWriter) -> None:
            writer.write(data)
            await writer.drain()
            if close:
                writer.close()

        self.handlers[path] = send

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path = head.split(" ", 2)[1]
                self.calls[path.partition("?")[0]] += 1
                self.headers.append(head)
                handler = self.handlers.get(path) or self.handlers.get(path.partition("?")[0])
                if handler is None:
                    writer.write(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n")
                else:
                    await handler(path, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def upstream(
    host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Upstream]:
    """Start one; all its connections end with it."""
    one = Upstream()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(one.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    one.url = f"{'https' if tls else 'http'}://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
