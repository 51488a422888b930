"""Posts readings to the api's `/ingest`: batches, repeats, and what an answer means.

Each source has a worker of its own, so that what one cannot get rid of does not hold up the others.
A batch keeps its Idempotency-Key until the api has taken or refused it. While it cannot be
delivered, newer readings wait in the source's outbox, which is bounded.
"""

from __future__ import annotations

import asyncio
import enum
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx
import msgspec
import tenacity

from services.fetcher.counts import FetcherCounts, SourceCounts
from services.fetcher.outbox import Dropped, Outbox, body_of
from services.fetcher.status import StatusBoard
from services.fetcher.waits import requested_wait_s
from shared.errors import PipelineError
from shared.model import Reading
from shared.process.logs import get_logger

log = get_logger(__name__)

CONNECT_S: Final = 2.0
POST_S: Final = 8.0  # for one attempt as a whole
PACE_S: Final = 0.1  # between two posts of one source, unless enough waits for a whole one
BACKOFF_S: Final = 0.25
BACKOFF_MAX_S: Final = 5.0
FAILING_S: Final = 3.0  # what is over by then, such as the start of an api, is no failure
LAST_TRY_S: Final = 2.0  # for what waits when the service ends
_ANSWER_MAX: Final = 256 * 1024
# A batch with one of these codes is refused for what it holds, and would be again. With any other
# refusal it is the key, the address or the api that is to be corrected.
_UNFIT: Final = frozenset({
    "none_accepted", "malformed_json", "missing_field", "wrong_type", "unknown_field",
    "out_of_range", "bad_length", "key_reused",
})  # fmt: skip


class Judgement(enum.Enum):
    """What an answer means for the batch."""

    TAKEN = "taken"
    REPEAT = "repeat"  # nothing is wrong with the batch
    SPLIT = "split"  # too large for the api, or for a proxy in front of it
    REFUSED = "refused"


def judge_answer(status: int, code: str) -> Judgement:
    """Judge an answer by its status and the problem's code."""
    if status in {200, 202}:
        return Judgement.TAKEN
    if status == 413:
        return Judgement.SPLIT
    if status in {400, 422} and code in _UNFIT:
        return Judgement.REFUSED
    return Judgement.REPEAT


