"""Who is primary now, by the Sentinels or the nodes of a cluster.

All are queried at once, since any one of them may be cut off and know only the past: the Sentinel
with the newest configuration is believed, of a cluster the majority. What is found is kept until
a server shows that it is not the one any more, by its silence or by its words.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import redis.asyncio as aioredis
import redis.exceptions

from shared.process.logs import get_logger
from shared.redis.address import Host

log = get_logger(__name__)

_QUERY_S: Final = 0.5  # for each of them; requests wait for the answer
FindPrimary: TypeAlias = Callable[[], Awaitable[Host | None]]
Options: TypeAlias = Mapping[str, Any]  # of the connections that ask


class Primary:
    """The address of the primary, looked up when it is not known. One looks, the others wait."""

    def __init__(self, query: FindPrimary, *, recheck_s: float = math.inf) -> None:
        """`recheck_s` is how long an answer is good where no server takes it back."""
        self.at: Host | None = None
        self._query = query
        self._recheck_s = recheck_s
        self._queried_at = 0.0
        self._querying = asyncio.Lock()
        self._last: Host | None = None

    async def find(self) -> Host:
        """Return the address. Raises redis-py's ConnectionError when nobody knows it."""
        async with self._querying:
            if self.at is None:
                await self._query_again()
            if self.at is None:
                raise redis.exceptions.ConnectionError("nobody knows who is primary")
            return self.at

    async def confirm(self) -> None:
        """Ask again when the last answer is old. An old primary that was cut off goes on as if it
        were one: it takes writes until somebody reaches it, and then they are lost.
        """  # noqa: D205
        old = time.monotonic() - self._queried_at > self._recheck_s
        if self.at is None or not old or self._querying.locked():
            return
        async with self._querying:
            await self._query_again()

    async def _query_again(self) -> None:
        """Ask; when nobody answers, what was known stays."""
        self._queried_at = time.monotonic()
        self.at = await self._query() or self.at
        if self.at is not None and self.at != self._last:
            log.info("redis_primary", host=self.at[0], port=self.at[1])
            self._last = self.at

    def doubt(self, at: Host, hint: Host | None = None) -> None:
        """Note that the server at this address is not the primary; `hint` is the one it named."""
        if self.at == at:  # else somebody has noted it already
            self.at = hint


class Sentinels:
    """Asks Sentinels for the address of a master."""

    def __init__(self, hosts: Iterable[Host], master: str, options: Options) -> None:
        self._hosts, self._master, self._options = tuple(hosts), master, options

    async def __call__(self) -> Host | None:
        """Return what the one with the newest configuration says; None: none says anything."""
        answers = await asyncio.gather(*(self._query(host) for host in self._hosts))
        known = [answer for answer in answers if answer is not None]
        return max(known, key=lambda answer: answer[0])[1] if known else None

    async def _query(self, host: Host) -> tuple[int, Host] | None:
        reply = await _query(host, self._options, "SENTINEL MASTER", self._master)
        if not reply:
            return None
        return int(reply["config-epoch"]), (str(reply["ip"]), int(reply["port"]))


class ClusterNodes:
    """Asks the nodes of a cluster for the owner of a slot."""

    def __init__(self, seeds: Iterable[Host], slot: int, options: Options) -> None:
        self._seeds, self._slot, self._options = tuple(seeds), slot, options
        self._known: set[Host] = set()

    async def __call__(self) -> Host | None:
        """Return the node that most of those that answer name as owner; None: none knows."""
        nodes = {*self._seeds, *self._known}
        answers = await asyncio.gather(*(self._query(node) for node in nodes))
        owners = Counter(answer for answer in answers if answer is not None)
        return owners.most_common(1)[0][0] if owners else None

    async def _query(self, node: Host) -> Host | None:
        owner: Host | None = None
        for first, last, *servers in await _query(node, self._options, "CLUSTER SLOTS") or ():
            # A node that does not know its own name means the one that it was reached by.
            hosts = [(str(server[0] or node[0]), int(server[1])) for server in servers]
            self._known.update(hosts)
            if first <= self._slot <= last:
                owner = hosts[0]
        return owner


async def _query(host: Host, options: Options, command: str, *args: str) -> Any:  # noqa: ANN401 - the library's reply
    """Return the answer of one of them, None when there is none."""
    client: Any = aioredis.Redis(
        host=host[0],
        port=host[1],
        decode_responses=True,
        **{**options, "socket_timeout": _QUERY_S, "socket_connect_timeout": _QUERY_S},
    )
    try:
        async with asyncio.timeout(_QUERY_S):
            return await client.execute_command(command, *args)
    except (redis.exceptions.RedisError, OSError) as error:
        log.debug("redis_guide_failed", host=host[0], port=host[1], error=str(error)[:200])
        return None
    finally:
        await client.aclose()
