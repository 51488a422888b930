"""Why there is no image."""

from __future__ import annotations

from typing import Final

from shared.errors import PipelineError

# Every reason, in the words of the metrics and of the log.
BAD_URL: Final = "bad_url"
PRIVATE: Final = "private_address"
UNREACHABLE: Final = "unreachable"
STATUS: Final = "status"
REDIRECTS: Final = "redirects"
TYPE: Final = "type"
ENCODING: Final = "encoding"
TOO_LARGE: Final = "too_large"
TIMEOUT: Final = "timeout"
NOT_DECODED: Final = "not_decoded"
TOO_COSTLY: Final = "too_costly"
WORKER: Final = "worker"


class NoImage(PipelineError):
    """An address gave no image. `reason` is one of the words above, `detail` is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    @property
    def ours(self) -> bool:
        """Whether it says nothing about the address: the next request may try again."""
        return self.reason == WORKER
