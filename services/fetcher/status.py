"""What `/health` shows of each source: one hash per source, written at most once a second.

Fields of `fetch:status:<source>`: `state` (ok, degraded, down, off), `circuit` (closed, open,
trial: breaker.py), `last_ok_ms`, `last_error` (short, without internals), `last_error_ms`, `calls`,
`errors`, `tokens` (token readings published or posted), `refused:<reason>` (records left out) and
`delivery_error` (why the api cannot be posted to, "" while it can). The counts are of all replicas
since the hash was made; the rest is what the replica that wrote last saw.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.keys import Keys
from shared.redis.connect import Redis

# The last calls that the state is judged by.
RECENT: Final = 20
ERROR_MAX: Final = 120
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(slots=True)
class SourceStatus:
    """What happened since the last write, and the outcome of the latest calls."""

    counts: Counter[str] = field(default_factory=Counter)
    facts: dict[str, str | int] = field(default_factory=dict)
    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))

    def succeeded(self, now_ms: int, *, tokens: int, refused: Mapping[str, int]) -> None:
        """Note a call that gave data."""
        self.counts.update(calls=1, tokens=tokens)
        self.counts.update({f"refused:{reason}": n for reason, n in refused.items()})
        self.facts["last_ok_ms"] = now_ms
        self._judge(ok=True)

    def failed(self, now_ms: int, error: str) -> None:
        """Note a call that gave none, after all its attempts."""
        self.counts.update(calls=1, errors=1)
        self.facts["last_error"] = _short(error)
        self.facts["last_error_ms"] = now_ms
        self._judge(ok=False)

    def delivers(self, error: str) -> None:
        """Note why readings cannot be delivered; "" when they can."""
        self.facts["delivery_error"] = _short(error)

    def _judge(self, *, ok: bool) -> None:
        self.outcomes.append(ok)
        self.facts["state"] = state_of(list(self.outcomes))


def _short(error: str) -> str:
    return _UNPRINTABLE.sub("?", error)[:ERROR_MAX]


def state_of(outcomes: list[bool]) -> str:
    """Judge a source by its latest calls, oldest first.

    "down": the last five failed (or all there were, from two on). "degraded": more than one in ten
    failed.
    """
    last = outcomes[-5:]
    if len(last) >= 2 and not any(last):
        return "down"
    return "degraded" if outcomes.count(False) * 10 > len(outcomes) else "ok"


class StatusBoard:
    """The statuses of all sources of this process."""

    def __init__(self) -> None:
        self._sources: dict[str, SourceStatus] = {}

    def __getitem__(self, source: str) -> SourceStatus:
        """Return the status of a source, made when it is first needed."""
        return self._sources.setdefault(source, SourceStatus())

    async def write(self, redis: Redis, keys: Keys) -> None:
        """Add what happened since the last write to the store; what fails is tried again."""
        for source, status in list(self._sources.items()):  # calls go on meanwhile
            if not status.facts and not status.counts:
                continue
            counts, facts = status.counts, status.facts
            status.counts, status.facts = Counter(), {}
            async with redis.pipeline(transaction=True) as pipe:
                for name, n in counts.items():
                    pipe.hincrby(keys.fetch_status(source), name, n)
                if facts:
                    items = [each for pair in facts.items() for each in pair]
                    pipe.hset(keys.fetch_status(source), items=items)
                try:
                    await pipe.execute()
                except BaseException:
                    status.counts.update(counts)
                    status.facts = facts | status.facts
                    raise
