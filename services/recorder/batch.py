"""What the recorder writes in one transaction. Pure."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from shared.history.fold import Folded, TokenState
from shared.history.write import Position

ALERTS_MOST: Final = 10_000  # that may wait; then the oldest are left out


class TokenWrite(Struct, frozen=True, gc=False):
    """A token as it is at the end of the batch. `gone_ms`: its row was removed."""

    row: bytes
    state: TokenState
    first_ms: int
    gone_ms: int | None = None


class GapWrite(Struct, frozen=True, gc=False):
    """An outage; `source` is empty for one of the pipeline."""

    source: str
    from_ms: int
    to_ms: int
    why: str


class HotChange(Struct):
    """Which tokens have minutes from a time on, and which no longer."""

    at_ms: int
    began: set[str]
    ended: set[str]


class AlertWrite(Struct, frozen=True, gc=False):
    """An alert as it was on the stream."""

    token_id: str
    at_ms: int
    id: str
    kind: str
    body: bytes


class Batch(Struct):
    """Everything since the last batch, up to `after`. Candles are parts, added to what is stored.

    All else replaces what is stored of it.
    """

    folded: Folded = msgspec.field(default_factory=Folded)
    tokens: dict[str, TokenWrite] = msgspec.field(default_factory=dict)
    gaps: dict[tuple[str, int], GapWrite] = msgspec.field(default_factory=dict)
    hot: list[HotChange] = msgspec.field(default_factory=list)
    alerts: list[AlertWrite] = msgspec.field(default_factory=list)
    after: Position = msgspec.field(default_factory=Position)

    def put_before(self, older: Batch) -> None:
        """Take back a batch that was not written."""
        self.folded.put_before(older.folded)
        self.tokens = older.tokens | self.tokens
        self.gaps = older.gaps | self.gaps
        self.hot = older.hot + self.hot
        self.alerts = (older.alerts + self.alerts)[-ALERTS_MOST:]
