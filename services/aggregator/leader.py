"""The one writer: lease, fence, epoch, windows, heartbeats.

An aggregator is always both: it follows like any reader and merges all readings, and while it holds
the lease it commits too. The lease gives liveness; the fence, checked inside each write, gives
safety: a former holder that wakes up is refused by the store itself.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

from redis.exceptions import OutOfMemoryError, RedisError

from services.aggregator.clock import StoreClock
from services.aggregator.commit import Item, Stamp, pieces, plan_commit
from services.aggregator.counts import AggregatorCounts
from services.aggregator.history import LogHistory
from services.aggregator.intake import WAITING_MS, Intake
from services.aggregator.merger import Merger
from services.aggregator.settings import AggregatorSettings
from shared.errors import Diverged, Fenced, StoreError
from shared.keys import HEARTBEAT_S, LEASE_RENEW_S, Keys
from shared.process.log_lines import is_worth_a_line
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis
from shared.state.feed import Extra, Feed
from shared.state.messages import Heartbeat, NativePrice, Refused, encode
from shared.state.meta import Meta
from shared.state.plan import CommitPlan
from shared.state.replica import Change, Replica
from shared.state.store import Store

log = get_logger(__name__)

_CHUNK: Final = 500  # tokens computed in one go, some 30 ms; heartbeats are sent in between
_BYTES_PER_FIELD: Final = 24  # of a message, on average
_COMMIT_TRIES: Final = 3
_POLL_S: Final = 0.1  # how often a standby tries for the lease
_TROUBLE_S: Final = 10.0  # terms that end within it, by the same errors, are one trouble
_OVERDUE: Final = 100  # readings stored without a change of their row, per window
_ENDS_TERM: Final = (Fenced, Diverged, StoreError, RedisError, *UNREACHABLE)


class LeaseLost(StoreError):
    """The lease ran out, or somebody else holds it."""


class Leader:
    """Takes the lease when it is free and writes while it holds it."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        merger: Merger,
        intake: Intake,
        clock: StoreClock,
        settings: AggregatorSettings,
    ) -> None:
        extra = Extra(
            channel=keys.raw_tokens,
            on_message=lambda data: intake.take(data, clock.now_ms()),
            on_gap=lambda: log.info("raw_tokens_subscribed"),
        )
        self.feed = Feed(redis, keys, merger.replica, self, extra=extra)
        self.leading = False
        self.counts = AggregatorCounts()
        self._store = Store(redis, keys)
        self._merger, self._intake, self._clock = merger, intake, clock
        self._settings = settings
        self._window_s = settings.window_ms / 1000
        self._holder = secrets.token_hex(8)
        self._fence = ""
        self._history = LogHistory()
        self._ended_by: list[str] = []  # the kinds of errors that ended the term before
        self._ended_s = 0.0
        self._ended_alike = 0  # terms in a row that they ended, none of which committed
        self._ended_commits = 0  # made by this process until then
        self._inherited: list[str] = []  # ids that were stored when the epoch began
        self._verified: set[str] = set()  # tokens whose stored readings are in the memory
        self._writing = asyncio.Lock()  # commits and heartbeats do not overtake each other

    # -- terms ------------------------------------------------------------------------------------
    async def run(self, stop: asyncio.Event) -> None:
        """Stand by and lead, term after term, until `stop`; then commit what is held."""
        while not stop.is_set():
            try:
                lease = await self._store.acquire(self._holder)
                if lease is None:
                    self._stand_by()
                    await _wait(stop, _POLL_S)
                    continue
                self._clock.set(lease.now_ms)
                self._fence = lease.fence
                await self._term(stop)
            except* _ENDS_TERM as group:
                self.counts.terms_failed += 1
                reasons = sorted({f"{type(e).__name__}: {e}"[:120] for e in _leaves(group)})
                self._report_end(reasons)
                await _wait(stop, _POLL_S)
            finally:
                self._step_down()

    def _report_end(self, reasons: list[str]) -> None:
        """Log the end of a term; of one trouble that goes on, ever fewer."""
        same, now_s = [reason.partition(":")[0] for reason in reasons], time.monotonic()
        commits = self.counts.commits["ok"]
        goes_on = (
            same == self._ended_by
            and commits == self._ended_commits
            and now_s - self._ended_s < _TROUBLE_S
        )
        self._ended_alike = self._ended_alike + 1 if goes_on else 1
        self._ended_by, self._ended_s, self._ended_commits = same, now_s, commits
        count = self._ended_alike
        if is_worth_a_line(count):
            log.warning("term_ended", was_leading=self.leading, reasons=reasons, count=count)

    async def _term(self, stop: asyncio.Event) -> None:
        """Hold the lease until `stop`, or until something ends the term."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            pulse = tasks.create_task(self._renew(over))
            await self._take_over()
            writers = [
                tasks.create_task(self._commit_windows(over)),
                tasks.create_task(self._beat(over)),
                tasks.create_task(self._sweep(over)),
            ]
            await stop.wait()
            over.set()
            await asyncio.gather(pulse, *writers)
        await self._flush()
        await self._store.release(self._holder)
        log.info("lease_released", version=self._replica.version)

    def _stand_by(self) -> None:
        now_ms = self._clock.now_ms()
        self._merger.memory.forget_dirty(now_ms - WAITING_MS)
        self._intake.forget_waiting(now_ms - WAITING_MS)

    def _step_down(self) -> None:
        self.leading = False
        self.feed.follow()

    # -- taking over ------------------------------------------------------------------------------
    async def _take_over(self) -> None:
        """Make the replica exactly the store's state, or begin a new epoch."""
        run_id = await self._store.run_id()
        self._verified.clear()
        self._merger.alerts.clear()
        exact = await self.feed.lead()
        meta = await self._store.meta()
        if not exact or meta.run_id != run_id:
            await self._begin_epoch(meta)
        self._merger.tickers.load(self._replica.rows)
        self._history = LogHistory(self._replica.horizon)
        self.leading = True
        self.counts.takeovers += 1
        self._intake.arrivals.clear()  # the former leader's, as far as is known
        log.info(
            "lease_taken", fence=self._fence, epoch=self._replica.epoch,
            version=self._replica.version, tokens=len(self._replica.rows),
            readings=len(self._merger.memory),
        )  # fmt: skip

    async def _begin_epoch(self, meta: Meta) -> None:
        """Start over from everything that is known: what the store holds and what we remember."""
        stored = await self._store.token_ids()
        await self._verify(stored)
        memory = self._merger.memory
        epoch = secrets.token_hex(4)
        await self._store.begin_epoch(self._fence, epoch)
        self._replica.reset(epoch)
        self._inherited = stored
        memory.touch(memory.tokens(), self._clock.now_ms())
        self.counts.epochs += 1
        log.info("epoch_begun", epoch=epoch, after=meta.epoch, tokens=len(memory))
        if self.counts.takeovers:  # not a start: the store was exchanged under us
            log.warning("store_replaced", epoch=epoch, tokens=len(memory))

    async def _verify(self, tokens: list[str]) -> None:
        """Merge the stored readings of tokens that this term has not looked at yet.

        What is stored of their alerts is taken over, so that none is lost or sent again.

        A standby may have missed a message that the former leader received. Merging is idempotent,
        so reading the store once per token and term makes the memory whole.
        """
        unread = [token for token in tokens if token not in self._verified]
        for start in range(0, len(unread), _CHUNK):
            part = unread[start : start + _CHUNK]
            for token, stored in (await self._store.readings(part)).items():
                self._merger.memory.merge_stored(token, stored)
            for token, bases in (await self._store.alert_bases(part)).items():
                # A window may have read this token, and sent its alerts, while we waited.
                if token not in self._verified:
                    self._merger.alerts.load(token, bases)
            self._verified.update(part)

    async def _sweep(self, over: asyncio.Event) -> None:
        """Look at every row once in a term, so that each is scheduled for its freshness bounds."""
        tokens = iter(list(self._replica.rows))
        while part := list(islice(tokens, _CHUNK)):
            await self._verify(part)
            self._merger.memory.touch(part, self._clock.now_ms())
            if await _wait(over, self._window_s):
                return

    # -- writing ----------------------------------------------------------------------------------
    async def _commit_windows(self, over: asyncio.Event) -> None:
        full = False
        while not await _wait(over, self._window_s):
            try:
                await self._flush()
            except OutOfMemoryError as error:  # refused whole; what it held comes again
                if not full:
                    log.warning("store_full", error=str(error)[:200])
                full = True
            else:
                full = False

    async def _flush(self) -> None:
        """Write one window: everything touched until now, in one or a few commits."""
        started, merging_s = time.perf_counter(), 0.0
        now_ms = self._clock.now_ms()
        memory, waiting = self._merger.memory, dict(self._intake.waiting)
        saved = frozenset(token for held in waiting.values() for token in held.tokens.values())
        touched = (*memory.take_dirty(now_ms), *saved)
        tokens = list(dict.fromkeys([*touched, *memory.overdue(now_ms, _OVERDUE)]))
        rows = self._replica.rows
        computed: list[Item] = []
        committed = 0
        last: list[Item] = []  # one piece is held back, so that the last is known as such
        try:
            for start in range(0, len(tokens), _CHUNK):
                part = tokens[start : start + _CHUNK]
                await self._verify(part)
                merging = time.perf_counter()
                items = list(self._merger.items(part, now_ms, saved))
                merging_s += time.perf_counter() - merging
                computed += items
                for piece in pieces(items, self._settings.commit_fields):
                    if last:
                        await self._commit(last, seeding=self._replica.seeding)
                        committed += len(last)
                    last = piece
            last += self._leftovers(computed)
            native = self._changed_natives(now_ms)
            if last or waiting or native:
                filled = rows or any(item.added for item in last)
                written = {item.token_id for item in computed if not item.removed}
                await self._commit(
                    last, tuple(waiting), seeding=not filled, native=native,
                    refused=self._intake.refusals(waiting, written),
                )  # fmt: skip
        except BaseException:
            memory.touch(tokens, now_ms)
            for item in computed[committed:]:
                memory.put_back(item.token_id, item.readings)
            raise
        self._inherited = []
        memory.left(tokens)
        self._intake.settle(list(waiting))
        self._history.tick(self._replica.version, now_ms)
        committed_ms = self._clock.now_ms()
        for arrived_ms in self._intake.take_arrivals(now_ms):
            self.counts.window_wait_s.observe((committed_ms - arrived_ms) / 1000)
        self.counts.window_closed(time.perf_counter() - started, merging_s)

    def _leftovers(self, computed: list[Item]) -> list[Item]:
        """Remove what an epoch found and makes no row of: with it no digest would ever match."""
        rows = self._replica.rows.keys() | {item.token_id for item in computed}
        return [Item(token, removed=True) for token in self._inherited if token not in rows]

    def _changed_natives(self, now_ms: int) -> dict[str, NativePrice | None]:
        merger = self._merger
        committed = self._replica.native
        return self._intake.natives.changes(committed, now_ms, merger.rules, merger.floors)

    async def _commit(
        self,
        items: list[Item],
        acks: tuple[str, ...] = (),
        *,
        seeding: bool,
        refused: Refused = MappingProxyType({}),
        native: Mapping[str, NativePrice | None] = MappingProxyType({}),
    ) -> None:
        started = time.perf_counter()
        version = self._replica.version + 1
        weight = sum(item.weight for item in items)
        stamp = Stamp(
            fence=self._fence,
            commit_id=secrets.token_hex(8),
            ts=self._clock.now_ms(),
            horizon=self._history.horizon,
            log_from=self._history.log_from(version, weight * _BYTES_PER_FIELD),
            seeding=seeding,
            acks=acks,
            refused=refused,
            native=native,
        )
        plan, message = plan_commit(self._store.keys, self._replica, items, stamp)
        async with self._writing:
            writing = time.perf_counter()
            try:
                await self._write(plan)
            except Exception as error:
                self.counts.refused(error)
                raise
            self.counts.committed(items, time.perf_counter() - writing)
            self._replica.apply(message)
            self._merger.settle(items)
        self.counts.log_entries = version - max(1, stamp.log_from) + 1
        log.debug(
            "window_committed",
            version=version,
            tokens=len(items),
            alerts=len(message.ev),
            bytes=len(plan.message),
            ms=round(1000 * (time.perf_counter() - started), 2),
        )

    async def _write(self, plan: CommitPlan) -> None:
        """Repeat a commit whose outcome is unknown: its id makes that harmless."""
        for attempt in range(1, _COMMIT_TRIES + 1):
            try:
                await self._store.commit(plan)
            except UNREACHABLE:
                if attempt == _COMMIT_TRIES:
                    raise
            else:
                return

    # -- staying alive ----------------------------------------------------------------------------
    async def _renew(self, over: asyncio.Event) -> None:
        while not await _wait(over, LEASE_RENEW_S):
            now_ms = await self._store.renew(self._holder)
            if now_ms is None:
                raise LeaseLost("the lease is not ours any more")
            self._clock.set(now_ms)

    async def _beat(self, over: asyncio.Event) -> None:
        """Publish a heartbeat each second; it is refused by a store that was exchanged under us."""
        while not await _wait(over, HEARTBEAT_S):
            async with self._writing:
                replica = self._replica
                beat = Heartbeat(
                    e=replica.epoch,
                    v=replica.version,
                    ts=self._clock.now_ms(),
                    digest=f"{replica.digest:016x}",
                    seeding=replica.seeding,
                )
                await self._store.heartbeat(self._fence, beat.e, beat.v, encode(beat))
            self.counts.store = await self._store.load()

    @property
    def _replica(self) -> Replica:
        return self._merger.replica

    # -- following (Listener) ---------------------------------------------------------------------
    def on_commit(self, change: Change) -> None:
        """Another aggregator committed: its answers and removals hold for us too."""
        self._intake.settle(change.commit.acks)
        for token in change.dels:
            self._merger.memory.forget(token)

    def on_reset(self) -> None:
        """Nothing to do: rows are the replica's, and readings are read again in the next term."""

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Keep the clock close to the store's while standing by."""
        self._clock.set(heartbeat.ts)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event at most so long; return whether it came."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
