"""Several listeners of one feed."""

from __future__ import annotations

from shared.state.feed import Listener
from shared.state.messages import Heartbeat
from shared.state.replica import Change


class Listeners:
    """Passes each call of the feed on, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def on_commit(self, change: Change) -> None:
        """Pass a commit on."""
        for listener in self._listeners:
            listener.on_commit(change)

    def on_reset(self) -> None:
        """Pass on that the state was loaded."""
        for listener in self._listeners:
            listener.on_reset()

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Pass a heartbeat on."""
        for listener in self._listeners:
            listener.on_heartbeat(heartbeat)
