"""What the gateway reads of `alerts:log`: the alerts from before it began to listen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol

from redis.exceptions import RedisError, ResponseError

from services.ws.core.alerts import Event, event
from services.ws.core.hub import Hub
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis

log = get_logger(__name__)

_ATTEMPTS: Final = 3
_RETRY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """The alerts of an epoch that the store holds: all of versions after `floor`, in order."""

    epoch: str
    events: tuple[Event, ...]
    floor: int


class AlertHistoryReader(Protocol):
    """Who needs a history: the gateway."""

    hub: Hub
    loads: asyncio.Event

    def on_history(self, history: AlertHistory | None) -> None:
        """Take it; None: the store cannot say."""


async def keep_history(redis: Redis, keys: Keys, reader: AlertHistoryReader) -> None:
    """Read the alerts of the past after each load; cancel it to end.

    When the store does not answer, connections are served all the same: clients that ask for what
    came before get `lost`.
    """
    while True:
        await reader.loads.wait()
        reader.loads.clear()
        hub = reader.hub
        for attempt in range(1, _ATTEMPTS + 1):
            if hub.alerts.known or reader.loads.is_set():
                break
            try:
                history = await read_history(redis, keys)
            except (*UNREACHABLE, RedisError) as error:
                log.warning("alerts_unread", attempt=attempt, error=str(error)[:200])
            else:
                if reader.loads.is_set() or hub.replica.epoch != history.epoch:
                    break  # of another state; its own load asks again
                reader.on_history(history)
                log.info("alerts_read", events=len(history.events), floor=history.floor)
                break
            await asyncio.sleep(_RETRY_S * attempt)
        if not hub.alerts.known and not reader.loads.is_set():
            reader.on_history(None)


async def read_history(redis: Redis, keys: Keys) -> AlertHistory:
    """Read the alerts log of the present epoch. Raises what the Redis client raises."""
    client: Any = redis  # redis-py's reply types name every way of decoding; ours are bytes
    async with client.pipeline(transaction=True) as pipe:
        pipe.hget(keys.meta, "epoch")
        pipe.xrange(keys.alerts_log)
        pipe.xinfo_stream(keys.alerts_log)
        epoch, entries, info = await pipe.execute(raise_on_error=False)
    for answer in (epoch, entries):
        if isinstance(answer, Exception):
            raise answer
    events = []
    for entry_id, fields in entries:
        found = event(_version_of(entry_id), fields.get(b"m", b""))
        if found is not None:
            events.append(found)
    return AlertHistory((epoch or b"").decode(), tuple(events), _floor(entries, info))


def _floor(entries: list[tuple[bytes, Any]], info: Any) -> int:  # noqa: ANN401 - redis-py's
    """Return the version after which nothing has been dropped from the log."""
    if isinstance(info, ResponseError):  # there is no log: nothing was sent in this epoch
        return 0
    if isinstance(info, Exception):
        raise info
    if info["entries-added"] == len(entries):
        return 0
    # Of the oldest version that is left, some events may have gone.
    oldest = entries[0][0] if entries else info["last-generated-id"]
    return _version_of(oldest)


def _version_of(entry_id: bytes | str) -> int:
    text = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
    return int(text.partition("-")[0])
