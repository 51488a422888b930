"""A service's log line as a person reads it on a terminal. Pure, but for the local time zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from shared.process.log_lines import printable

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
# Shown elsewhere in the line, or of no use to a person.
_LEFT_OUT: Final = {"event", "level", "service", "timestamp", "module", "exception"}
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


class LogView(NamedTuple):
    """What is shown of a line; what is no line of our logs has neither level nor time."""

    time: str  # HH:MM:SS, local
    level: str
    event: str
    fields: tuple[tuple[str, str], ...]
    trace: tuple[str, ...]

    @property
    def severe(self) -> bool:
        """Whether a person should see it who did not ask for everything."""
        return not self.level or LEVELS.index(self.level) >= LEVELS.index("warning")


def view(line: str) -> LogView:
    """Return how a line of a service's output is shown."""
    try:
        fields = _decoder.decode(line)
    except ValueError:
        fields = {}
    if fields.get("level") not in LEVELS or "event" not in fields:
        return LogView("", "", str(printable(line)), (), ())
    return LogView(
        time=_local_time(str(fields.get("timestamp", ""))),
        level=str(fields["level"]),
        event=str(printable(str(fields["event"]))),
        fields=tuple(
            (k, str(printable(_text(v)))) for k, v in fields.items() if k not in _LEFT_OUT
        ),
        trace=tuple(str(printable(line)) for line in str(fields.get("exception", "")).splitlines()),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _local_time(stamp: str) -> str:
    try:
        return f"{datetime.fromisoformat(stamp).astimezone():%H:%M:%S}"
    except ValueError:
        return ""
