"""What requests for the past cost their client's address, before they are read."""

from __future__ import annotations

from typing import Protocol

from starlette.types import Scope


class Billing(Protocol):
    """Takes what a request costs from its address; `Visitors` does."""

    def bill(self, scope: Scope, cost_s: float) -> None:
        """Charge seconds of a processor. Raises Problem 429 when the share is used up."""
