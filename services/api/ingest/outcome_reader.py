"""Reads what `outcomes.py` decides by: the rows around a commit, and the stored readings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.api.ingest.body import AcceptedToken, BatchVerdict
from services.api.ingest.outcomes import (
    Posted,
    Reasons,
    Unchanged,
    decode,
    hidden_fields,
    judge_token,
    reasons_of,
)
from services.api.live import Live
from shared.chains import token_id
from shared.edge.http.problem import Problem
from shared.edge.http.storage import storage
from shared.keys import Keys
from shared.merge.policy import MergeRules
from shared.redis.connect import Redis
from shared.state.row import Fields

_CHUNK: Final = 25  # tokens explained in one go, some 5 ms


class OutcomeReader:
    """Says which fields of a committed batch the list does not show."""

    def __init__(self, redis: Redis, keys: Keys, live: Live, rules: MergeRules) -> None:
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys
        self._live = live
        self._rules = rules

    def rows(self, verdict: BatchVerdict) -> Mapping[str, bytes]:
        """Return the rows of a batch's tokens as they are now, by id; none while warming."""
        return self._copied(verdict) if self._live.stamp is not None else {}

    def _copied(self, verdict: BatchVerdict) -> Mapping[str, bytes]:
        rows = self._live.replica.rows
        ids = (_id_of(token) for token in verdict.accepted)
        return {wanted: rows[wanted] for wanted in ids if wanted in rows}

    async def unchanged(
        self, verdict: BatchVerdict, received_ms: int, before: Mapping[str, bytes] | None
    ) -> list[Unchanged]:
        """Return what the list does not show of a batch that was committed just now.

        `before`: its `rows` before it was published. The commit is in this process's copy, also
        where it came by the log after a silence, and nobody vouches for the copy yet. Without the
        store the reasons cannot be read; the outcome then lacks them.
        """
        after = self._copied(verdict)
        found: list[Unchanged] = []
        for start in range(0, len(verdict.accepted), _CHUNK):
            part = verdict.accepted[start : start + _CHUNK]
            rows = [decode(after.get(_id_of(token))) for token in part]
            hidden = [
                token for token, row in zip(part, rows, strict=True) if hidden_fields(token, row)
            ]
            now_ms, stored = await self._stored(hidden)
            for token, row in zip(part, rows, strict=True):
                reasons: Reasons = {}
                if _id_of(token) in stored:
                    posted = Posted(
                        verdict.source, token, min(token.observed_ms or received_ms, received_ms)
                    )
                    reasons = reasons_of(posted, row, stored[_id_of(token)], now_ms, self._rules)
                earlier = decode((before or {}).get(_id_of(token)))
                found += judge_token(token, (earlier, row), reasons)
            await asyncio.sleep(0)  # other requests are answered in between
        return found

    async def _stored(
        self, tokens: Sequence[AcceptedToken]
    ) -> tuple[int, dict[str, Fields | None]]:
        """Return the store's time (ms) and the readings of tokens, by id; None: not known."""
        if not tokens:
            return 0, {}
        ids = [_id_of(token) for token in tokens]
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for wanted in ids:
            pipe.hgetall(self._keys.reading(wanted))
        try:
            async with storage():
                time_us, *stored = await pipe.execute()
        except Problem:  # committed it is, whatever has become of the store since
            return 0, dict.fromkeys(ids)
        now_ms = int(time_us[0]) * 1000 + int(time_us[1]) // 1000
        named = [{name.decode(): value for name, value in held.items()} for held in stored]
        return now_ms, dict(zip(ids, named, strict=True))


def _id_of(token: AcceptedToken) -> str:
    return token_id(token.chain, token.address)
