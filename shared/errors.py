"""The few errors that cross a module's edge. The message says what, where and what to do."""

from __future__ import annotations


class PipelineError(Exception):
    """Anything dexwire raises on purpose."""


class ConfigError(PipelineError):
    """A setting is wrong; the message names the variable."""


class NewerStore(ConfigError):
    """The store has a schema that this version does not know."""

    def __init__(self, schema: str) -> None:
        super().__init__(
            f"the store has schema {schema[:20]}, which a newer version of dexwire wrote: start "
            "that version again, or use another REDIS_URL or REDIS_PREFIX (docs/OPERATIONS.md, "
            "Upgrade)"
        )


class NewerHistory(ConfigError):
    """The history's database has tables that this version does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"HISTORY_URL: the database has revision {revision[:20]}, which a newer version of "
            "dexwire made: start that version again, or use another database"
        )


class CannotListen(PipelineError):
    """An address cannot be listened on. `reason` names it, `fix` says what to do."""

    def __init__(self, reason: str, *, fix: str = "") -> None:
        super().__init__(f"{reason}; {fix}" if fix else reason)
        self.reason = reason
        self.fix = fix


class JobFailed(PipelineError):
    """A job of a service failed (its error is the cause), or ended before the service did."""

    def __init__(self, job: str) -> None:
        super().__init__(f"the job {job} ended by itself")
        self.job = job


class SourceError(PipelineError):
    """An upstream call did not give data."""


class Throttled(SourceError):
    """The upstream requests a wait.

    `retry_after_s` is its wish in seconds, already capped.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(SourceError):
    """The upstream did not answer, or answered with a server error, after all attempts."""


class Resting(SourceError):
    """The upstream was not called, because most of the latest calls to it failed."""


class MalformedBody(SourceError):
    """The upstream answered with something that is not what it documents."""


class StoreError(PipelineError):
    """Redis refused or could not be reached."""


class Behind(StoreError):
    """The aggregator has not read what was published before; nothing is lost, repeat it later."""


class Fenced(StoreError):
    """Another aggregator has taken over; this one must stop writing at once."""


class Diverged(StoreError):
    """The store's epoch or version is not the one this writer built on."""


class Replaced(StoreError):
    """The store is empty, another one, or was restarted since its epoch began."""
