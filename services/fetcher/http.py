"""The one place that calls upstreams: limits, retries, deadlines, sizes.

The rules are data and pure functions (`outcome_of`, waits.py); the class is a thin shell around one
httpx client. No redirect is followed, no cookie kept, no body decoded that is not JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
import tenacity
from aiolimiter import AsyncLimiter

from services.fetcher.attempts import Attempt, AttemptListener, Nobody
from services.fetcher.breaker import Breaker, State
from services.fetcher.budget import Budget, burst_of
from services.fetcher.counts import FetcherCounts
from services.fetcher.source import Call, Source
from services.fetcher.waits import requested_wait_s
from shared.errors import MalformedBody, Resting, SourceError, Throttled, Unavailable
from shared.inflate import Inflater

CONNECT_S: Final = 2.0
READ_S: Final = 5.0
DEADLINE_S: Final = 8.0  # on the wire and between attempts, per call
MAX_BODY: Final = 5_000_000  # bytes, after inflation
MAX_HEADERS: Final = 64 * 1024
ATTEMPTS: Final = 3
BACKOFF_S: Final = 0.25
BACKOFF_MAX_S: Final = 10.0
FATAL_WAIT_S: Final = 60.0  # a wrong key or a firewall does not get better by asking
RETRY_SHARE: Final = 0.1


class CallOutcome(enum.Enum):
    """What a status and its headers mean for the call."""

    OK = "ok"
    RETRY = "retry"  # it may work in a moment
    SKIP = "skip"  # this call has no data for us; others may
    FATAL = "fatal"  # this host will not answer us until someone changes something


def outcome_of(status: int, headers: Mapping[str, str]) -> CallOutcome:
    """Judge an answer by its status and headers (names in lower case)."""
    if status == 200:
        return CallOutcome.OK if is_json(headers.get("content-type", "")) else CallOutcome.SKIP
    if status in {408, 429} or 500 <= status <= 599:
        return CallOutcome.RETRY
    if status in {401, 403, 407, 451}:
        return CallOutcome.FATAL
    return CallOutcome.SKIP


def is_json(content_type: str) -> bool:
    """Return whether a content type is `application/json` or `application/…+json`."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


@dataclass(slots=True)
class RetryBudget:
    """Keeps retries at most at a tenth of the calls, so that an outage is not made worse."""

    saved: float = 0.0
    most: float = 10.0

    def earn(self) -> None:
        """Note a first attempt."""
        self.saved = min(self.most, self.saved + RETRY_SHARE)

    def spend(self) -> bool:
        """Take one retry, if there is one."""
        # A tenth added ten times is a little under one.
        if self.saved < 0.999:
            return False
        self.saved -= 1
        return True


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """A JSON body, not decoded yet, and when it began to arrive."""

    body: bytes
    observed_ms: int


@dataclass(slots=True)
class _Deadline:
    """What is left of a call's time; only what passes inside `with` counts."""

    left_s: float = DEADLINE_S
    _since: float = 0.0

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.left_s -= time.monotonic() - self._since


@dataclass(frozen=True, slots=True)
class _Pace:
    """The attempts of this process at one host and rate class: how fast, and in which order."""

    limiter: AsyncLimiter
    line: asyncio.Lock

    @classmethod
    def of(cls, per_minute: float) -> _Pace:
        burst = burst_of(per_minute)
        return cls(AsyncLimiter(burst, burst * 60 / per_minute), asyncio.Lock())


def open_client(*, concurrency: int, proxy: str | None = None) -> httpx.AsyncClient:
    """Return a client that keeps connections alive and neither redirects nor keeps cookies."""
    return httpx.AsyncClient(
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={
            "accept": "application/json",
            "accept-encoding": "gzip",  # what `_inflater` undoes, with a bound
            "user-agent": "dexwire",
        },
        limits=httpx.Limits(max_connections=concurrency * 2, max_keepalive_connections=concurrency),
        timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
        proxy=proxy,
        trust_env=False,  # settings are read in one place
    )


