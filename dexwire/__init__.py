"""What users import and type."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dexwire.client import (
        Alert,
        Candle,
        CandleGap,
        Candles,
        Client,
        ClientError,
        Coverage,
        Diff,
        Event,
        Gap,
        Malformed,
        Page,
        PastList,
        PastRow,
        Patch,
        Problem,
        Receipt,
        Refused,
        Rejected,
        Row,
        Snapshot,
        State,
        Stream,
        SyncClient,
        SyncView,
        Unchanged,
        Unreachable,
        View,
        connect,
    )

__version__ = version("dexwire")
__all__ = [
    "Alert",
    "Candle",
    "CandleGap",
    "Candles",
    "Client",
    "ClientError",
    "Coverage",
    "Diff",
    "Event",
    "Gap",
    "Malformed",
    "Page",
    "PastList",
    "PastRow",
    "Patch",
    "Problem",
    "Receipt",
    "Refused",
    "Rejected",
    "Row",
    "Snapshot",
    "State",
    "Stream",
    "SyncClient",
    "SyncView",
    "Unchanged",
    "Unreachable",
    "View",
    "connect",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the client has under that name
    """Load the client when it is first used: services are `dexwire <name>` and need none."""
    if name in __all__:
        from dexwire import client  # noqa: PLC0415 - see above

        return getattr(client, name)
    raise AttributeError(f"module 'dexwire' has no attribute {name!r}")
