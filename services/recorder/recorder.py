"""Runs a recording: leads, loads, follows, writes; waits when the database cannot be used.

Nothing of it reaches back: a history that cannot be written costs candles, never a commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.recorder.batch import Batch
from services.recorder.counts import RecorderCounts, State
from services.recorder.listeners import Listeners
from services.recorder.recording import Recording
from services.recorder.retention import EVERY_S, HistoryLimits, Retention
from services.recorder.settings import RecorderSettings
from services.recorder.sources import source_outage
from services.recorder.storage import Loaded, Storage
from shared.errors import Diverged, NewerHistory
from shared.history.engine import DATABASE_ERRORS, reason
from shared.history.migrate import migrate
from shared.history.write import Overtaken
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis
from shared.sources import POLLED
from shared.state.feed import Feed, Listener
from shared.state.orders import NoOrders
from shared.state.replica import Replica
from shared.state.row import decode_row, format_digest

log = get_logger(__name__)

IDLE_S: Final = 2.0  # between two attempts to take the lease
_BACKOFF_S: Final = (0.5, 10.0)
_FIRST_WRITE_S: Final = 1.0
_LAST_WRITE_S: Final = 5.0  # what the last write may take when the service ends
_WATCHED_MOST: Final = 10_000


class CopyListener(Listener, Protocol):
    """A listener that is given each copy of the state before it follows it."""

    def follow(self, replica: Replica) -> None:
        """Listen to the feed of this copy from now on."""


class Recorder:
    """One recorder. `run` never returns; cancel it, then `close`."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        engine: AsyncEngine,
        settings: RecorderSettings,
        counts: RecorderCounts,
        *,
        also: Sequence[CopyListener] = (),
    ) -> None:
        """`also` hear what this recorder hears, after it, while it leads."""
        self._also = also
        self.counts, self.engine = counts, engine
        self._redis: Any = redis
        self._keys, self._settings = keys, settings
        self._storage = Storage(engine, lease_ms=_lease_ms(settings.history_write_s))
        limits = HistoryLimits(
            minutes_ms=settings.history_minutes_keep_days * 86_400_000,
            hours_ms=settings.history_hours_keep_days * 86_400_000,
            max_bytes=settings.history_max_bytes,
            max_rows=settings.history_max_rows,
        )
        self._retention = Retention(engine, limits, counts)
        self._unsure: Batch | None = None  # its write failed, so that nobody knows
        self._kept_at = 0.0  # when retention ran last
        self._noted: tuple[State, str] | None = None  # what was logged last
        self._begin()

    def _begin(self) -> None:
        """Make a new copy of the state, and a new recording of it."""
        settings = self._settings
        self.replica = Replica(new_orders=NoOrders)
        self.recording = Recording(
            self.replica,
            self.counts,
            fresh_for_ms=settings.price_stale_s * 1000,
            hot_tokens=settings.history_hot_tokens,
            waiting_max=settings.history_waiting_max,
        )
        for follower in self._also:
            follower.follow(self.replica)
        listener = Listeners(self.recording, *self._also)
        self.feed = Feed(self._redis, self._keys, self.replica, listener)
        self._unsure = None

    async def run(self) -> None:
        """Record whenever this recorder leads and the database takes it."""
        delay_s = _BACKOFF_S[0]
        while True:
            try:
                await migrate(self.engine)
                while not await self._storage.lead():
                    self._note("idle")
                    await asyncio.sleep(IDLE_S)
                loaded = await self._storage.load()
                delay_s = _BACKOFF_S[0]
                await self._record(loaded)
            except Overtaken:
                self._note("idle")
                await asyncio.sleep(IDLE_S)
            except (*DATABASE_ERRORS, NewerHistory) as error:
                # Not a failed start, even of a newer database: the others go on without a history.
                await self._failed(error)
                await asyncio.sleep(delay_s)
                delay_s = min(_BACKOFF_S[1], delay_s * 2)

    async def _record(self, loaded: Loaded) -> None:
        """Follow and write until another recorder does. Raises Overtaken."""
        self._begin()
        if go_on_from(loaded, self.replica, self.recording):
            self.feed.loaded.set()
        self.counts.takeovers += 1
        log.info(
            "history_leading", epoch=loaded.position.epoch, version=loaded.position.version,
            tokens=len(loaded.states),
        )  # fmt: skip
        jobs = {
            asyncio.create_task(self._follow(), name="follow"),
            asyncio.create_task(self._write_on(), name="write"),
        }
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs)
        for job in done:
            job.result()  # raises

    async def _follow(self) -> None:
        while True:
            try:
                await self.feed.run()
            except Diverged as error:
                log.warning("history_diverged", error=str(error)[:200])
                self.feed.loaded.clear()

    async def _write_on(self) -> None:
        """Write what was seen, again and again; a database that fails is tried again.

        The first write comes soon: a past that is handed over waits until its tokens are known.
        """
        delay_s = min(_FIRST_WRITE_S, self._settings.history_write_s)
        while True:
            await asyncio.sleep(delay_s)
            await self._read_watched_and_sources()
            try:
                await self.write()
                delay_s = self._settings.history_write_s
            except DATABASE_ERRORS as error:
                self.counts.writes["failed"] += 1
                await self._failed(error)
                self.recording.shed()
                delay_s = min(_BACKOFF_S[1], max(delay_s * 2, _BACKOFF_S[0]))

    async def write(self) -> None:
        """Write all that waits in one transaction. Raises Overtaken or one of DATABASE_ERRORS."""
        began = time.monotonic()
        await self._settle()
        if self.feed.loaded.is_set():
            self._unsure = batch = self.recording.take()
            await self._storage.write(batch)
            self._unsure = None
            self._written(batch, time.monotonic() - began)
        elif not await self._storage.lead():
            raise Overtaken
        self._note("recording")
        if time.monotonic() - self._kept_at > EVERY_S:
            self._kept_at = time.monotonic()
            await self._keep()

    async def _settle(self) -> None:
        """Find out what became of a batch whose write failed."""
        if self._unsure is not None:
            batch = self._unsure
            if await self._storage.written(batch):
                self._written(batch, 0.0)
            else:
                self.recording.put_back(batch)
            self._unsure = None

    def _written(self, batch: Batch, took_s: float) -> None:
        counts = self.counts
        counts.writes["ok"] += 1
        counts.write_s.observe(took_s)
        counts.at_ms = batch.after.at_ms
        for tier, parts in batch.folded.tiers.items():
            counts.candles[tier] += len(parts)

    async def _keep(self) -> None:
        await self._retention.run(self.recording.at_ms)
        if self._retention.dropped:
            self._storage.forget_partitions()
            self._retention.dropped = False

    async def _read_watched_and_sources(self) -> None:
        """Read what is watched, and which sources are down."""
        try:
            watched = await self._redis.zrevrange(self._keys.watched, 0, _WATCHED_MOST - 1)
            self.recording.watched = [member.decode() for member in watched]
            now_ms = int(time.time() * 1000)
            for source in POLLED:
                status = await self._redis.hgetall(self._keys.fetch_status(source))
                if (outage := source_outage(source, status, now_ms)) is not None:
                    self.recording.add_gap(outage)
        except (*UNREACHABLE, RedisError):
            return  # the feed says it

    async def _failed(self, error: Exception) -> None:
        """Note why nothing is written; the next attempt connects again.

        A connection may be to a server that takes no writes any more, or to a file that is gone.
        """
        self._note("behind", reason(error))
        with contextlib.suppress(*DATABASE_ERRORS):
            await self.engine.dispose()

    def _note(self, state: State, error: str = "") -> None:
        """Note what the recorder does; log it when it changes."""
        self.counts.state, self.counts.error = state, error
        now = (state, error)
        if now == self._noted:
            return
        self._noted = now
        if error:
            log.warning("history_behind", error=error, waiting=self.recording.waiting)
        elif state == "recording":
            log.info("history_recording")
        else:
            log.info("history_idle")

    async def close(self) -> None:
        """Write what is left, and give the lease back."""
        try:
            async with asyncio.timeout(_LAST_WRITE_S):
                if self.counts.state in {"recording", "behind"}:
                    await self.write()
                    await self._storage.leave()
        except (*DATABASE_ERRORS, Overtaken, TimeoutError) as error:
            log.warning("history_not_finished", error=reason(error))
        await self.engine.dispose()


def _lease_ms(write_s: float) -> int:
    """Return how long a lease lasts: three writes renew it, one at least a second."""
    return int(max(1.0, 3 * write_s) * 1000)


def go_on_from(loaded: Loaded, replica: Replica, recording: Recording) -> bool:
    """Give the recording what is written, and the replica too, if that is exactly a state.

    The feed then fills what was committed since from the log; else it loads the present state.
    """
    position = loaded.position
    recording.start_from(position, loaded.states, loaded.rows)
    if not position.epoch:
        return False
    replica.reset(position.epoch)
    for token_id, row in loaded.rows.items():
        replica.load_row(token_id, decode_row(row))
    if format_digest(replica.digest) != position.digest:
        replica.reset("")
        return False
    replica.version, replica.committed_ms = position.version, position.at_ms
    replica.seeding = False
    return True