class Undelivered(PipelineError):
    """An attempt did not deliver its batch; another may, after `retry_after_s`."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class _Rejection(msgspec.Struct, frozen=True):
    code: str = ""
    detail: str = ""


class _Answer(msgspec.Struct, frozen=True):
    """What is read of an answer, be it a verdict or a problem."""

    code: str = ""
    detail: str = ""
    rejected: list[_Rejection] = []


@dataclass(frozen=True, slots=True)
class PostedBatch:
    """Encoded readings that go in one post, under one Idempotency-Key."""

    readings: tuple[bytes, ...]
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    def halves(self) -> tuple[PostedBatch, PostedBatch]:
        """Return two batches of what this one holds."""
        middle = len(self.readings) // 2
        return PostedBatch(self.readings[:middle]), PostedBatch(self.readings[middle:])


@dataclass(slots=True)
class _SourceState:
    """What one source has to deliver, and how that goes."""

    source: str
    counts: SourceCounts
    outbox: Outbox = field(default_factory=Outbox)
    taken: deque[PostedBatch] = field(default_factory=deque)  # out of the outbox, not settled yet
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    failing_since: float | None = None
    error: str = ""  # shown once it has failed for FAILING_S

    def put(self, readings: Iterable[Reading]) -> None:
        self.drop(self.outbox.put(readings))
        self.counts.waiting = len(self.outbox)
        if len(self.outbox):
            self.filled.set()

    def next(self) -> PostedBatch | None:
        """Return the batch to post now, None when nothing waits."""
        if not self.taken:
            readings = self.outbox.take()
            self.counts.waiting = len(self.outbox)
            if not len(self.outbox):
                self.filled.clear()
            if readings:
                self.taken.append(PostedBatch(readings))
        return self.taken[0] if self.taken else None

    def drop(self, dropped: Mapping[Dropped, int]) -> None:
        self.counts.undelivered.update(dropped)

    def failed(self, now_s: float, error: str) -> None:
        """Note that an attempt failed."""
        self.counts.posts["failed"] += 1
        if self.failing_since is None:
            self.failing_since = now_s
        if now_s - self.failing_since < FAILING_S:
            return
        if not self.error:
            log.warning(
                "delivery_failing", source=self.source, error=error, waiting=len(self.outbox)
            )
        self.error, self.counts.delivery_failing = error, True

    def settled(self, now_s: float) -> None:
        """Note that the api took or refused the batch: it can be reached and lets us in."""
        if self.error:
            failed_s = round(now_s - (self.failing_since or now_s), 1)
            log.info("delivery_recovered", source=self.source, failed_s=failed_s)
        self.failing_since, self.error, self.counts.delivery_failing = None, "", False


def open_post_client() -> httpx.AsyncClient:
    """Return a client of the api. FETCH_PROXY is for the sources and not used."""
    return httpx.AsyncClient(
        follow_redirects=False,
        headers={"content-type": "application/json", "user-agent": "dexwire-fetcher"},
        timeout=httpx.Timeout(POST_S, connect=CONNECT_S),
        trust_env=False,  # settings are read in one place
    )


class Poster:
    """Delivers readings by posts. Nobody waits for them: `deliver` only puts them down."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        sources: Iterable[str],
        *,
        url: str,
        bearer: str,
        status: StatusBoard,
        counts: FetcherCounts,
    ) -> None:
        self._client = client
        self._url = f"{url}/ingest"
        self._headers = {"authorization": f"Bearer {bearer}"}
        self._status = status
        self._states = {source: _SourceState(source, counts[source]) for source in sources}

    async def deliver(self, source: str, readings: Sequence[Reading]) -> int:
        """Take readings of a source to be posted; 0, since none is lost for want of a listener."""
        state = self._states[source]
        state.put(readings)
        self._show(state)
        return 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Post while the block runs, and at its end what waits, once."""
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._work(state)) for state in self._states.values()]
            try:
                yield
            finally:
                for worker in workers:
                    worker.cancel()
        await self._post_what_waits()

    async def _work(self, state: _SourceState) -> None:
        """Post what a source has, one batch after the other; cancel it to end."""
        while True:
            await state.filled.wait()
            started = time.monotonic()
            while (batch := state.next()) is not None:
                await self._until_settled(state, batch)
                if not state.outbox.full and not state.taken:
                    break
            await asyncio.sleep(started + PACE_S - time.monotonic())

    async def _until_settled(self, state: _SourceState, batch: PostedBatch) -> None:
        async for attempt in tenacity.AsyncRetrying(
            wait=_wait_s, retry=tenacity.retry_if_exception_type(Undelivered)
        ):
            with attempt:
                await self._post(state, batch)

    async def _post_what_waits(self) -> None:
        """Make one attempt for each batch that is left; what fails then is lost."""
        try:
            async with asyncio.timeout(LAST_TRY_S), asyncio.TaskGroup() as tasks:
                for state in self._states.values():
                    tasks.create_task(self._post_rest(state))
        except TimeoutError:
            pass
        left = sum(len(state.outbox) + sum(len(b.readings) for b in state.taken)
                   for state in self._states.values())  # fmt: skip
        if left:
            log.info("readings_left_behind", readings=left)

    async def _post_rest(self, state: _SourceState) -> None:
        try:
            while (batch := state.next()) is not None:
                await self._post(state, batch)
        except Undelivered:
            return

    async def _post(self, state: _SourceState, batch: PostedBatch) -> None:
        """Make one attempt; settle the batch, or raise Undelivered."""
        try:
            status, headers, answer = await self._send(state.source, batch)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._undelivered(state, f"{self._url}: {type(error).__name__}") from error
        judged = judge_answer(status, answer.code)
        if judged is Judgement.REPEAT:
            problem = f"{self._url}: HTTP {status} {answer.code} {answer.detail}".rstrip()[:200]
            wait_s = requested_wait_s(status, headers, time.time())
            raise self._undelivered(state, problem, min(wait_s, BACKOFF_MAX_S))
        state.taken.popleft()
        state.settled(time.monotonic())
        self._show(state)
        if judged is Judgement.TAKEN:
            state.counts.posts["taken"] += 1
            self._note_refused(state, len(answer.rejected), answer, "refused")
        elif judged is Judgement.SPLIT and len(batch.readings) > 1:
            state.counts.posts["split"] += 1
            state.taken.extendleft(reversed(batch.halves()))
        else:
            state.counts.posts["refused"] += 1
            why: Dropped = "too_large" if judged is Judgement.SPLIT else "refused"
            self._note_refused(state, len(batch.readings), answer, why)

    def _undelivered(
        self, state: _SourceState, error: str, retry_after_s: float = 0.0
    ) -> Undelivered:
        state.failed(time.monotonic(), error)
        self._show(state)
        return Undelivered(error, retry_after_s=retry_after_s)

    def _show(self, state: _SourceState) -> None:
        self._status[state.source].delivers(state.error)

    def _note_refused(
        self, state: _SourceState, readings: int, answer: _Answer, why: Dropped
    ) -> None:
        """Count readings that the api does not want; log the first ones and then ever fewer."""
        if not readings:
            return
        count = state.counts.undelivered[why]
        state.drop({why: readings})
        first = answer.rejected[0] if answer.rejected else answer
        if not count or len(str(count)) < len(str(count + readings)):
            log.warning(
                "readings_refused", source=state.source, count=count + readings,
                code=first.code, error=first.detail[:200],
            )  # fmt: skip

    async def _send(self, source: str, batch: PostedBatch) -> tuple[int, httpx.Headers, _Answer]:
        headers = {**self._headers, "idempotency-key": batch.key}
        async with (
            asyncio.timeout(POST_S),
            self._client.stream(
                "POST", self._url, content=body_of(source, batch.readings), headers=headers
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _ANSWER_MAX:  # nothing of ours
                    break
            return response.status_code, response.headers, _read_answer(bytes(body))


_backoff: Final = tenacity.wait_random_exponential(multiplier=BACKOFF_S, max=BACKOFF_MAX_S)
_decode: Final = msgspec.json.Decoder(_Answer).decode


def _wait_s(state: tenacity.RetryCallState) -> float:
    """Return how long to wait before the next attempt: as the api says, or ever longer."""
    error = state.outcome.exception() if state.outcome else None
    named_s = error.retry_after_s if isinstance(error, Undelivered) else 0.0
    return max(named_s, _backoff(state))


def _read_answer(body: bytes) -> _Answer:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Answer()  # of a proxy, perhaps
