"""The Python client. It knows the wire, not the services: nothing of theirs is imported."""

from dexwire.client.api import Page, Receipt, Rejected, Unchanged
from dexwire.client.client import Client
from dexwire.client.errors import ClientError, Malformed, Problem, Refused, Unreachable
from dexwire.client.events import Alert, Diff, Event, Gap, Snapshot, State
from dexwire.client.notebook import SyncClient, SyncView, connect
from dexwire.client.past import Candle, CandleGap, Candles, Coverage, PastList, PastRow
from dexwire.client.stream import Stream
from dexwire.client.view import View
from dexwire.stream.rows import Patch, Row

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
