"""One term as leader: taking over, windows, heartbeats. A new term is a new `Term`."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Final

from redis.exceptions import OutOfMemoryError

from services.aggregator.alerts import AlertBook
from services.aggregator.commit import Item, Stamp, draft_commit, pieces
from services.aggregator.context import AggregatorContext
from services.aggregator.history import LogHistory
from services.aggregator.intake import WaitingBatch
from services.aggregator.merger import Merger
from services.aggregator.milestones import QUIET_MS
from services.aggregator.repeat import repeat, wait
from services.aggregator.tickers import Tickers
from services.aggregator.verified import Verified
from shared.keys import HEARTBEAT_S
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE
from shared.state.messages import Heartbeat, NativePrice, Refused, encode
from shared.state.meta import STORE_SCHEMA, Meta
from shared.state.plan import CommitPlan
from shared.state.row import format_digest

log = get_logger(__name__)

_CHUNK: Final = 500  # tokens whose stored readings are looked at in one go
_SLICE: Final = 50  # tokens merged in one go, some 5 ms; messages are taken in between
_ROUNDS: Final = 3  # of a window: its tokens, then what came in meanwhile, less each time
_BYTES_PER_FIELD: Final = 24  # of a message, on average
_COMMIT_TRIES: Final = 3
_OVERDUE: Final = 100  # readings stored without a change of their row, per window


async def take_over(context: AggregatorContext, fence: str) -> Term:
    """Make the replica exactly the store's state, or begin a new epoch; return the term."""
    settings, store, replica = context.settings, context.store, context.replica
    run_id = await store.run_id()
    alerts = AlertBook(settings.alert_rules())
    verified = Verified(store, context.memory, alerts)
    exact = await context.feed.lead()
    meta = await store.meta()
    exact = exact and meta.run_id == run_id and meta.epoch != await store.reverted()
    inherited: list[str] = []
    if not exact or meta.schema != STORE_SCHEMA:
        inherited = await _begin_epoch(context, fence, verified, meta)
    elif replica.seeding:  # the term that began the epoch ended before its first window was whole
        inherited = await _inherit(context, verified)
    quiet_until_ms = context.clock.now_ms() + QUIET_MS if replica.seeding else 0
    merger = Merger(
        context.memory, replica, settings.merge_rules(), settings.noise_floors(), alerts,
        Tickers(replica.rows), quiet_until_ms,
    )  # fmt: skip
    term = Term(context, fence, merger=merger, verified=verified, inherited=inherited)
    context.counts.takeovers += 1
    log.info(
        "lease_taken", fence=fence, epoch=replica.epoch, version=replica.version,
        tokens=len(replica.rows), readings=len(context.memory),
    )  # fmt: skip
    return term


async def _begin_epoch(
    context: AggregatorContext, fence: str, verified: Verified, meta: Meta
) -> list[str]:
    """Start over from everything that is known: what the store holds and what we remember.

    Returns the ids that are stored, each of which must become a row again or be removed.
    """
    store, memory = context.store, context.memory
    stored = await _inherit(context, verified)
    epoch = secrets.token_hex(4)
    await store.begin_epoch(fence, epoch)
    context.feed.begin(epoch)
    context.counts.epochs += 1
    log.info("epoch_begun", epoch=epoch, after=meta.epoch, tokens=len(memory))
    if meta.schema != STORE_SCHEMA:
        log.info("store_migrated", before=meta.schema, now=STORE_SCHEMA, tokens=len(stored))
    if context.counts.takeovers:  # not a start: the store was exchanged under us
        log.warning("store_replaced", epoch=epoch, tokens=len(memory))
    return stored


async def _inherit(context: AggregatorContext, verified: Verified) -> list[str]:
    """Return the ids that are stored, with their readings in the memory and all to be merged.

    All that is known is stored again: a row without its readings would be that of older ones, or
    die, with the next aggregator.
    """
    stored = await context.store.token_ids()
    await verified.read(stored)
    context.memory.save_all_again()
    context.memory.touch(context.memory.tokens(), context.clock.now_ms())
    return stored


@dataclass(slots=True)
class _Window:
    """What one window writes, and how far that has come."""

    now_ms: int
    waiting: dict[str, WaitingBatch]  # batches whose producers wait for this window
    saved: frozenset[str]  # their tokens: stored even if their rows do not change
    tokens: list[str]
    computed: list[Item] = field(default_factory=list)
    committed: int = 0  # items
    merging_s: float = 0.0


