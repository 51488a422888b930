"""Waiting for something to become true, with a deadline; jobs beside a test."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, overload

PATIENCE_S: Final = 30.0  # how long something may take on a busy machine that promises no time
T = TypeVar("T")


@overload
async def eventually(
    probe: Callable[[], Awaitable[T | None]], timeout_s: float = 5.0, every_s: float = 0.01
) -> T: ...
@overload
async def eventually(
    probe: Callable[[], T | None], timeout_s: float = 5.0, every_s: float = 0.01
) -> T: ...
async def eventually(
    probe: Callable[[], Awaitable[T | None] | T | None],
    timeout_s: float = 5.0,
    every_s: float = 0.01,
) -> T:
    """Return the probe's first true answer; fail with its last one when the deadline passes.

    An AssertionError raised by the probe counts as "not yet".
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            answer = probe()
            value = await answer if isinstance(answer, Awaitable) else answer
            complaint = f"not within {timeout_s} s; last answer: {value!r}"
            if value:
                return value
        except AssertionError as error:
            complaint = f"not within {timeout_s} s: {error}"
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        await asyncio.sleep(every_s)


@contextlib.asynccontextmanager
async def happening(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let jobs run until the block ends; what one of them raises is raised here."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def until(probe: Callable[[], T], timeout_s: float = PATIENCE_S) -> T:
    """As `eventually`, for tests without a loop; an OSError of the probe counts as not yet too."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = probe()
            complaint = f"not within {timeout_s} s; last answer: {value!r}"
            if value:
                return value
        except (AssertionError, OSError) as error:
            complaint = f"not within {timeout_s} s: {error}"
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.02)
