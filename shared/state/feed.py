"""Keeps a replica equal to the store: subscribe, load, follow, fill gaps, reload, watch silence.

redis-py does not notice a half-open connection (0 errors in 60 s, every message lost), and a killed
subscription comes back without an error. So silence of three heartbeats counts as a dead
connection, every re-subscription as a possible gap, and every commit carries the digest of the
state it makes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from redis.asyncio.client import PubSub
from redis.exceptions import NoPermissionError, OutOfMemoryError, RedisError

from shared.errors import Diverged
from shared.keys import SILENCE_S, Keys
from shared.process.logs import get_logger
from shared.process.measure import STAGE_S, Histogram
from shared.redis.connect import UNREACHABLE, Redis, is_elsewhere
from shared.state.messages import Commit, Heartbeat, decode
from shared.state.meta import Meta
from shared.state.replica import Change, Replica
from shared.state.row import format_digest
from shared.state.store import Store

log = get_logger(__name__)

_BACKOFF_S: Final = (0.05, 2.0)
_TORN_RETRY_S: Final = 0.05


class Listener(Protocol):
    """The calls that a consumer of the feed gets, in order, on the event loop's thread."""

    def on_commit(self, change: Change) -> None:
        """The replica has just moved from `change.commit.pv` to `change.commit.v`."""

    def on_reset(self) -> None:
        """The replica was reloaded: another epoch, or versions in between were not seen."""

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """The aggregator is alive and the replica is at its version."""


@dataclass(slots=True)
class Followed:
    """What has happened to the replica since this process began."""

    losses: int = 0  # of the subscription
    fills: int = 0  # gaps closed from the log
    loads: int = 0  # of the whole state
    divergences: int = 0  # commits that did not follow, digests that differ
    commit_age: Histogram = field(default_factory=lambda: Histogram(STAGE_S))  # a commit's age here


@dataclass(frozen=True, slots=True)
class Extra:
    """One more channel on the same connection, so that heartbeats watch over it too."""

    channel: str
    on_message: Callable[[bytes], None]
    on_gap: Callable[[], None]  # messages may have been missed


