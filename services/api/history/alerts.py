"""`GET /tokens/{chain}/{address}/alerts`: what happened to one token."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from services.api.history.budget import Billing
from services.api.history.database import History
from services.api.history.query import parse_alerts
from services.api.history.tokens import Tokens
from services.api.tokens import parse_token
from shared.edge.http.answer import Answer
from shared.history.answers import StoredAlert

_COST_S: Final = 3e-3
_END_MS: Final = 10**15  # of all times that a request can name


class AlertsEndpoint:
    """The endpoint."""

    def __init__(self, history: History, tokens: Tokens, budget: Billing) -> None:
        self._history = history
        self._tokens = tokens
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem: 404 for a token that is neither listed nor recorded."""
        query = parse_alerts(scope["query_string"])
        params = scope["path_params"]
        token = parse_token(params["chain"], params["address"])
        self._budget.bill(scope, _COST_S)
        async with self._history.reading() as readers:
            record = await readers.reader.token(token)
            position = await readers.reader.position()
            alerts = await readers.reader.alerts(
                token,
                from_ms=query.from_ms or 0,
                to_ms=_END_MS if query.to_ms is None else query.to_ms,
                limit=query.limit,
            )
        if record is None:
            self._tokens.must_be_listed(token)
        coverage = None
        if record is not None:
            coverage = {"from_ms": record.first_ms, "to_ms": record.gone_ms or position.at_ms}
        body = b'{"alerts":[%s],"coverage":%s}' % (
            b",".join(map(dated, alerts or ())),
            msgspec.json.encode(coverage),
        )
        await Answer(200, body)(scope, receive, send)


def dated(alert: StoredAlert) -> bytes:
    """Return an alert as on the stream (JSON), with the time of its commit."""
    return alert.body[:-1] + b',"at_ms":%d}' % alert.at_ms
