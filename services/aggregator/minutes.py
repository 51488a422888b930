"""What the aggregator did in the last minute, as one log line."""

from __future__ import annotations

from services.aggregator.context import AggregatorContext
from services.aggregator.leader import Leader
from shared.process.logs import get_logger
from shared.process.minutes import DeltaCounter

log = get_logger(__name__)


class CommitMinutes:
    """Writes the line; counts are of this process, which may stand by."""

    def __init__(self, leader: Leader, context: AggregatorContext) -> None:
        self._leader = leader
        self._context = context
        self._since = DeltaCounter()

    def write(self) -> None:
        """Write what was taken in and committed."""
        counts, intake = self._context.counts, self._context.intake
        grown = self._since.last(
            commits=counts.commits["ok"],
            refused=counts.commits.total() - counts.commits["ok"],
            changed=counts.commit_tokens.sum,
            readings=intake.sources.total(),
            dropped=intake.dropped.total(),
        )
        log.info(
            "commits_made", active=self._leader.leading, tokens=len(self._context.memory),
            commits=grown["commits"], refused=grown["refused"], changed=grown["changed"],
            readings=grown["readings"], dropped=grown["dropped"],
        )  # fmt: skip
