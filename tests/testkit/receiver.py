"""A stand-in for `/ingest` on a loopback port that fails on demand; tests/api has the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

TAKEN: Final = b'{"batch_id":"b","accepted":1,"rejected":[]}'


@dataclass(frozen=True)
class Post:
    """One post that arrived whole."""

    source: str
    tokens: tuple[str, ...]
    key: str
    authorization: str


class Receiver:
    """Answers posts with what `answers` holds next, then with 202; None: closes without a word."""

    def __init__(self) -> None:
        self.url = ""
        self.posts: list[Post] = []
        self.silent = False  # takes posts and does not answer
        self.answers: list[tuple[int, bytes, str] | None] = []  # status, body, header lines

    def will(self, status: int, code: str = "", *, times: int = 1, headers: str = "") -> None:
        """Answer the next posts with this problem."""
        body = msgspec.json.encode({"code": code, "detail": "as the test wants it"})
        self.answers += [(status, body, headers)] * times

    def taken(self) -> list[tuple[str, ...]]:
        """The tokens of each post, in order."""
        return [post.tokens for post in self.posts]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.posts.append(await _read(reader))
                if self.silent:
                    continue
                answer = self.answers.pop(0) if self.answers else (202, TAKEN, "")
                if answer is None:
                    break
                status, body, headers = answer
                head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
                writer.write(head.encode() + body)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Post:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    assert head.startswith("POST /ingest HTTP/1.1\r\n")
    lines = [line.partition(": ") for line in head.split("\r\n")[1:]]
    headers = {name.lower(): value for name, _, value in lines}
    body: Any = msgspec.json.decode(await reader.readexactly(int(headers["content-length"])))
    tokens = tuple(token["token_address"] for token in body["tokens"])
    return Post(body["source"], tokens, headers["idempotency-key"], headers["authorization"])


@asynccontextmanager
async def receiver(port: int = 0, one: Receiver | None = None) -> AsyncIterator[Receiver]:
    """Start one; all its connections end with it."""
    one = one or Receiver()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(one.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
