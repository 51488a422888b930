"""`client.stream(…)`: events, one at a time, for as long as they are wanted."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Iterable
from typing import Literal, Self

from dexwire.client.buffer import Buffer
from dexwire.client.connection import OPEN_S, StreamConnection, Subscription
from dexwire.client.errors import ClientError
from dexwire.client.events import Event, State


class StreamTask:
    """A connection's task. It ends when it is closed, or when nobody holds its owner any more."""

    def __init__(self, connection: StreamConnection, news: asyncio.Event, owner: object) -> None:
        self.connection = connection
        self.news = news
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._owner = weakref.ref(owner)

    def start(self) -> None:
        """Start it if it was not started yet. Raises ClientError once it is closed."""
        if self._task is None:
            if self._closed:
                raise ClientError("this stream is closed")
            self._task = task = asyncio.create_task(self.connection.run())
            task.add_done_callback(lambda _: self.news.set())
            loop = asyncio.get_running_loop()
            owner = self._owner()
            if owner is not None:
                weakref.finalize(owner, _cancel, loop, task).atexit = False

    async def wait(self) -> bool:
        """Wait for news; False when there will be no more. Raises what ended the connection."""
        assert self._task is not None  # noqa: S101 - start() came first
        if not self._task.done():
            await self.news.wait()
            self.news.clear()
            return True
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error
        return False

    @property
    def done(self) -> bool:
        """Whether the connection has ended for good."""
        return self._task is not None and self._task.done()

    async def close(self) -> None:
        """End it and wait for that; closing twice is no error."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ClientError):
                await self._ended(self._task)

    @staticmethod
    async def _ended(task: asyncio.Task[None]) -> None:
        # wait() separates our own cancellation from the task's: only ours is raised.
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains that it was not


class Stream:
    """Follows topics; iterate over it. It connects at the first step and reconnects for ever.

    One consumer at a time. It may be as slow as it likes: what it missed comes folded (`Buffer`).
    Raises Refused when the server will never serve this.
    """

    def __init__(
        self,
        url: str,
        topics: tuple[str, ...],
        *,
        watch: Iterable[str] = (),
        max_hz: float | None = None,
        open_s: float = OPEN_S,
    ) -> None:
        if not topics:
            raise ValueError("name at least one topic")
        self._buffer = Buffer()
        news = asyncio.Event()
        subscription = Subscription(
            topics=tuple(dict.fromkeys(topics)), watch=list(watch), max_hz=max_hz
        )
        connection = StreamConnection(url, subscription, self._buffer, news.set, open_s=open_s)
        self._runner = StreamTask(connection, news, self)

    @property
    def state(self) -> State:
        """How it is doing now; the yielded states are only the changes of this one."""
        return self._runner.connection.state

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        self._runner.start()
        while True:
            event = self._buffer.take()
            if event is not None:
                return event
            if not await self._runner.wait():
                raise StopAsyncIteration

    async def watch(self, *ids: str, mode: Literal["set", "add", "remove"] = "add") -> None:
        """Change what the topic `tokens` is about; ids are `<chain>:<address>`."""
        await self._runner.connection.watch(ids, mode=mode)

    async def close(self) -> None:
        """End the connection; closing twice is no error."""
        await self._runner.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: so is the task
        loop.call_soon_threadsafe(task.cancel)
