"""Plays a recording: its answers go through the sources' own normalizers, at their recorded times.

Everything is a function of the file: batches go out in its order, each with the time at which its
answer was recorded, and between them the time alone. The aggregator cuts its windows by these
times (PLAYBACK_FROM_MS), so the speed changes when something is seen and never what.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from operator import eq
from pathlib import Path
from typing import Final

from services.fetcher.counts import FetcherCounts
from services.fetcher.http import CallOutcome, outcome_of
from services.fetcher.publish import Publisher
from services.fetcher.source import Call, Discovery, ParsedBody, Source
from services.fetcher.status import StatusBoard
from shared.errors import MalformedBody, SourceError, Throttled, Unavailable
from shared.process.logs import get_logger
from shared.recording.traffic import RecordedAnswer, read_answers, summarize

log = get_logger(__name__)

CLOCK: Final = "playback"  # the source of messages that only say what time it is
STEP_MS: Final = 200  # of the recording, between two times that are published
_STEP_LEAST_S: Final = 0.05  # of ours
_AFTER_MS: Final = 2_000  # past the last answer, so that its window is committed
_LOOK_S: Final = 0.1
_SAMPLE: Final = "So11111111111111111111111111111111111111112"  # any address


class Player:
    """Plays one recording, once."""

    def __init__(
        self,
        path: Path,
        sources: Sequence[Source],
        publisher: Publisher,
        *,
        speed: float,
        status: StatusBoard,
        counts: FetcherCounts,
    ) -> None:
        self._path, self._publisher, self._speed = path, publisher, speed
        self._status, self._counts = status, counts
        self._readers = {source.name: _Readers(source) for source in sources}
        self._now_ms = 0  # of the recording
        self._step_ms = max(STEP_MS, int(speed * _STEP_LEAST_S * 1000))
        self._missed = 0  # messages that nobody received
        self._unknown = 0  # answers of sources that are none of ours

    async def run(self) -> None:
        """Play to the end, then rest until cancelled. Raises RecordingError for a damaged file."""
        recording = await asyncio.to_thread(summarize, self._path)
        began_ms = self._now_ms = recording.head.began_ms
        await self._aggregator_is_there()
        log.info(
            "playback_started", answers=recording.answers, seconds=int(recording.seconds),
            speed=self._speed,
        )  # fmt: skip
        began_s = time.monotonic()
        for answer in read_answers(self._path):
            await self._advance(answer.at_ms, began_ms, began_s)
            await self._use(answer)
        await self._advance(recording.last_ms + _AFTER_MS, began_ms, began_s)
        await self._all_is_read()
        log.warning(
            "playback_ended", answers=recording.answers, unknown=self._unknown,
            missed=self._missed,
        )  # fmt: skip
        await asyncio.Event().wait()

    async def _aggregator_is_there(self) -> None:
        """Wait until an aggregator leads and hears us: a message before that would be lost."""
        publisher = self._publisher
        while True:
            leads = await publisher.redis.hget(publisher.keys.raw_taken, "at")
            if leads and await publisher.publish_time(CLOCK, self._now_ms):
                return
            await asyncio.sleep(_LOOK_S)

    async def _all_is_read(self) -> None:
        """Wait until the aggregator has read what was published, and so has committed it."""
        publisher = self._publisher
        while True:
            published = await publisher.redis.get(publisher.keys.raw_published)
            if await publisher.redis.hget(publisher.keys.raw_taken, "at") == published:
                return
            await asyncio.sleep(_LOOK_S)

    async def _advance(self, to_ms: int, began_ms: int, began_s: float) -> None:
        """Let the recording's time come, and say what time it is on the way."""
        while self._now_ms < to_ms:
            self._now_ms = min(to_ms, self._now_ms + self._step_ms)
            due_s = began_s + (self._now_ms - began_ms) / 1000 / self._speed
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            self._missed += not await self._publisher.publish_time(CLOCK, self._now_ms)

    async def _use(self, answer: RecordedAnswer) -> None:
        """Read one answer as the fetcher did, and publish what it says."""
        name, now_ms = answer.source, int(time.time() * 1000)
        readers = self._readers.get(name)
        if readers is None:  # this version has no such source
            self._unknown += 1
            return
        try:
            page = await self._read(answer, readers)
        except SourceError as error:
            self._status[name].failed(now_ms, str(error))
            self._counts[name].failed(error)
            return
        self._status[name].succeeded(now_ms, tokens=len(page.readings), refused=page.refused)
        self._counts[name].succeeded(now_ms, len(page.readings), page.refused)
        if page.readings:
            readings = (*page.readings, *page.natives)
            missed = await self._publisher.deliver(name, readings, self._now_ms)
            self._missed += missed
            self._counts[name].unheard += missed

    async def _read(self, answer: RecordedAnswer, readers: _Readers) -> ParsedBody:
        """Return what an answer says. Raises SourceError for one that gave no data."""
        where = f"{answer.source} {answer.path[:80]}"
        if answer.error or outcome_of(answer.status, answer.headers) is not CallOutcome.OK:
            raise _failure(answer, where)
        call = readers.like(answer.path)
        if call is None:
            raise MalformedBody(f"{where}: no request of this version is like it")
        # In a thread as the fetcher does with large ones; one after the other keeps their order.
        return await asyncio.to_thread(call.read, answer.content, answer.observed_ms)


def _failure(answer: RecordedAnswer, where: str) -> SourceError:
    what = f"HTTP {answer.status}" if answer.status else answer.error
    if answer.status == 429:
        return Throttled(f"{where}: {what}", retry_after_s=0)
    if answer.status == 0 or answer.status >= 500:
        return Unavailable(f"{where}: {what}")
    return MalformedBody(f"{where}: {what}")


class _Readers:
    """Which of a source's calls reads the answer to a path: the one that shares most of it."""

    def __init__(self, source: Source) -> None:
        self._samples = [(call.path.split("/"), call) for call in _samples(source)]

    def like(self, path: str) -> Call | None:
        """Return a call whose `read` fits, None when not even the first word is the same."""
        words = path.split("/")
        shared = [
            (sum(1 for _ in takewhile(bool, map(eq, words, sample))), call)
            for sample, call in self._samples
        ]
        most, call = max(shared, key=lambda pair: pair[0], default=(0, None))
        return call if most >= 2 else None  # the first "word" is what stands before the first "/"


def _samples(source: Source) -> Iterator[Call]:
    for job in source.jobs:
        if isinstance(job, Discovery):
            yield from job.calls
        else:
            chain = min(job.chains or {"solana"})
            yield job.call(chain, [_SAMPLE])
