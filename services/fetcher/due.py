"""Which tokens are asked for again, and when: shared by all replicas.

Per source (and queue) a sorted set holds token ids by the time (ms) at which they were last asked
for; `NEW` for never asked and without a price anywhere we know of, `UNASKED` for never asked. A
second sorted set, for all sources, holds ids by the time they were last named by a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shared.keys import Keys
from shared.redis.connect import Redis

NEW: Final = 0
UNASKED: Final = 1
FORGET_MS: Final = 24 * 3_600_000

# KEYS: known, then queues. ARGV: bound, then per id: id, and per queue a score or "" (not for it).
# "now" as a score is the store's time. Past the bound the ids named longest ago leave everywhere.
_OFFER: Final = """#!lua
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known, queues = KEYS[1], #KEYS - 1
for i = 2, #ARGV, queues + 1 do
  redis.call('ZADD', known, now, ARGV[i])
  for q = 1, queues do
    local score = ARGV[i + q]
    if score == 'now' then score = now end
    if score ~= '' then redis.call('ZADD', KEYS[q + 1], 'NX', score, ARGV[i]) end
  end
end
local over = redis.call('ZCARD', known) - tonumber(ARGV[1])
if over > 0 then
  local gone = redis.call('ZPOPMIN', known, over)
  for i = 1, #gone, 2 do
    for q = 1, queues do redis.call('ZREM', KEYS[q + 1], gone[i]) end
  end
end
return redis.call('ZCARD', known)
"""
# Takes ids not asked for since `again` ago and marks them as asked now, in one step, so that two
# replicas never take the same. Ids that no list named for FORGET_MS are dropped on the way.
_TAKE_DUE: Final = """#!lua
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local again, limit, forget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now - again, 'BYSCORE', 'LIMIT', 0, limit)
local taken = {}
for _, id in ipairs(ids) do
  local named = redis.call('ZSCORE', KEYS[2], id)
  if named and tonumber(named) >= now - forget then
    redis.call('ZADD', KEYS[1], now, id)
    taken[#taken + 1] = id
  else
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  end
end
return taken
"""
_TAKE_OF: Final = """#!lua
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local again, limit, forget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(1', now - forget)
local taken = {}
for i = 4, #ARGV do
  if #taken >= limit then break end
  local asked = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not asked or tonumber(asked) <= now - again then
    redis.call('ZADD', KEYS[1], now, ARGV[i])
    taken[#taken + 1] = ARGV[i]
  end
end
return taken
"""


class DueTokens:
    """The queues of one deployment."""

    def __init__(self, redis: Redis, keys: Keys, *, known_max: int) -> None:
        self._keys = keys
        self._known_max = known_max
        self._offer = redis.register_script(_OFFER)
        self._take_due = redis.register_script(_TAKE_DUE)
        self._take_of = redis.register_script(_TAKE_OF)

    async def offer(
        self, ids: Mapping[str, Mapping[str, int | str]], sources: Sequence[str]
    ) -> None:
        """Name token ids; `ids[id][source]` is NEW, UNASKED or "now" (just seen), if it is for it.

        An id that a queue knows keeps its place there. `sources` are all that have a queue.
        """
        args: list[str | int] = [self._known_max]
        for token, scores in ids.items():
            args += [token, *(scores.get(source, "") for source in sources)]
        queues = [self._keys.fetch_due(source) for source in sources]
        await self._offer(keys=[self._keys.fetch_known, *queues], args=args)

    async def take_due(self, queue: str, *, again_s: float, limit: int) -> list[str]:
        """Take up to `limit` ids, those asked for longest ago first."""
        taken = await self._take_due(
            keys=[self._keys.fetch_due(queue), self._keys.fetch_known],
            args=[int(again_s * 1_000), limit, FORGET_MS],
        )
        return [token.decode() for token in taken]

    async def take_of(
        self,
        queue: str,
        ids: Iterable[str],
        *,
        again_s: float,
        limit: int,
        forget_ms: int = FORGET_MS,
    ) -> list[str]:
        """Take up to `limit` of these ids, in their order, unless asked within `again_s`."""
        taken = await self._take_of(
            keys=[self._keys.fetch_due(queue)],
            args=[int(again_s * 1_000), limit, forget_ms, *ids],
        )
        return [token.decode() for token in taken]