class Term:
    """What one term owns. Nothing of it is left when the term ends.

    It holds what is true only while nobody else writes: the fence, what was read of the store,
    alerts and tickers as committed, what the log keeps, and the rows that an epoch inherited.
    """

    def __init__(
        self,
        context: AggregatorContext,
        fence: str,
        *,
        merger: Merger,
        verified: Verified,
        inherited: Sequence[str] = (),
    ) -> None:
        self._context, self._fence = context, fence
        self._merger, self._verified = merger, verified
        self._inherited = inherited  # ids that were stored when the epoch began
        self._replica, self._memory = context.replica, context.memory
        self._history = LogHistory(context.replica.horizon)
        self._window_s = context.settings.window_ms / 1000
        self._began_ms = context.clock.now_ms()
        self._writing = asyncio.Lock()  # commits and heartbeats do not overtake each other
        self._store_is_full = False

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop`, and then what is held.

        In an epoch that is taken over, a heartbeat comes first: a reader that has seen a later
        version of it reports that before there is another one.
        """
        if self._replica.version:
            await self.beat()
        async with asyncio.TaskGroup() as tasks:
            writers = [
                tasks.create_task(self._cut_windows(stop)),
                tasks.create_task(repeat(self.beat, HEARTBEAT_S, stop)),
                tasks.create_task(self._sweep(stop)),
            ]
            # Waited for here, inside the block: a task that fails while the block is being left
            # leaves this one marked as cancelled, and on Python 3.11.2 every later time-out of it
            # is then taken for a cancellation.
            await asyncio.wait(writers)
        if not self._context.playback:  # whose windows end by the recording's time alone
            await self.flush()

    async def _cut_windows(self, stop: asyncio.Event) -> None:
        """Write window after window: by our time, or by that of a recording."""
        if self._context.playback:
            await self._context.playback.run(self.commit_window, stop)
        else:
            await repeat(self.commit_window, self._window_s, stop)

    async def beat(self) -> None:
        """Publish a heartbeat; it is refused by a store that was exchanged under us."""
        context, replica = self._context, self._replica
        async with self._writing:
            beat = Heartbeat(
                e=replica.epoch,
                v=replica.version,
                ts=context.clock.now_ms(),
                digest=format_digest(replica.digest),
                seeding=replica.seeding,
            )
            await context.store.heartbeat(self._fence, beat.e, beat.v, encode(beat))
        context.counts.store = await context.store.load()

    async def commit_window(self) -> None:
        """Write one window; what a full store refuses comes again in the next."""
        try:
            await self.flush()
        except OutOfMemoryError as error:  # refused whole
            if not self._store_is_full:
                log.warning("store_full", error=str(error)[:200])
            self._store_is_full = True
        else:
            self._store_is_full = False

    async def _sweep(self, stop: asyncio.Event) -> None:
        """Look at every row once in a term, so that each is scheduled for its freshness bounds."""
        tokens = iter(list(self._replica.rows))
        while part := list(islice(tokens, _CHUNK)):
            await self._verified.read(part)
            self._memory.touch(part, self._context.clock.now_ms())
            if await wait(stop, self._window_s):
                return

    # -- one window -------------------------------------------------------------------------------
    async def flush(self) -> None:
        """Write one window: everything touched until now, in one or a few commits."""
        started = time.perf_counter()
        window = self._begin_window()
        try:
            last = await self._commit_pieces(window)
            await self._commit_last(window, last)
        except BaseException:
            self._put_back(window)
            raise
        self._end_window(window)
        self._context.counts.window_closed(time.perf_counter() - started, window.merging_s)

    def _begin_window(self) -> _Window:
        now_ms = self._context.clock.now_ms()
        waiting = dict(self._context.intake.waiting)
        saved = frozenset(token for held in waiting.values() for token in held.tokens.values())
        touched = (*self._memory.take_dirty(now_ms), *saved)
        overdue = self._memory.overdue(now_ms, _OVERDUE)
        return _Window(now_ms, waiting, saved, list(dict.fromkeys([*touched, *overdue])))

    async def _commit_pieces(self, window: _Window) -> list[Item]:
        """Commit all pieces but the last, which is returned: it carries the acknowledgements.

        Readings that come in meanwhile are merged too, unless their token was already. So none
        waits longer than from one window to the next.
        """
        last: list[Item] = []
        for number in range(_ROUNDS):
            tokens = self._add_touched(window) if number else window.tokens
            for part in _cut(tokens, _CHUNK):
                await self._verified.read(part)
                for some in _cut(part, _SLICE):
                    last = await self._commit_full(window, last + self._merge(window, some))
                    await asyncio.sleep(0)
        return last

    def _merge(self, window: _Window, tokens: list[str]) -> list[Item]:
        started = time.perf_counter()
        items = list(self._merger.items(tokens, window.now_ms, window.saved))
        window.merging_s += time.perf_counter() - started
        window.computed += items
        return items

    async def _commit_full(self, window: _Window, items: list[Item]) -> list[Item]:
        """Commit the pieces that are full; return the last."""
        *full, last = list(pieces(items, self._context.settings.commit_fields)) or [[]]
        for piece in full:
            await self._commit(piece, seeding=self._replica.seeding)
            window.committed += len(piece)
        return last

    def _add_touched(self, window: _Window) -> list[str]:
        """Add the tokens that were touched since, and return them; those merged already wait."""
        window.now_ms = self._context.clock.now_ms()
        there, touched = set(window.tokens), self._memory.take_dirty(window.now_ms)
        added = [token for token in touched if token not in there]
        self._memory.touch([token for token in touched if token in there], window.now_ms)
        window.tokens += added
        return added

    async def _commit_last(self, window: _Window, last: list[Item]) -> None:
        """Commit the last piece with all that waits for the whole window."""
        last = last + self._leftovers(window)
        native = self._changed_natives(window.now_ms)
        if not (last or window.waiting or native):
            return
        written = {item.token_id for item in window.computed if not item.removed}
        await self._commit(
            last,
            tuple(window.waiting),
            seeding=not (self._replica.rows or any(item.added for item in last)),
            native=native,
            refused=self._context.intake.refusals(window.waiting, written),
        )

    def _leftovers(self, window: _Window) -> list[Item]:
        """Remove what an epoch found and makes no row of: with it no digest would ever match."""
        rows = self._replica.rows.keys() | {item.token_id for item in window.computed}
        return [Item(token, removed=True) for token in self._inherited if token not in rows]

    def _changed_natives(self, now_ms: int) -> dict[str, NativePrice | None]:
        natives, merger = self._context.intake.natives, self._merger
        return natives.changes(self._replica.native, now_ms, merger.rules, merger.floors)

    def _put_back(self, window: _Window) -> None:
        """What was not committed comes again in the next window."""
        self._memory.touch(window.tokens, window.now_ms)
        for item in window.computed[window.committed :]:
            self._memory.put_back(item.token_id, item.readings)

    def _end_window(self, window: _Window) -> None:
        context = self._context
        self._inherited = ()
        self._memory.left(window.tokens)
        context.intake.settle(list(window.waiting))
        self._history.tick(self._replica.version, window.now_ms)
        committed_ms = context.clock.now_ms()
        for arrived_ms in context.intake.take_arrivals(window.now_ms):
            if arrived_ms >= self._began_ms:  # what came before was the former leader's
                context.counts.window_wait_s.observe((committed_ms - arrived_ms) / 1000)

    # -- one commit -------------------------------------------------------------------------------
    async def _commit(
        self,
        items: list[Item],
        acks: tuple[str, ...] = (),
        *,
        seeding: bool,
        refused: Refused = MappingProxyType({}),
        native: Mapping[str, NativePrice | None] = MappingProxyType({}),
    ) -> None:
        started, counts = time.perf_counter(), self._context.counts
        version = self._replica.version + 1
        weight = sum(item.weight for item in items)
        stamp = Stamp(
            fence=self._fence,
            commit_id=secrets.token_hex(8),
            ts=self._context.clock.now_ms(),
            horizon=self._history.horizon,
            log_from=self._history.log_from(version, weight * _BYTES_PER_FIELD),
            seeding=seeding,
            acks=acks,
            refused=refused,
            native=native,
        )
        items = self._merger.as_committed(items, stamp.ts)
        draft = draft_commit(self._context.store.keys, self._replica, items, stamp)
        async with self._writing:
            writing = time.perf_counter()
            try:
                await self._write(draft.plan)
            except Exception as error:
                counts.refused(error)
                raise
            counts.committed(items, time.perf_counter() - writing)
            self._replica.advance(draft.message, draft.rows)
            self._merger.settle(items)
        counts.log_entries = version - max(1, stamp.log_from) + 1
        log.debug(
            "window_committed", version=version, tokens=len(items), alerts=len(draft.message.ev),
            bytes=len(draft.plan.message), ms=round(1000 * (time.perf_counter() - started), 2),
        )  # fmt: skip

    async def _write(self, plan: CommitPlan) -> None:
        """Repeat a commit whose outcome is unknown: its id makes that harmless."""
        for attempt in range(1, _COMMIT_TRIES + 1):
            try:
                await self._context.store.commit(plan)
            except UNREACHABLE:
                if attempt == _COMMIT_TRIES:
                    raise
            else:
                return


def _cut(tokens: list[str], size: int) -> Iterator[list[str]]:
    return (tokens[start : start + size] for start in range(0, len(tokens), size))
