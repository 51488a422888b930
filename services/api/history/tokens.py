"""Which tokens there are now, as far as requests for their past need it."""

from __future__ import annotations

from services.api.hints import did_you_mean
from services.api.live import Live
from shared.chains import split_token_id
from shared.edge.http.problem import Problem, clip


class Tokens:
    """The tokens of the api's copy."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def must_be_listed(self, token: str) -> None:
        """Raise the problem of a token that is not listed, for one that was never recorded."""
        if token in self._live.replica.rows:
            return
        chain, _ = split_token_id(token)
        meant = self._live.meant_chain(chain)
        if meant is not None:
            raise Problem(400, "bad_chain", did_you_mean(chain, meant), param="chain")
        raise Problem(404, "unknown_token", f"{clip(token)} is neither listed nor recorded")