class Feed:
    """Follows `state_changes` into a replica. `run()` never returns; cancel it."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        replica: Replica,
        listener: Listener,
        *,
        extra: Extra | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.replica = replica
        self.followed = Followed()
        self._redis = redis
        self._store = Store(redis, keys)
        self._keys = keys
        self._listener = listener
        self._extra = extra
        self._silence_s = silence_s
        self._last_message_at = 0.0
        self.loaded = asyncio.Event()  # set while the replica is one exact state
        self._leading = False  # the active aggregator applies its own commits
        self._turn = asyncio.Lock()  # one change of the replica at a time

    @property
    def silent_s(self) -> float:
        """Seconds since the last message: a commit or a heartbeat comes at least each second."""
        return time.monotonic() - self._last_message_at if self._last_message_at else float("inf")

    @property
    def live(self) -> bool:
        """Whether the replica is one exact, fully seeded state and is being kept up to date."""
        return self.loaded.is_set() and not self.replica.seeding and self.silent_s < self._silence_s

    @property
    def complete(self) -> bool:
        """Whether the replica is one exact, fully seeded state; the leader's own always is."""
        return (self._leading or self.loaded.is_set()) and not self.replica.seeding

    async def lead(self) -> bool:
        """Hand the replica over to the caller, who alone writes now.

        True: it is exactly what the store holds. False: the store holds nothing, nothing that its
        own digest confirms, or an older state than was here, and the caller has to begin a new
        epoch.
        """
        async with self._turn:
            meta = await self._store.meta()
            whole = bool(meta.epoch) and not self._is_reverted(meta)
            exact = whole and (await self._reach(meta) or await self._read(meta))
            self._leading = True
        return exact

    async def _reach(self, meta: Meta) -> bool:
        """Come to the store's version by the log, if that can be."""
        replica = self.replica
        if not self.loaded.is_set() or meta.epoch != replica.epoch:
            return False
        messages = await self._store.log(replica.version, meta.version)
        if messages is None:
            return False
        try:
            self._apply_all(messages)
        except Diverged:
            return False
        return format_digest(replica.digest) == meta.digest

    async def _read(self, meta: Meta) -> bool:
        self.loaded.clear()
        if not await load(self._store, self.replica, meta):
            return False
        self.loaded.set()
        self._listener.on_reset()
        return True

    def begin(self, epoch: str) -> None:
        """Become the empty state of an epoch that the caller, who leads, has just begun."""
        self.replica.reset(epoch)
        self.loaded.set()

    def follow(self) -> None:
        """Take the replica back; the next message shows whether its version is the right one."""
        self._leading = False

    async def run(self) -> None:
        """Follow for ever, over any number of connections."""
        delay_s = _BACKOFF_S[0]
        while True:
            attempted_at = time.monotonic()
            try:
                await self._follow()
            except (*UNREACHABLE, RedisError) as error:
                received = self._last_message_at > attempted_at
                self.followed.losses += 1
                if received or delay_s == _BACKOFF_S[0]:  # one line per loss, not per attempt
                    log.warning("feed_lost", error=f"{type(error).__name__}: {error}"[:200])
                # Idle connections of the pool may be as dead as this one was, and as silent.
                await self._redis.connection_pool.disconnect(inuse_connections=False)
                delay_s = _BACKOFF_S[0] if received else min(_BACKOFF_S[1], delay_s * 2)
                await asyncio.sleep(delay_s * random.uniform(0.5, 1))

    async def _follow(self) -> None:
        """Follow over one connection until it breaks."""
        channels = [self._keys.state_changes] + ([self._extra.channel] if self._extra else [])
        async with self._redis.pubsub(ignore_subscribe_messages=False) as pubsub:
            await pubsub.subscribe(*channels)
            # Confirmed only when the server says so: a load that starts earlier may have a hole.
            for _ in channels:
                await self._next(pubsub, 1.0)
            if self._extra:
                self._extra.on_gap()
            async with self._turn:
                await self._catch_up()
            last = time.monotonic()
            while True:
                message = await self._next(pubsub, self._silence_s - (time.monotonic() - last))
                if message["type"] == "subscribe":  # the library reconnected behind our back
                    if self._extra:
                        self._extra.on_gap()
                    async with self._turn:
                        await self._catch_up()
                    continue
                if message["type"] != "message":
                    continue
                if message["channel"].decode() == self._keys.state_changes:
                    last = self._last_message_at = time.monotonic()
                    await self._on_state(message["data"])
                    # A replica may repeat what it receives.
                    if await is_elsewhere(pubsub.connection):
                        raise ConnectionError("the primary is another server now")
                elif self._extra:
                    self._extra.on_message(message["data"])

    @staticmethod
    async def _next(pubsub: PubSub, timeout_s: float) -> dict[str, Any]:
        """Return the next message. Raises TimeoutError (an OSError) after so much silence."""
        async with asyncio.timeout(max(0.001, timeout_s)):
            while True:
                message = await pubsub.get_message(timeout=None)
                if message is not None:
                    return dict(message)

    async def _on_state(self, data: bytes) -> None:
        try:
            message = decode(data)
        except ValueError as error:  # MsgspecError and UnicodeDecodeError are ValueErrors
            log.warning("state_message_malformed", error=str(error)[:200])
            return
        async with self._turn:
            if self._leading:
                return
            try:
                if isinstance(message, Heartbeat):
                    await self._on_heartbeat(message)
                else:
                    await self._on_commit(message)
            except Diverged as error:
                self.followed.divergences += 1
                log.warning("replica_diverged", error=str(error)[:200])
                await self._load()

    async def _on_commit(self, commit: Commit) -> None:
        replica = self.replica
        if commit.e != replica.epoch:
            if commit.pv:
                await self._catch_up()
                return
            replica.reset(commit.e)
            self.loaded.set()
            self._listener.on_reset()
            await self._apply(commit)
        elif commit.pv == replica.version:
            await self._apply(commit)
        elif commit.v > replica.version:
            await self._fill(commit.v)
        # else: already covered, by a load or by the log

    async def _apply(self, commit: Commit) -> None:
        """Apply a commit that has just been received, in slices: requests go on in between."""
        self.followed.commit_age.observe(max(0.0, time.time() - commit.ts / 1000))
        steps = self.replica.steps(commit)
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                self._listener.on_commit(ended.value)
                return
            await asyncio.sleep(0)

    async def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        replica = self.replica
        if heartbeat.e != replica.epoch or heartbeat.v != replica.version:
            await self._catch_up()
        elif heartbeat.digest != format_digest(replica.digest):
            raise Diverged(f"digest differs at version {heartbeat.v}")
        else:
            self._listener.on_heartbeat(heartbeat)

    async def _catch_up(self) -> None:
        """Come to the store's present version by the log, or load when that cannot be."""
        if self._leading:
            return
        meta = await self._store.meta()
        replica = self.replica
        if self._is_reverted(meta):
            await self._report_reverted(meta)
        elif not self.loaded.is_set() or meta.epoch != replica.epoch:
            await self._load()
        elif meta.version > replica.version:
            await self._fill(meta.version)

    def _is_reverted(self, meta: Meta) -> bool:
        """Return whether the store has gone back: its next versions are others than were here."""
        replica = self.replica
        same = self.loaded.is_set() and meta.epoch == replica.epoch
        return same and meta.version < replica.version

    async def _report_reverted(self, meta: Meta) -> None:
        """See to it that a new epoch begins; until then the last exact state stays."""
        log.warning(
            "store_reverted", epoch=meta.epoch, version=meta.version, seen=self.replica.version
        )
        try:
            await self._store.report_reverted(meta.epoch)
        except NoPermissionError:  # a Redis user that was made for an older version
            await self._load()
        except OutOfMemoryError:
            pass  # nothing is committed either; the next heartbeat leads here again

    async def _fill(self, upto: int) -> None:
        """Apply the commits that were missed, from the log."""
        before = self.replica.version
        messages = await self._store.log(before, upto)
        if messages is None:
            log.warning("log_gap", after=before, upto=upto)
            await self._load()
            return
        self._apply_all(messages)
        self.followed.fills += 1
        log.info("gap_filled", after=before, upto=upto)

    def _apply_all(self, messages: list[bytes]) -> None:
        for data in messages:
            self._listener.on_commit(self.replica.apply(_logged(data)))

    async def _load(self) -> None:
        """Read the whole state, until it is one exact state or there is none yet."""
        attempt = 0
        while True:
            attempt += 1
            meta = await self._store.meta()
            if not meta.epoch:  # no aggregator has ever written here
                self.replica.reset("")
                self.loaded.clear()
                return
            if await self._read(meta):
                break
            if attempt % 20 == 0:
                log.warning("load_torn", attempts=attempt)
            await asyncio.sleep(_TORN_RETRY_S)
        self.followed.loads += 1
        log.info(
            "replica_loaded",
            epoch=meta.epoch,
            version=self.replica.version,
            tokens=len(self.replica.rows),
        )


