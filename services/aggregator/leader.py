"""The lease: an aggregator stands by until it is free, and leads for one term while it holds it.

The lease gives liveness; the fence, checked inside each write, gives safety: a former holder that
wakes up is refused by the store itself.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from redis.exceptions import RedisError

from services.aggregator.backlog import REPORT_S, BacklogReport
from services.aggregator.context import AggregatorContext
from services.aggregator.repeat import repeat, wait
from services.aggregator.term import Term, take_over
from shared.errors import Diverged, Fenced, Replaced, StoreError
from shared.keys import LEASE_RENEW_S
from shared.process.log_lines import is_worth_a_line
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE
from shared.state.store import Lease

log = get_logger(__name__)

_POLL_S: Final = 0.1  # how often a standby tries for the lease
# A store that was lost is written again by who wrote it last, who knows all of it; only without
# that one by another. This much more than a lease: the term before may still run.
_WRITER_COMES_S: Final = 3.0
_TROUBLE_S: Final = 10.0  # terms that end within it, by the same errors, are one trouble
_ENDS_TERM: Final = (Fenced, Diverged, StoreError, RedisError, *UNREACHABLE)


class LeaseLost(StoreError):
    """The lease ran out, or somebody else holds it."""


class _TermEnd(Struct, frozen=True):
    """How a term ended, and how many in a row ended alike."""

    kinds: tuple[str, ...] = ()  # of errors
    at_s: float = 0.0  # monotonic
    commits: int = 0  # that this process had made until then
    count: int = 0


class Leader:
    """Takes the lease when it is free and leads while it holds it."""

    def __init__(self, context: AggregatorContext) -> None:
        self.term: Term | None = None
        self._context = context
        self._holder = secrets.token_hex(8)
        self._last_end = _TermEnd()
        self._wrote_last = False  # nobody else is known to have led since this process did
        self._replaced_s: float | None = None  # since when the store is another (monotonic)

    @property
    def leading(self) -> bool:
        """Whether this process writes."""
        return self.term is not None

    async def run(self, stop: asyncio.Event) -> None:
        """Stand by and lead, term after term, until `stop`; then commit what is held."""
        while not stop.is_set():
            try:
                lease = await self.acquire()
                if lease is None:
                    await self._context.recall.step()
                    await wait(stop, _POLL_S)
                else:
                    await self._lead(lease, stop)
            except* _ENDS_TERM as group:
                self._report_end(group)
                await wait(stop, _POLL_S)
            finally:
                self.follow()

    def follow(self) -> None:
        """Stand by: what the term, if there was one, was about to remove is another's to decide."""
        self.term = None
        self._context.memory.withdraw_removals()
        self._context.feed.follow()

    async def acquire(self) -> Lease | None:
        """Take the lease if it is free; otherwise trust who holds it with what is old.

        A store that was lost is left for a while to the aggregator that wrote it last.
        """
        try:
            lease = await self._context.store.acquire(self._holder, self._expected())
        except Replaced:
            if self._replaced_s is None:
                self._replaced_s = time.monotonic()
                log.info("store_lost", epoch=self._context.standby.epoch, waits_s=_WRITER_COMES_S)
            return None
        except UNREACHABLE:  # the last writer cannot come yet either
            self._replaced_s = None
            raise
        self._replaced_s = None
        if lease is None:
            self._wrote_last = False
            self._context.standby.forget_old()
        else:
            self._context.clock.set(lease.now_ms)
        return lease

    def _expected(self) -> str:
        """Return the epoch for which a free lease is taken; empty: of any store."""
        since_s = self._replaced_s
        waited = since_s is not None and time.monotonic() - since_s > _WRITER_COMES_S
        return "" if self._wrote_last or waited else self._context.standby.epoch

    async def renew(self) -> None:
        """Keep the lease. Raises LeaseLost."""
        now_ms = await self._context.store.renew(self._holder)
        if now_ms is None:
            raise LeaseLost("the lease is not ours any more")
        self._context.clock.set(now_ms)

    async def _lead(self, lease: Lease, stop: asyncio.Event) -> None:
        """Lead for one term: until `stop`, or until something ends it."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(repeat(self.renew, LEASE_RENEW_S, over))
            backlog = BacklogReport(self._context, lease.fence)
            await backlog.write()
            tasks.create_task(repeat(backlog.write, REPORT_S, over))
            self.term = await take_over(self._context, lease.fence)
            self._wrote_last = True
            await self.term.run(stop)
            over.set()
        await self._context.store.release(self._holder)
        log.info("lease_released", version=self._context.replica.version)

    def _report_end(self, group: BaseExceptionGroup[BaseException]) -> None:
        """Log the end of a term; of one trouble that goes on, ever fewer."""
        counts = self._context.counts
        counts.terms_failed += 1
        reasons = sorted({f"{type(e).__name__}: {e}"[:120] for e in _leaves(group)})
        kinds, now_s = tuple(reason.partition(":")[0] for reason in reasons), time.monotonic()
        last, commits = self._last_end, counts.commits["ok"]
        goes_on = kinds == last.kinds and commits == last.commits and now_s - last.at_s < _TROUBLE_S
        count = last.count + 1 if goes_on else 1
        self._last_end = _TermEnd(kinds, now_s, commits, count)
        if is_worth_a_line(count):
            log.warning("term_ended", was_leading=self.leading, reasons=reasons, count=count)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
