"""The api's copy of the state, and who waits for what to happen to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from services.api.hints import misspelt
from services.api.search.name_index import NameIndex
from shared.edge.http.storage import storage, warming
from shared.keys import Keys, id_hash
from shared.redis.connect import Redis
from shared.state.feed import Feed
from shared.state.messages import Heartbeat
from shared.state.replica import Change, Replica
from shared.state.store import Store

# After this much silence nobody vouches for the copy: answers are read from the store each time.
TRUST_S: Final = 2.0
Stamp = tuple[str, int]  # (epoch, version): names one exact state
_NAMING: Final = (b'"token_name":', b'"token_ticker":')  # a text may hold them too; seldom


class Committed(NamedTuple):
    """What became of a batch: the version that holds it, and which of it was not taken."""

    epoch: str
    version: int
    refused: Mapping[str, Sequence[int]] = {}  # reason → indices into the published tokens


class _Names(Struct, frozen=True):
    """What a row says that its token is called."""

    token_name: str | None = None
    token_ticker: str | None = None


_names: Final = msgspec.json.Decoder(_Names)


class Live:
    """A replica that follows the store, with hashes and names of its rows, and who waits for it."""

    def __init__(self, feed_redis: Redis, redis: Redis, keys: Keys) -> None:
        self.replica = Replica()
        self.store = Store(redis, keys)
        self.feed = Feed(feed_redis, keys, self.replica, self)
        self.id_of: dict[bytes, str] = {}  # hash → id, of all rows
        self.hash_of: dict[str, bytes] = {}
        self.names = NameIndex()
        self._acks: dict[str, set[asyncio.Future[Committed]]] = {}
        self._moved = asyncio.Event()

    # -- what the feed calls ----------------------------------------------------------------------
    def on_commit(self, change: Change) -> None:
        """Take over new and removed ids, and wake the requests that this commit answers."""
        commit = change.commit
        for token_id, added in change.adds:
            self._learn(token_id, added)
        for token_id, changed in change.sets:
            if any(name in changed for name in _NAMING):
                self.names.put(token_id, *_called(self.replica.rows[token_id]))
        for token_id in change.dels:
            self.id_of.pop(self.hash_of.pop(token_id, b""), None)
            self.names.remove(token_id)
        for batch_id in commit.acks:
            for waiter in self._acks.pop(batch_id, ()):
                if not waiter.done():
                    refused = commit.refused.get(batch_id, {})
                    waiter.set_result(Committed(commit.e, commit.v, refused))
        self._wake()

    def on_reset(self) -> None:
        """Read all ids again."""
        self.id_of.clear()
        self.hash_of.clear()
        self.names = NameIndex()
        for token_id, row in self.replica.rows.items():
            self._learn(token_id, row)
        self._wake()

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Nothing to do: the feed itself notes the time."""

    def _learn(self, token_id: str, row: bytes) -> None:
        hashed = self.hash_of[token_id] = id_hash(token_id)
        self.id_of[hashed] = token_id
        self.names.put(token_id, *_called(row))

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    # -- what requests ask ------------------------------------------------------------------------
    @property
    def stamp(self) -> Stamp | None:
        """The state that the store is at as far as is known, None when nobody vouches for it."""
        if not self.feed.loaded.is_set() or self.feed.silent_s > TRUST_S:
            return None
        return (self.replica.epoch, self.replica.version)

    async def exact(self, at_least: Stamp | None = None) -> Replica:
        """Return the replica, complete and as new as the store, at or after a version.

        Use it before the next await. Raises Problem: `warming` while it is not, and the store's
        own when it does not answer.
        """
        if self.stamp is None:  # no aggregator, or no subscription: the store itself must vouch
            async with storage():
                meta = await self.store.meta()
            if meta.seeding:
                raise warming()
            stored = (meta.epoch, meta.version)
            at_least = stored if at_least is None else max(at_least, stored, key=lambda s: s[1])
        if at_least is not None:
            await self._reach(at_least)
        if not self._complete():
            raise warming()
        return self.replica

    async def _reach(self, stamp: Stamp) -> None:
        """Wait a moment until the replica is at or after a version of this epoch."""
        try:
            async with asyncio.timeout(1.0):
                while not self._complete() or self.replica.version < stamp[1]:
                    if self._complete() and self.replica.epoch != stamp[0]:
                        return  # another epoch: its versions cannot be compared
                    await self._moved.wait()
        except TimeoutError:
            raise warming() from None

    def meant_chain(self, chain: str) -> str | None:
        """Return the known chain that a canonical name is a misspelling of, None when it is none.

        A chain of which a row is here is no misspelling, however new it is.
        """
        meant = misspelt(chain)
        if meant is None or not self._complete() or self.replica.orders.has_chain(chain):
            return None
        return meant

    def _complete(self) -> bool:
        return self.feed.loaded.is_set() and not self.replica.seeding

    def expect(self, batch_id: str) -> asyncio.Future[Committed]:
        """Return a future of the commit that holds a batch; call before publishing."""
        waiter: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._acks.setdefault(batch_id, set()).add(waiter)
        return waiter

    def forget(self, batch_id: str, waiter: asyncio.Future[Committed]) -> None:
        """Stop waiting for a batch."""
        waiters = self._acks.get(batch_id)
        if waiters is not None:
            waiters.discard(waiter)
            if not waiters:
                del self._acks[batch_id]


def _called(row: bytes) -> tuple[str | None, str | None]:
    names = _names.decode(row)
    return names.token_name, names.token_ticker
