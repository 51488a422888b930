"""Which sources are down, by what the fetchers write of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.recorder.batch import GapWrite

QUIET_MS: Final = 120_000  # without any success for so long a source counts as down


def source_outage(source: str, status: Mapping[bytes, bytes], now_ms: int) -> GapWrite | None:
    """Return the outage that a source is in, by its `fetch:status`; None: it answers.

    It began with the last success. A source that never answered, or is switched off, is in none.
    """
    last_ok = status.get(b"last_ok_ms", b"")
    state = status.get(b"state", b"")
    if state == b"off" or not last_ok.isdigit():
        return None
    since = int(last_ok)
    if state != b"down" and now_ms - since < QUIET_MS:
        return None
    if since >= now_ms:
        return None
    why = f"{source} was down" if state == b"down" else f"{source} was not polled"
    return GapWrite(source, since, now_ms, why)
