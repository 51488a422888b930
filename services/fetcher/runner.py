"""Runs the jobs of the sources: call, read, deliver, remember which tokens to ask for again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from redis.exceptions import RedisError

from services.fetcher.breaker import State
from services.fetcher.counts import FetcherCounts
from services.fetcher.delivery import Delivery
from services.fetcher.due import NEW, UNASKED, DueTokens
from services.fetcher.http import UpstreamResponse, Upstreams
from services.fetcher.jobs import Leases
from services.fetcher.pools import reading_id
from services.fetcher.source import Call, Discovery, Job, ParsedBody, Refresh, Source
from services.fetcher.status import StatusBoard
from shared.chains import canonical_chain, split_token_id
from shared.errors import SourceError
from shared.keys import Keys
from shared.model import Reading
from shared.process.logs import get_logger
from shared.quotes import is_quote_asset
from shared.redis.connect import UNREACHABLE, Redis
from shared.spellings import canonical_address

log = get_logger(__name__)

HOT_METRIC: Final = "volume_24h"
WATCHED_MS: Final = 10 * 60_000  # a token is watched for so long after a client named it
WATCHED_MAX: Final = 500
UNKNOWN_AGAIN_S: Final = 3_600.0  # a watched token without a row is not requested again within it
UNKNOWN_EVERY_S: Final = 10.0  # one call for such tokens
STORE_RETRY_S: Final = 1.0
READ_AT_ONCE: Final = 64 * 1024  # bytes of a body; broken in the worst way they take some 20 ms
_STORE_ERRORS: Final = (RedisError, *UNREACHABLE)


@dataclass(slots=True, kw_only=True)
class JobRunner:
    """What all jobs of one process share."""

    redis: Redis
    keys: Keys
    sources: Sequence[Source]
    upstreams: Upstreams
    leases: Leases
    due: DueTokens
    delivery: Delivery
    status: StatusBoard
    counts: FetcherCounts = field(default_factory=FetcherCounts)
    include_quote_assets: bool = False
    _circuits: dict[str, str] = field(default_factory=dict)
    _unknown_s: dict[str, float] = field(default_factory=dict)  # queue → when to ask for junk again
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run_job(self, source: Source, job: Job) -> None:
        """Run one job for ever, whenever it is this replica's turn."""
        key = self.keys.fetch_job(source.name, job.name)
        failing = False
        while True:
            try:
                wait_s = await self.leases.run(key, job.interval_s, lambda: self.cycle(source, job))
            except _STORE_ERRORS as error:
                if not failing:
                    log.warning("job_store_failed", key=key, error=str(error)[:200])
                failing, wait_s = True, STORE_RETRY_S
            else:
                failing = False
            await asyncio.sleep(wait_s)

    async def cycle(self, source: Source, job: Job) -> None:
        """Run a job once: all its calls side by side, a failing one for itself.

        Errors of the store end the cycle; they are raised as they are.
        """
        if self._note_circuit(source) == "open":
            return  # before any token is taken from a queue to be requested
        calls = await self.calls_of(source, job)
        # Only lists say that a token is alive: answers to our own questions would keep it for ever.
        naming = isinstance(job, Discovery)
        results = await asyncio.gather(
            *(self.call(source, each, naming=naming) for each in calls), return_exceptions=True
        )
        for result in results:
            if result is not None:
                raise result

    async def calls_of(self, source: Source, job: Job) -> list[Call]:
        """Return what a job requests now; token ids are taken from its queue."""
        if isinstance(job, Discovery):
            return list(job.calls)
        batches: list[Call] = []
        by_chain: dict[str, list[str]] = {}
        for token in await self._take(source, job):
            chain, address = split_token_id(token)
            by_chain.setdefault(chain, []).append(address)
        for chain, addresses in by_chain.items():
            batches += (
                job.call(chain, addresses[start : start + job.batch])
                for start in range(0, len(addresses), job.batch)
            )
        return batches

    async def call(self, source: Source, call: Call, *, naming: bool) -> None:
        """Make one call and deliver what it says."""
        try:
            answer = await self.upstreams.get(source, call)
        except SourceError as error:
            self._note_failed(source, call, error)
            return
        # What has arrived is delivered even while the service is being stopped.
        use = asyncio.ensure_future(self._use(source, call, answer, naming=naming))
        try:
            await asyncio.shield(use)
        except asyncio.CancelledError:
            await asyncio.wait({use}, timeout=2)
            use.cancel()
            raise

    async def _use(
        self, source: Source, call: Call, answer: UpstreamResponse, *, naming: bool
    ) -> None:
        try:
            page = await self._read(call, answer)
        except SourceError as error:
            self._note_failed(source, call, error)
            return
        self._note_circuit(source)
        self.status[source.name].succeeded(
            _now_ms(), tokens=len(page.readings), refused=page.refused
        )
        self.counts[source.name].succeeded(_now_ms(), len(page.readings), page.refused)
        await self._hand_on(source, page, naming=naming)

    async def _read(self, call: Call, answer: UpstreamResponse) -> ParsedBody:
        """Read a body; a large one beside the loop, because a broken 5 MB take more than a second.

        One at a time: two threads would not be faster, and the loop would wait for both.
        """
        if len(answer.body) <= READ_AT_ONCE:
            return call.read(answer.body, answer.observed_ms)
        async with self._reading:
            return await asyncio.to_thread(call.read, answer.body, answer.observed_ms)

    def _note_failed(self, source: Source, call: Call, error: SourceError) -> None:
        self.status[source.name].failed(_now_ms(), str(error))
        self.counts[source.name].failed(error)
        self._note_circuit(source)
        log.info("call_failed", source=source.name, path=call.path[:80], error=str(error)[:200])

    def _note_circuit(self, source: Source) -> State:
        """Show how a source's circuit is, and log when it changes; return it."""
        facts, circuit = self.status[source.name].facts, self.upstreams.circuit(source)
        before = self._circuits.get(source.name, "closed")
        if circuit != before:
            log.info("circuit_changed", source=source.name, before=before, now=circuit)
            if before == "closed":  # what follows, trial after trial, is the same trouble
                log.warning("circuit_opened", source=source.name)
        self._circuits[source.name] = facts["circuit"] = circuit
        self.counts[source.name].circuit_open = circuit != "closed"
        return circuit

    async def _hand_on(self, source: Source, page: ParsedBody, *, naming: bool) -> None:
        if page.readings:
            readings = (*page.readings, *page.natives)
            unheard = await self.delivery.deliver(source.name, readings)
            self.counts[source.name].unheard += unheard
            if unheard:
                log.debug("batch_unheard", source=source.name, messages=unheard)
        if naming:
            priced = {reading_id(each) for each in page.readings if has_price(each)}
            await self._offer(page.found, priced=priced, seen_by=source)

    async def _offer(
        self, tokens: Iterable[str], *, priced: AbstractSet[str], seen_by: Source | None = None
    ) -> None:
        """Offer tokens to every source that can refresh their chain; `seen_by` has just done so."""
        offers: dict[str, dict[str, int | str]] = {}
        for token in tokens:
            chain, address = split_token_id(token)
            if is_quote_asset(chain, address) and not self.include_quote_assets:
                continue
            elsewhere = UNASKED if token in priced else NEW
            offers[token] = {
                each.name: "now" if each is seen_by and token in priced else elsewhere
                for each in self.sources
                if each.refreshes(chain)
            }
        if offers:
            await self.due.offer(offers, [each.name for each in self.sources])

    async def _take(self, source: Source, job: Refresh) -> list[str]:
        queue = f"{source.name}:{job.queue}" if job.queue else source.name
        limit = job.batch * job.calls_per_cycle
        if job.pick == "hot":
            known, unknown = await self._hot(job.top)
            hot = [token for token in known if _suits(job, token)]
            if not job.queue:  # what is hot is alive, also when no list names it any more
                await self._offer(hot, priced=set(hot))
            taken = await self.due.take_of(queue, hot, again_s=job.again_s, limit=limit)
            if len(taken) < limit:
                taken += await self._take_unknown(queue, job, unknown)
            return taken
        taken = await self.due.take_due(queue, again_s=job.again_s, limit=limit)
        taken = [token for token in taken if _suits(job, token)]
        return await self._priceless(taken, source.name) if job.pick == "priceless" else taken

    async def _take_unknown(self, queue: str, job: Refresh, tokens: Sequence[str]) -> list[str]:
        """Take watched tokens without a row for one call: anybody may watch any junk.

        Each is requested once in an hour; an answer makes a row of it, and it is hot.
        """
        now_s = time.monotonic()
        if now_s < self._unknown_s.get(queue, 0):
            return []
        by_chain: dict[str, list[str]] = {}
        for token in tokens:
            if _suits(job, token):
                by_chain.setdefault(split_token_id(token)[0], []).append(token)
        for wanted in random.sample(list(by_chain.values()), len(by_chain)):
            taken = await self.due.take_of(
                f"{queue}:unknown", wanted, again_s=UNKNOWN_AGAIN_S, limit=job.batch,
                forget_ms=int(UNKNOWN_AGAIN_S * 1_000),
            )  # fmt: skip
            if taken:
                self._unknown_s[queue] = now_s + UNKNOWN_EVERY_S
                return taken
        return []

    async def _hot(self, top: int) -> tuple[list[str], list[str]]:
        """Return the watched and top-ranked tokens, each once, and the watched without a row."""
        since = _now_ms() - WATCHED_MS
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(
                self.keys.watched, "+inf", since, desc=True, byscore=True, offset=0, num=WATCHED_MAX
            )
            pipe.zrange(self.keys.index(HOT_METRIC), 0, top - 1, desc=True)
            watched, ranked = await pipe.execute()
        watched = [token.decode() for token in watched]
        async with self.redis.pipeline(transaction=False) as pipe:
            for token in watched:
                pipe.hget(self.keys.token(token), "id")
            ids = await pipe.execute() if watched else []
        known = [token for token, found in zip(watched, ids, strict=True) if found is not None]
        unknown = [token for token, found in zip(watched, ids, strict=True) if found is None]
        return list(dict.fromkeys((*known, *(token.decode() for token in ranked)))), unknown

    async def _priceless(self, tokens: Sequence[str], source: str) -> list[str]:
        """Return those tokens whose row has no price, or has it of this source alone.

        Without the second the price would grow old, vanish, be requested again, and so on.
        """
        async with self.redis.pipeline(transaction=False) as pipe:
            for token in tokens:
                pipe.hget(self.keys.token(token), "price_source")
            candidates = await pipe.execute() if tokens else []
        ours = {None, f'"{source}"'.encode(), f'"{source}:thin"'.encode()}
        return [
            token for token, candidate in zip(tokens, candidates, strict=True) if candidate in ours
        ]


def has_price(reading: Reading) -> bool:
    """Return whether a reading gives a price, of its own or of a pool."""
    return isinstance(reading.price, float) or any(pool.price for pool in reading.pools)


def _suits(job: Refresh, token: str) -> bool:
    """Return whether the job may ask for this id; ids that clients watch are anyone's words."""
    chain, address = split_token_id(token)
    return (
        (job.chains is None or chain in job.chains)
        and canonical_chain(chain) == chain
        and canonical_address(chain, address) == address
    )


def _now_ms() -> int:
    return int(time.time() * 1_000)


async def write_status(
    board: StatusBoard, redis: Redis, keys: Keys, *, every_s: float = 1.0
) -> None:
    """Write the sources' statuses once a second, and once more at the end."""
    try:
        while True:
            await asyncio.sleep(every_s)
            with suppress(*_STORE_ERRORS):
                await board.write(redis, keys)
    finally:
        with suppress(TimeoutError, *_STORE_ERRORS):
            async with asyncio.timeout(1):
                await board.write(redis, keys)


def names(sources: Iterable[Source]) -> str:
    """Return the sources' names for a log line."""
    return ",".join(source.name for source in sources)
