"""How often does the source of a token's price change in an hour? Virtual clock, no network.

The replayed market is polled as the fetcher polls the live sources: the same jobs, intervals,
queues and call budgets; its answers go through the normalizers into the aggregator's memory and
merge. Run: `python -m bench.flapping [minutes] [tokens]`.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import httpx
import msgspec

from services.aggregator.memory import Memory
from services.fetcher.due import FORGET_MS, NEW, UNASKED
from services.fetcher.pools import reading_id
from services.fetcher.runner import has_price
from services.fetcher.source import Call, Discovery, Job, ParsedBody, Refresh, Source, find_sources
from services.replay.routes import build_app
from services.replay.settings import ReplaySettings
from shared.chains import split_token_id
from shared.merge.policy import MergeRules
from shared.merge.readings import decode_reading
from shared.merge.rules import merge_token
from shared.quotes import is_quote_asset

T0: Final = 1_790_000_000_000
STEP_MS: Final = 1_000
PREFIX: Final = {
    "dexscreener": "/dexscreener",
    "jupiter": "/jupiter",
    "geckoterminal": "/geckoterminal/api/v2",
}
Row = dict[str, object]


@dataclass
class Fetching:
    """Jobs, queues and budgets of all sources, by the virtual clock."""

    sources: list[Source]
    now_ms: int = T0
    next_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    spare: dict[tuple[str, str], float] = field(default_factory=dict)  # calls, by rate class
    queues: dict[str, dict[str, int]] = field(default_factory=dict)  # id → last polled
    named: dict[str, int] = field(default_factory=dict)

    def due_jobs(self) -> list[tuple[Source, Job]]:
        for source in self.sources:
            for kind, per_minute in source.rates.items():
                key = (source.name, kind)
                full = max(1.0, per_minute / 6)
                more = per_minute * STEP_MS / 60_000
                self.spare[key] = min(full, self.spare.get(key, full) + more)
        found = [(source, job) for source in self.sources for job in source.jobs]
        found = [
            (source, job)
            for source, job in found
            if self.next_ms.get((source.name, job.name), 0) <= self.now_ms
        ]
        for source, job in found:
            self.next_ms[source.name, job.name] = self.now_ms + int(job.interval_s * 1000)
        return found

    def calls(self, source: Source, job: Job, rows: dict[str, Row]) -> list[Call]:
        if isinstance(job, Discovery):
            return list(job.calls)
        by_chain: dict[str, list[str]] = {}
        for token in self._take(source, job, rows):
            chain, address = split_token_id(token)
            by_chain.setdefault(chain, []).append(address)
        return [
            job.call(chain, addresses[start : start + job.batch])
            for chain, addresses in by_chain.items()
            for start in range(0, len(addresses), job.batch)
        ]

    def _take(self, source: Source, job: Refresh, rows: dict[str, Row]) -> list[str]:
        queue = self.queues.setdefault(
            f"{source.name}:{job.queue}" if job.queue else source.name, {}
        )
        limit = job.batch * job.calls_per_cycle
        if job.pick == "hot":
            ranked = sorted(rows, key=lambda t: _number(rows[t].get("volume_24h")), reverse=True)
            hot = [t for t in ranked[: job.top] if _suits(job, t)]
            due = [t for t in hot if queue.get(t, 0) <= self.now_ms - job.again_s * 1000]
        else:
            old = sorted((at, t) for t, at in queue.items())
            due = [t for at, t in old if at <= self.now_ms - job.again_s * 1000]
            due = [t for t in due if self.now_ms - self.named.get(t, 0) <= FORGET_MS]
        taken = [t for t in due if _suits(job, t)][:limit]
        queue.update(dict.fromkeys(taken, self.now_ms))
        if job.pick == "priceless":
            price_sources = {
                t: str(rows.get(t, {}).get("price_source", source.name)) for t in taken
            }
            return [t for t in taken if price_sources[t].startswith(source.name)]
        return taken

    def afford(self, source: Source, call: Call) -> bool:
        key = (source.name, call.rate_class)
        if self.spare[key] < 1:
            return False
        self.spare[key] -= 1
        return True

    def name(self, token: str, source: Source, *, priced: bool) -> None:
        self.named[token] = self.now_ms
        for each in self.sources:
            if each.refreshes(split_token_id(token)[0]):
                seen = self.now_ms if each is source and priced else UNASKED if priced else NEW
                self.queues.setdefault(each.name, {}).setdefault(token, seen)


@dataclass
class Flapping:
    """What was seen: changes of `price_source` by token, and between which sources."""

    minutes: int
    tokens: int = 0
    several: int = 0  # tokens that more than one source gives a price of
    changes: Counter[str] = field(default_factory=Counter)
    between: Counter[tuple[str, str]] = field(default_factory=Counter)
    back: int = 0  # changes back to the source before
    polls: int = 0

    def __str__(self) -> str:
        total = sum(self.changes.values())
        hours = self.minutes / 60 * max(1, self.tokens)
        worst = self.changes.most_common(3)
        head = (
            f"{self.minutes} min, {self.tokens} tokens ({self.several} of several sources), "
            f"{self.polls} answers: {total} changes of price_source, "
            f"{total / hours:.3f} per token and hour, {self.back} of them back and forth; "
            f"{len(self.changes)} tokens changed at all"
        )
        lines = [
            head,
            *(f"  {count:4} {a} -> {b}" for (a, b), count in self.between.most_common()),
            *(f"  most: {token} {count}" for token, count in worst),
        ]
        return "\n".join(lines)


async def measure(minutes: int, size: int, warm_minutes: int = 10) -> Flapping:
    """Play the market for so many minutes, after some in which lists fill."""
    sources = [spec.build(spec.settings(_env_file=None)) for spec in find_sources()]
    fetching = Fetching(sources)
    app = build_app(ReplaySettings(replay_tokens=size), lambda: fetching.now_ms)
    memory, rows = Memory(50_000), dict[str, Row]()
    seen = Flapping(minutes)
    sides: dict[str, list[str]] = {}
    several: set[str] = set()
    warm_ms = T0 + warm_minutes * 60_000
    end_ms = warm_ms + minutes * 60_000
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://replay"
    ) as client:
        while fetching.now_ms < end_ms:
            for source, job in fetching.due_jobs():
                for call in fetching.calls(source, job, rows):
                    if not fetching.afford(source, call):
                        continue
                    answer = await client.get(PREFIX[source.name] + call.path, params=call.query)
                    page = call.read(answer.content, fetching.now_ms)
                    seen.polls += 1
                    _hand_on(memory, fetching, source, page, naming=isinstance(job, Discovery))
            counting = fetching.now_ms >= warm_ms
            for token, row in _window(memory, fetching.now_ms, MergeRules()):
                rows[token] = row
                if len(memory.sources(token)) > 1:
                    several.add(token)
                if counting:
                    _note(seen, sides.setdefault(token, []), token, row)
            fetching.now_ms += STEP_MS
    seen.tokens, seen.several = len(rows), len(several)
    return seen


def _hand_on(
    memory: Memory, fetching: Fetching, source: Source, page: ParsedBody, *, naming: bool
) -> None:
    for reading in page.readings:
        if not is_quote_asset(reading.chain, reading.token_address):
            checked = decode_reading(msgspec.json.encode(reading), fetching.now_ms)
            memory.add(source.name, checked, fetching.now_ms)
    if naming:
        priced = {reading_id(each) for each in page.readings if has_price(each)}
        for token in page.found:
            if not is_quote_asset(*split_token_id(token)):
                fetching.name(token, source, priced=token in priced)


def _window(memory: Memory, now_ms: int, rules: MergeRules) -> list[tuple[str, Row]]:
    found = []
    for token in memory.take_dirty(now_ms):
        chain, address = split_token_id(token)
        merged = merge_token(chain, address, memory.sources(token), now_ms, rules)
        if merged.dead:
            memory.forget(token)
            continue
        memory.schedule(token, merged.next_ms)
        memory.prune(token, now_ms, rules)
        found.append((token, merged.values))
    return found


def _note(seen: Flapping, sides: list[str], token: str, row: Row) -> None:
    side = str(row.get("price_source", "none"))
    if sides and sides[-1] != side:
        seen.changes[token] += 1
        seen.between[sides[-1], side] += 1
        seen.back += side in sides
    if not sides or sides[-1] != side:
        sides.append(side)


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0


def _suits(job: Refresh, token: str) -> bool:
    return job.chains is None or split_token_id(token)[0] in job.chains


if __name__ == "__main__":
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    print(asyncio.run(measure(minutes, size)))
