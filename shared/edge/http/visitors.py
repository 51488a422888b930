"""Who asks, and how much of it one address may do: connections, and requests a second.

Counted in this process: a look in Redis would cost more than the cached page that it guards
(docs/decisions). N replicas let an address do up to N times as much.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, TypeAlias

from starlette.types import Scope

from shared.edge.client_address import Proxies, limit_key
from shared.edge.http.problem import Problem
from shared.edge.rates import Costs, Rates

_FORWARDED: Final = b"x-forwarded-for"
# What a refusal costs, at the rates at which one address is refused; who goes on asking pays it.
_REFUSED_S: Final = 0.0005
_DEBT_MOST_S: Final = 60.0  # until it is paid off: from there on refusals add nothing
Paying: TypeAlias = Callable[[], AbstractContextManager[None]]  # `Visitors.paying` of a request


class Visitors:
    """The addresses that are connected or have sent requests."""

    def __init__(
        self,
        proxies: Proxies | None = None,
        rates: Rates | None = None,
        *,
        costs: Costs | None = None,
        conns_per_address: int = 0,
        max_connections: int = 10_000,
    ) -> None:
        self._proxies = proxies or Proxies()
        self._rates = rates or Rates(0, 1)
        self._costs = costs or Costs(0, 0)
        self._conns_per_address = conns_per_address
        self._max_connections = max_connections
        self._connections = 0
        self._by_address: Counter[str] = Counter()

    def connect(self, peer: str) -> Problem | None:
        """Count a connection, which `disconnect` undoes; return why it is not welcome, if so."""
        self._connections += 1
        key = limit_key(peer)
        self._by_address[key] += 1
        if self._connections > self._max_connections:
            detail = "too many connections are open"
            return Problem(503, "overloaded", detail, retry_after_s=random.randint(1, 4))
        allowed = self._conns_per_address
        if allowed and self._by_address[key] > allowed and not self._proxies.trusts(peer):
            detail = f"more than {allowed} connections from one address"
            return Problem(429, "too_many_connections", detail, retry_after_s=1)
        return None

    def disconnect(self, peer: str) -> None:
        """Uncount a connection, welcome or not."""
        self._connections -= 1
        key = limit_key(peer)
        self._by_address[key] -= 1
        if not self._by_address[key]:
            del self._by_address[key]

    def trusts(self, peer: str) -> bool:
        """Return whether a peer is a trusted proxy, which speaks for others."""
        return self._proxies.trusts(peer)

    def address(self, scope: Scope) -> str:
        """Return the client address that a request counts for."""
        return limit_key(self._client(scope))

    @contextmanager
    def paying(self, scope: Scope) -> Iterator[None]:
        """Charge a request's address for what is computed here, without a wait in between.

        Raises Problem for an address that has used up its share.
        """
        key = self._within_share(scope)
        began_s = time.thread_time()
        try:
            yield
        finally:
            self._costs.charge(key, time.thread_time() - began_s, time.monotonic())

    def bill(self, scope: Scope, cost_s: float) -> None:
        """Charge a request's address for what costs about so many seconds of a processor, here or
        in threads. Raises Problem as `paying` does.
        """  # noqa: D205
        self._costs.charge(self._within_share(scope), cost_s, time.monotonic())

    def _within_share(self, scope: Scope) -> str:
        key, now_s = self.address(scope), time.monotonic()
        wait_s = self._costs.wait_s(key, now_s)
        if wait_s:
            if wait_s < _DEBT_MOST_S:
                self._costs.charge(key, _REFUSED_S, now_s)
            detail = f"more than {100 * self._costs.share:g} % of a processor for one address"
            raise Problem(429, "rate", detail, retry_after_s=math.ceil(wait_s))
        return key

    def count(self, scope: Scope) -> Problem | None:
        """Count a request of the client's address; return a problem when there are too many."""
        if not self._rates.per_s:
            return None
        wait_s = self._rates.wait_s(limit_key(self._client(scope)), time.monotonic())
        if not wait_s:
            return None
        detail = f"more than {self._rates.per_s:g} requests a second from one address"
        return Problem(429, "rate", detail, retry_after_s=math.ceil(wait_s))

    def _client(self, scope: Scope) -> str:
        peer: str = scope["client"][0] if scope.get("client") else ""
        if not self._proxies.trusts(peer):
            return peer
        forwarded = [value for name, value in scope["headers"] if name == _FORWARDED]
        return self._proxies.client(peer, b",".join(forwarded).decode("latin-1"))


def for_free(_: Scope) -> AbstractContextManager[None]:
    """Stand for `Visitors.paying` where nobody is counted."""
    return nullcontext()