class Upstreams:
    """Calls upstreams within the shared budget, a few at a time."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        budget: Budget,
        *,
        concurrency: int,
        counts: FetcherCounts | None = None,
        listener: AttemptListener | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._listener = listener or Nobody()
        self._counts = counts or FetcherCounts()
        self._client = client
        self._budget = budget
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._retries: dict[str, RetryBudget] = {}
        self._breakers: dict[str, Breaker] = {}
        self._paces: dict[tuple[str, str], _Pace] = {}

    def circuit(self, source: Source) -> State:
        """Return whether a source's host is called at all; "trial": one attempt would be made."""
        return self._breaker(source.host).state(time.monotonic())

    def _breaker(self, host: str) -> Breaker:
        return self._breakers.setdefault(host, Breaker())

    def retries(self, host: str) -> RetryBudget:
        """Return the retry budget of a host."""
        return self._retries.setdefault(host, RetryBudget())

    async def get(self, source: Source, call: Call) -> UpstreamResponse:
        """Make one call with its retries; raise a SourceError when it gave no JSON.

        Raises Resting, having called nobody, while the host's circuit is open.

        Waiting for the budget is not bounded for the first attempt (the caller holds no slot
        meanwhile); a retry that would have to wait past the deadline is given up.
        """
        retries = self.retries(source.host)
        retries.earn()
        deadline = _Deadline()

        def worth_repeating(error: BaseException) -> bool:
            if not isinstance(error, Throttled | Unavailable) or self.circuit(source) != "closed":
                return False
            wait_s = error.retry_after_s if isinstance(error, Throttled) else 0.0
            return deadline.left_s > wait_s and retries.spend()

        async for attempt in tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=BACKOFF_S, max=BACKOFF_MAX_S),
            retry=tenacity.retry_if_exception(worth_repeating),
            reraise=True,
        ):
            with attempt:
                return await self._in_turn(source, call, deadline)
        raise AssertionError("unreachable")  # pragma: no cover - tenacity returns or raises

    async def get_spare(self, source: Source, call: Call) -> UpstreamResponse | None:
        """Make one attempt if the budget can spare it; None: it cannot now, and nothing was called.

        Raises a SourceError when it gave no JSON.
        """
        pace, rate = self._pace(source, call.rate_class), source.rates[call.rate_class]
        if self._slots.locked() or pace.line.locked() or not pace.limiter.has_capacity():
            return None
        if self.circuit(source) != "closed":
            return None
        async with self._slots:
            if not await self._budget.take_spare(source.host, call.rate_class, rate):
                return None
            return await self._admitted(source, call, _Deadline())

    async def _in_turn(self, source: Source, call: Call, deadline: _Deadline) -> UpstreamResponse:
        """Wait for the rate, a slot and the budget, then make one attempt.

        The limiter smooths the attempts of this process to the rate of its class, and only the
        first one in line requests the shared budget, which has the last word. So the script runs
        about once a call, and not once for each attempt that waits.
        """
        pace = self._pace(source, call.rate_class)
        await pace.limiter.acquire()
        async with contextlib.AsyncExitStack() as slot:
            async with pace.line:
                while True:
                    await slot.enter_async_context(self._slots)
                    wait_s, held = await self._budget.take(
                        source.host, call.rate_class, source.rates[call.rate_class]
                    )
                    if not wait_s:
                        break
                    await slot.aclose()
                    self._counts[source.name].waited(wait_s, held=held)
                    await asyncio.sleep(wait_s)
            return await self._admitted(source, call, deadline)

    def _pace(self, source: Source, rate_class: str) -> _Pace:
        pace = self._paces.get((source.host, rate_class))
        if pace is None:
            pace = self._paces[source.host, rate_class] = _Pace.of(source.rates[rate_class])
        return pace

    async def _admitted(self, source: Source, call: Call, deadline: _Deadline) -> UpstreamResponse:
        """Make one attempt if the circuit allows it, and report to it how that ended."""
        breaker, started = self._breaker(source.host), time.monotonic()
        if not breaker.admits(started):
            raise Resting(f"{source.name} {call.path[:80]}: not called, as most calls failed")
        answered = True  # also with what we cannot use
        try:
            with deadline, self._listener.attempt(source, call) as seen:
                return await self._attempt(source, call, deadline.left_s, seen)
        except Unavailable:
            answered = False
            raise
        finally:
            now_s = time.monotonic()
            breaker.note(now_s, ok=answered)
            self._counts[source.name].attempt_s.observe(now_s - started)

    async def _attempt(
        self, source: Source, call: Call, left_s: float, seen: Attempt
    ) -> UpstreamResponse:
        where = f"{source.name} {call.path[:80]}"
        try:
            async with (
                asyncio.timeout(left_s),
                self._client.stream(
                    "GET",
                    source.url + call.path,
                    params=dict(call.query) or None,
                    headers=dict(source.headers),
                ) as response,
            ):
                seen.status, seen.headers = response.status_code, response.headers
                seen.observed_ms = int(self._clock() * 1_000)
                await self._raise_for_status(source, response, where)
                seen.body = await _read(response, where)
                return UpstreamResponse(seen.body, seen.observed_ms)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{where}: {type(error).__name__}") from error

    async def _raise_for_status(self, source: Source, response: httpx.Response, where: str) -> None:
        """Raise what the status and headers deserve; make all replicas wait if it says so."""
        status, headers = response.status_code, response.headers
        outcome = outcome_of(status, headers)
        wait_s = requested_wait_s(status, headers, self._clock())
        if outcome is CallOutcome.FATAL:
            wait_s = max(wait_s, FATAL_WAIT_S)
        if wait_s:
            self._counts[source.name].holds += 1
            await self._budget.hold(source.host, wait_s)
        if outcome is CallOutcome.RETRY:
            if status == 429:
                raise Throttled(f"{where}: HTTP 429", retry_after_s=wait_s)
            raise Unavailable(f"{where}: HTTP {status}")
        if outcome is CallOutcome.FATAL:
            raise SourceError(f"{where}: HTTP {status}")
        if outcome is CallOutcome.SKIP:
            what = "no JSON" if status == 200 else f"HTTP {status}"
            raise MalformedBody(f"{where}: {what}")
        if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADERS:
            raise MalformedBody(f"{where}: headers over {MAX_HEADERS} bytes")


async def _read(response: httpx.Response, where: str) -> bytes:
    """Read a body and inflate it, never holding more than the limit."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in {"identity", "gzip"}:
        raise MalformedBody(f"{where}: content-encoding is not gzip")
    # httpx would inflate a whole chunk at once: 64 KB of a bomb become 64 MB.
    inflater = Inflater(MAX_BODY + 1) if encoding == "gzip" else None
    body, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            body += inflater.feed(chunk) if inflater else chunk
        except zlib.error:
            raise MalformedBody(f"{where}: broken gzip") from None
        if len(body) > MAX_BODY or received > MAX_BODY:
            raise MalformedBody(f"{where}: body over {MAX_BODY} bytes")
    if inflater and not inflater.whole:
        raise Unavailable(f"{where}: body ends early")
    return bytes(body)
