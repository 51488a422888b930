"""The truth: every state that the store ever was in, replayed from its own log by a connection of
our own, past api and gateways.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from redis.exceptions import RedisError

from shared.errors import Diverged
from shared.keys import Keys
from shared.redis.connect import UNREACHABLE, Redis
from shared.state.feed import load
from shared.state.messages import Commit, decode
from shared.state.replica import Replica
from shared.state.store import Store
from tests.deployment.table import Failed
from tests.testkit.commits import Ledger

_LOOK_S: Final = 0.5
_AGAIN_S: Final = 0.05
_KEEP: Final = 600  # versions; about two minutes


class Witness:
    """Follows the log and keeps the last states, by epoch and version."""

    def __init__(self, connect: Callable[[], Awaitable[Redis]]) -> None:
        """Prepare; `connect` opens a connection to where Redis is now."""
        self.ledger = Ledger()
        self.moved_at = time.monotonic()  # when the last commit was seen
        self.commits = 0
        self.epochs: dict[str, int] = {}  # in order, with the last version seen of each
        self.wrong: list[str] = []
        self._connect = connect
        self._replica = Replica()
        self._kept: list[tuple[str, int]] = []
        self._store: Store | None = None

    @property
    def at(self) -> tuple[str, int]:
        """The newest state that was seen."""
        return self._replica.epoch, self._replica.version

    async def run(self) -> None:
        """Follow for ever; cancel it to end.

        Messages are taken as they come, so that nothing is missed that dies with the store; the log
        fills what lies between two of them.
        """
        while True:
            try:
                store = await self._reach()
                async with store.redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(store.keys.state_changes)
                    await self.follow()
                    while True:
                        message = await channel.get_message(timeout=_LOOK_S)
                        if message is None or not self._take(message["data"]):
                            await self.follow()
            except (*UNREACHABLE, RedisError, Failed):
                await self.close()
                await asyncio.sleep(_AGAIN_S)

    def _take(self, data: bytes) -> bool:
        """Take a message; False: something lies between it and what is known."""
        message = decode(data)
        if isinstance(message, Commit) and (message.e, message.pv) == self.at:
            self._replica.apply(message)
            self._note()
        return (message.e, message.v) == self.at

    async def follow(self) -> None:
        """Take in what was committed since the last call."""
        store, replica = await self._reach(), self._replica
        meta = await store.meta()
        if not meta.epoch or (meta.epoch, meta.version) == self.at:
            return
        if meta.epoch != replica.epoch:
            replica.reset(meta.epoch)
            self._note()
        messages = await store.log(replica.version, meta.version)
        if messages is None:
            self.wrong.append(f"the log has no way from {replica.version} to {meta.version}")
            await load(store, replica, meta)
            self._note()
            return
        for message in messages:
            commit = decode(message)
            if not isinstance(commit, Commit):
                raise Diverged("the log holds something else than commits")
            replica.apply(commit)  # each must follow the last, and give the digest that it says
            self._note()

    def knows(self, epoch: str, version: int) -> bool:
        """Whether this state is still kept."""
        return (epoch, version) in self.ledger.history

    def is_beyond(self, epoch: str, version: int) -> bool:
        """Whether this state, if it ever was one, has been seen."""
        if epoch == self.at[0]:
            return self.at[1] >= version
        return epoch in self.epochs

    def rows(self) -> dict[str, bytes]:
        """Return the newest state."""
        return self._replica.rows

    async def _reach(self) -> Store:
        if self._store is None:
            self._store = Store(await self._connect(), Keys())
        return self._store

    async def close(self) -> None:
        """End the connection."""
        store, self._store = self._store, None
        if store is not None:
            await store.redis.aclose()

    def _note(self) -> None:
        self.ledger.history[self.at] = dict(self._replica.rows)
        self._kept.append(self.at)
        while len(self._kept) > _KEEP:
            self.ledger.forget(*self._kept.pop(0))
        self.commits += 1
        self.epochs[self.at[0]] = self.at[1]
        self.moved_at = time.monotonic()
