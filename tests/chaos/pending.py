"""What was seen of a state and waits until that state is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.chaos.findings import Findings
from tests.chaos.history import History, State

_LOOK_S: Final = 0.2
_WAIT_S: Final = 20.0  # for the history to come to a state
_DIED: Final = 12  # commits that a killed store may have sent to others than to us


class _Seen(NamedTuple):
    epoch: str
    version: int
    judge: Callable[[State], None]
    until_s: float


class Pending:
    """Judges what is added once its state is known; a state that never was is a violation."""

    def __init__(self, findings: Findings, history: History) -> None:
        self._findings, self._history = findings, history
        self._waiting: list[_Seen] = []

    def add(self, epoch: str, version: int, judge: Callable[[State], None]) -> None:
        """Judge by the state at a version, now or later."""
        state = self._history.states.get((epoch, version))
        if state is not None:
            judge(state)
        else:
            seen = _Seen(epoch, version, judge, time.monotonic() + _WAIT_S)
            self._waiting.append(seen)

    async def run(self) -> None:
        """Judge for ever; cancel it to end."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Judge what can be judged now."""
        waiting, self._waiting = self._waiting, []
        for seen in waiting:
            state = self._history.states.get((seen.epoch, seen.version))
            if state is not None:
                seen.judge(state)
            elif time.monotonic() < seen.until_s:
                self._waiting.append(seen)
            else:
                self._give_up(seen)

    def _give_up(self, seen: _Seen) -> None:
        history = self._history
        last = history.last.get(seen.epoch)
        if last is not None and seen.version <= last:
            self._findings.count("not judged: no longer kept")
        elif (
            last is not None
            and seen.version <= last + _DIED
            and history.now is not None
            and (history.now.epoch != seen.epoch)
        ):
            self._findings.count("not judged: of the last moment of a killed store")
        elif seen.version == 0:
            self._findings.count("not judged: an epoch that held nothing yet")
        else:
            detail = f"{seen.epoch} {seen.version}; of that epoch {last} is the last"
            self._findings.wrong("every state shown is one that was", detail)
