"""What the store holds of a token beside its row, read once a term."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.aggregator.alerts import AlertBook
from services.aggregator.memory import Memory
from shared.state.store import Store

_CHUNK: Final = 500  # tokens read in one go


class Verified:
    """Tokens whose stored readings are in the memory, and their alerts in the book.

    A standby may have missed a message that the former leader received. Merging is idempotent, so
    reading the store once per token and term makes the memory whole. What is stored of their alerts
    is taken over, so that none is lost or sent again.
    """

    def __init__(self, store: Store, memory: Memory, alerts: AlertBook) -> None:
        self._store, self._memory, self._alerts = store, memory, alerts
        self._tokens: set[str] = set()

    async def read(self, tokens: Sequence[str]) -> None:
        """Read those of the tokens that this term has not looked at yet."""
        unread = [token for token in tokens if token not in self._tokens]
        for start in range(0, len(unread), _CHUNK):
            part = unread[start : start + _CHUNK]
            for token, stored in (await self._store.readings(part)).items():
                self._memory.merge_stored(token, stored)
            for token, bases in (await self._store.alert_bases(part)).items():
                # A window may have read this token, and sent its alerts, while we waited.
                if token not in self._tokens:
                    self._alerts.load(token, bases)
            self._tokens.update(part)