async def load(store: Store, replica: Replica, before: Meta) -> bool:
    """Load the state into a replica; `before` was read just now. False: it moved too fast, repeat.

    Rows are read while commits go on, so each may be newer than `before`. Applying all commits up
    to a version read afterwards makes them one exact state, which the digest proves.
    """
    replica.reset(before.epoch)
    replica.version, replica.committed_ms = before.version, before.committed_ms
    replica.native = dict(before.native)
    try:
        for token_id, fields in (await store.rows(await store.token_ids())).items():
            replica.load_row(token_id, fields)
    except (ValueError, OverflowError):  # no row: the store is not what an aggregator wrote
        return False
    replica.gone = await store.gone()
    after = await store.meta()
    if after.epoch != before.epoch or after.version < before.version:
        return False
    messages = await store.log(before.version, after.version)
    if messages is None:
        return False
    try:
        for data in messages:
            replica.apply(_logged(data), torn=True)
    except Diverged:
        return False
    replica.seeding = after.seeding
    replica.forget_removals(after.horizon)
    return format_digest(replica.digest) == after.digest


def _logged(data: bytes) -> Commit:
    """Return an entry of the log. Raises Diverged for one that is no commit."""
    try:
        commit = decode(data)
    except ValueError as error:
        raise Diverged(f"the log holds what is no message: {error}") from error
    if not isinstance(commit, Commit):
        raise Diverged("the log holds something that is no commit")
    return commit
