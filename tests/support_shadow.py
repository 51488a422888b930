"""An independent witness of the store: it replays the log and believes nothing else."""

from __future__ import annotations

from shared.state.messages import Commit, decode
from shared.state.replica import Replica
from shared.state.store import Store


class Shadow:
    """Replays the log as it grows: every commit must follow the last and have the right digest."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.replica = Replica()

    async def follow(self) -> None:
        """Take in what was committed since the last call; fails on a hole or a wrong state."""
        meta = await self._store.meta()
        if not self.replica.epoch:
            self.replica.reset(meta.epoch)
        assert meta.epoch == self.replica.epoch
        messages = await self._store.log(self.replica.version, meta.version)
        assert messages is not None, "versions are not contiguous"
        for message in messages:
            commit = decode(message)
            assert isinstance(commit, Commit)
            self.replica.apply(commit)
