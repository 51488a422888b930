"""A recorder without Redis, driven by a ledger, and an oracle that knows nothing of its ways.

`Rig` plays what a feed would say; `expected` computes every candle and outage once more, from the
list of what was said, by the definitions of docs/HISTORY.md alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.recorder.counts import RecorderCounts
from services.recorder.recorder import go_on_from
from services.recorder.recording import SILENCE_MS, Recording
from services.recorder.storage import Storage
from shared.history import schema
from shared.history.candle import SECONDS, TIERS, Tier
from shared.state.messages import Commit, Heartbeat
from shared.state.orders import NoOrders
from shared.state.replica import Replica
from tests.testkit.commits import Ledger

FRESH_MS = 120_000
Candles = dict[tuple[str, str, int], dict[str, Any]]  # (tier, token id, start)
Rows = dict[str, dict[str, Any]]


@dataclass
class Message:
    """What a feed said: the time, the rows that it named, and what was removed."""

    ts: int
    rows: Rows = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    reset: bool = False  # the way to this state was not seen
    beat: bool = False


class Rig:
    """A ledger, one database, and the recorders that write it; one of them leads."""

    def __init__(self, engine: AsyncEngine, hot_tokens: int = 1_000) -> None:
        self.engine, self._hot = engine, hot_tokens
        self.ledger = Ledger("e0")
        self.log: list[Commit] = []  # of the epoch
        self.said: list[Message] = []
        self._unwritten = 0  # the first message that is not written
        self._epochs = 0
        self._fresh()

    def _fresh(self) -> None:
        self.replica = Replica(new_orders=NoOrders)
        self.recording = Recording(
            self.replica,
            RecorderCounts(),
            fresh_for_ms=FRESH_MS,
            hot_tokens=self._hot,
            waiting_max=1_000_000,
        )
        self.storage = Storage(self.engine)

    async def start(self) -> None:
        """Begin as a recorder does, with what is written, and follow what came since."""
        self._fresh()
        assert await self.storage.lead()
        loaded = await self.storage.load()
        if go_on_from(loaded, self.replica, self.recording) and (
            self.replica.epoch == self.ledger.epoch
        ):
            for commit in self.log[self.replica.version :]:
                self.recording.on_commit(self.replica.apply(commit))
        elif self.ledger.version:
            self._load()
        else:
            self.replica.reset(self.ledger.epoch)
            self.recording.on_reset()

    def _load(self) -> None:
        """Load the present state: what was said and not written is lost."""
        del self.said[self._unwritten :]
        ledger = self.ledger
        self.replica.reset(ledger.epoch)
        for token_id, fields in ledger.fields.items():
            self.replica.load_row(token_id, fields)
        self.replica.version, self.replica.committed_ms = ledger.version, self.log[-1].ts
        self.replica.seeding = False
        rows = ledger.state(ledger.epoch, ledger.version)
        self.said.append(Message(self.log[-1].ts, dict(rows), reset=True))
        self.recording.on_reset()

    async def write(self) -> None:
        await self.storage.write(self.recording.take())
        self._unwritten = len(self.said)

    async def crash(self) -> None:
        """Lose what is not written, and let another recorder go on."""
        await self.storage.leave()  # a lease that has run out
        unwritten = [each for each in self.said[self._unwritten :] if not each.beat]
        self.said[self._unwritten :] = unwritten
        await self.start()

    def commit(self, ts: int, put: Rows, gone: Iterable[str] = ()) -> None:
        """Commit changed fields by token id; of a new row, what is not known is left out."""
        put = {
            i: fields
            if i in self.ledger.fields
            else {k: v for k, v in fields.items() if v is not None}
            for i, fields in put.items()
        }
        commit = self.ledger.commit(put, gone, ts=ts)
        self.log.append(commit)
        state = self.ledger.state(self.ledger.epoch, self.ledger.version)
        rows = {i: state[i] for i in put if i in state}
        self.said.append(Message(ts, rows, list(commit.del_)))
        self.recording.on_commit(self.replica.apply(commit))

    def heartbeat(self, ts: int) -> None:
        self.said.append(Message(ts, beat=True))
        self.recording.on_heartbeat(
            Heartbeat(e=self.ledger.epoch, v=self.ledger.version, ts=ts, digest="", seeding=False)
        )

    def new_epoch(self, ts: int) -> None:
        """Begin an epoch whose first commit, at `ts`, has all rows again."""
        rows = self.ledger.state(self.ledger.epoch, self.ledger.version)
        self._epochs += 1
        self.ledger.begin(f"e{self._epochs}")
        self.log = []
        self.replica.reset(self.ledger.epoch)
        self.recording.on_reset()
        fields = {i: {k: v for k, v in row.items() if k != "rv"} for i, row in rows.items()}
        self.commit(ts, fields)
        self.said[-1].reset = True


# -- what is written -------------------------------------------------------------------------------
async def written(engine: AsyncEngine) -> tuple[Candles, dict[int, int]]:
    """Return every candle, and the outages of the pipeline as from → to."""
    async with engine.connect() as connection:
        tokens = schema.tokens
        found = await connection.execute(select(tokens.c.key, tokens.c.id))
        names = {row[0]: row[1] for row in found.all()}
        candles: Candles = {}
        for tier in TIERS:
            rows = await connection.execute(select(schema.candles[tier]))
            for row in rows.mappings().all():
                values = dict(row)
                t, key = values.pop("t"), values.pop("token_key")
                values["cover_ms"] = min(values["cover_ms"], SECONDS[tier] * 1000)
                candles[tier, names[key], t] = values
        gaps = await connection.execute(select(schema.gaps.c.from_ms, schema.gaps.c.to_ms))
        return candles, {row[0]: row[1] for row in gaps.all()}


# -- the oracle ------------------------------------------------------------------------------------
@dataclass
class Seen:
    """A look: what a candle takes from it. `run`: it goes up when the clock goes back."""

    ts: int
    row: dict[str, Any]
    moved: bool
    run: int
    fresh: list[int]  # from, to


def expected(said: list[Message]) -> tuple[Candles, dict[int, int]]:
    """Return what must be written when all of this was said."""
    seen: dict[str, list[Seen]] = {}
    known: dict[str, tuple[Any, ...]] = {}  # price, source, time observed
    runs: Counter[str] = Counter()
    gaps: dict[int, int] = {}
    before: int | None = None
    for message in said:
        if before is not None:
            if message.reset:
                for token_id, looks in seen.items():
                    _end(looks, before, runs[token_id])
            if (message.reset and message.ts > before) or message.ts - before > SILENCE_MS:
                gaps[before] = message.ts
        before = message.ts
        for token_id, row in message.rows.items():
            _see(seen.setdefault(token_id, []), known, runs, token_id, row, message.ts)
        removed = set(message.gone)
        if message.reset:
            removed |= known.keys() - message.rows.keys()
        for token_id in removed:
            _end(seen.get(token_id, []), message.ts, runs[token_id])
            known.pop(token_id, None)
            runs[token_id] += 1  # one that returns starts over
    candles: Candles = {}
    for token_id, looks in seen.items():
        for tier in TIERS:
            candles |= _candles(tier, token_id, looks)
    return candles, gaps


def _see(
    looks: list[Seen],
    known: dict[str, tuple[Any, ...]],
    runs: Counter[str],
    token_id: str,
    row: dict[str, Any],
    ts: int,
) -> None:
    price = row.get("price")
    here = price is not None and price > 0 and math.isfinite(price)
    last = known.get(token_id, (None, None, None))
    if not here or row.get("stale"):
        _end(looks, ts, runs[token_id])
        if not here:
            known[token_id] = (None, *last[1:])
        return
    what = (price, row.get("price_source", ""), row.get("observed_ms", 0))
    if what == last:
        return
    if looks and ts < looks[-1].ts:
        runs[token_id] += 1
    run = runs[token_id]
    fresh = [ts, min(what[2], ts) + FRESH_MS]
    looks.append(Seen(ts, row, price != last[0], run, fresh))
    known[token_id] = what


def _end(looks: list[Seen], ts: int, run: int) -> None:
    """The price is fresh no more; an end before the last look counts as at that look."""
    if looks:
        at = max(ts, looks[-1].ts)
        for look in looks:
            if look.run == run:
                look.fresh[1] = min(look.fresh[1], at)


def _candles(tier: Tier, token_id: str, looks: list[Seen]) -> Candles:
    length = SECONDS[tier]
    groups: dict[int, list[Seen]] = {}
    for look in looks:
        groups.setdefault(look.ts // 1000 // length * length, []).append(look)
    found: Candles = {}
    for start, inside in groups.items():
        prices = [look.row["price"] for look in inside]
        sources = [look.row.get("price_source", "") for look in inside]
        last = inside[-1]
        cover = sum(
            _measure([e.fresh for e in looks if e.run == run], start * 1000, length * 1000)
            for run in {look.run for look in inside}
        )
        found[tier, token_id, start] = {
            "o": prices[0],
            "h": max(prices),
            "l": min(prices),
            "c": prices[-1],
            "n": len(prices),
            "by": sources[-1],
            "mixed": len(set(sources)) > 1,
            "moved": any(look.moved for look in inside),
            "cover_ms": min(cover, length * 1000),
            "last_ms": last.ts,
            **{name: last.row.get(name) for name in _FIGURES},
        }
    return found


_FIGURES = ("liquidity", "market_cap", "volume_5m", "volume_1h", "volume_24h")


def _measure(spans: list[list[int]], start: int, length: int) -> int:
    """Return how many ms of an interval lie in spans."""
    total, upto = 0, start
    for begin, end in sorted(spans):
        first, last = max(begin, upto), min(end, start + length)
        if last > first:
            total, upto = total + last - first, last
    return total
