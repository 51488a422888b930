"""`python -m dexwire.server.healthcheck`: whether the service in this container works; exit 0 or 1.

An engine asks every few seconds in every container, so nothing is imported that costs time: 30 ms
instead of the command line's 500.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Final, NamedTuple

_ANSWER_S: Final = 2.0
_INIT: Final = Path("/proc/1/cmdline")  # with or without an init in front: `… dexwire api`


class Probe(NamedTuple):
    """Where a service reports its health."""

    port: str  # the variable that says it
    default: int
    path: str


# On the metrics port a fetcher and an aggregator show that their loop turns. A standby, which waits
# for its turn, is as well as the aggregator that leads, and so is a fetcher whose sources are down.
PROBES: Final = {
    "api": Probe("API_PORT", 8000, "/readyz"),
    "ws": Probe("WS_PORT", 8001, "/readyz"),
    "images": Probe("IMAGES_PORT", 8002, "/readyz"),
    "replay": Probe("REPLAY_PORT", 8010, "/health"),
    "fetcher": Probe("METRICS_PORT", 9101, "/readyz"),
    "aggregator": Probe("METRICS_PORT", 9102, "/readyz"),
    "recorder": Probe("METRICS_PORT", 9107, "/readyz"),
}


def service_of(command: bytes) -> str | None:
    """Return the first service that a command line (NUL between words) names."""
    words = command.decode(errors="replace").split("\0")
    return next((word for word in words if word in PROBES), None)


def status_of(port: int, path: str) -> int:
    """Return the status of a local GET. Raises OSError, ValueError."""
    with socket.create_connection(("127.0.0.1", port), _ANSWER_S) as connection:
        connection.settimeout(_ANSWER_S)
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        return int(connection.recv(64).split(b" ", 2)[1])


def main(words: list[str]) -> int:
    """Check the service named, or the one that runs here; print one line when it is not well."""
    name = words[0] if words else service_of(_INIT.read_bytes())
    if name not in PROBES:
        print(f"no service to check; one of {', '.join(PROBES)}")
        return 1
    probe = PROBES[name]
    port = int(os.environ.get(probe.port, "").strip(" '\"") or probe.default)
    try:
        status = status_of(port, probe.path)
    except (OSError, ValueError, IndexError) as error:
        print(f"{name}: port {port} does not answer: {error}")
        return 1
    if status != 200:
        print(f"{name}: {probe.path} on port {port} answers {status}")
    return int(status != 200)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
