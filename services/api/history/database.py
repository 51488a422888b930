"""The history as the api reads it: off, down or there; never a reason to keep others waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from shared.edge.http.problem import Problem
from shared.process.logs import get_logger

if TYPE_CHECKING:
    from services.api.history.readers import Readers

log = get_logger(__name__)

ANSWER_S: Final = 2.0  # for all that one request asks of the database
_RETRY_S: Final = 2.0  # after a failure, requests are answered at once for so long
_QUIET_S: Final = 15.0  # after the start: the recorder makes the file and its tables meanwhile
_OFF: Final = "no history is kept here: HISTORY and HISTORY_URL say whether and where"


def _open(address: str) -> Readers:
    """Import what reads the database: 0.2 s, for which no page has to wait (decision 0038)."""
    from services.api.history.readers import open_readers  # noqa: PLC0415

    return open_readers(address)


class History:
    """What was recorded, as long as its database answers."""

    def __init__(self, address: str) -> None:
        """`address`: of the database; empty: the history is off."""
        self.why_down = ""  # of the last read; empty: it went well
        self._failed_at = 0.0
        self._unanswered_since: float | None = None  # when the first of the reads since began
        self._began_at = time.monotonic()
        self._logged = False  # that it is down
        self._address = address
        self._readers: Readers | None = None
        self._opening: asyncio.Task[Readers] | None = None

    @property
    def on(self) -> bool:
        """Whether a history is kept."""
        return bool(self._address)

    async def close(self) -> None:
        """Close every connection."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._readers is not None:
            await self._readers.engine.dispose()

    @asynccontextmanager
    async def reading(self, timeout_s: float = ANSWER_S) -> AsyncIterator[Readers]:
        """Read within a bounded time. Raises Problem 503: `history_off`, `history_down`.

        A read that takes too long is refused alone, unless none was answered for ANSWER_S: then,
        and after any other failure, all are refused for a while, at once.
        """
        if not self.on:
            raise Problem(503, "history_off", _OFF, retry_after_s=60)
        if self.why_down and time.monotonic() - self._failed_at < _RETRY_S:
            raise self._down(self.why_down)
        if self._unanswered_since is None:
            self._unanswered_since = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                yield await self._opened()
        except self._errors() as error:
            why = self._why(error)
            if not (isinstance(error, TimeoutError) and self._answered_lately()):
                self._failed(why)
            raise self._down(why) from None
        self.why_down = ""
        self._unanswered_since = None
        if self._logged:
            log.info("history_back")
            self._logged = False

    async def _opened(self) -> Readers:
        if self._readers is None:
            if self._opening is None:
                self._opening = asyncio.create_task(asyncio.to_thread(_open, self._address))
            self._readers = await asyncio.shield(self._opening)
        return self._readers

    def _errors(self) -> tuple[type[BaseException], ...]:
        """Return what may go wrong with the database; a time-out of asyncio's is an OSError."""
        return self._readers.errors if self._readers else (TimeoutError, ValueError)

    def _why(self, error: BaseException) -> str:
        if self._readers is not None:
            return self._readers.reason(error)
        return f"HISTORY_URL: {error}" if isinstance(error, ValueError) else "it is being opened"

    def _answered_lately(self) -> bool:
        since = self._unanswered_since
        return since is None or time.monotonic() - since < ANSWER_S

    def _failed(self, why: str) -> None:
        if not self._logged and time.monotonic() - self._began_at > _QUIET_S:
            log.warning("history_down", error=why)
            self._logged = True
        self.why_down, self._failed_at = why, time.monotonic()

    @staticmethod
    def _down(why: str) -> Problem:
        detail = f"the history cannot be read now: {why}"
        return Problem(503, "history_down", detail, retry_after_s=2)
