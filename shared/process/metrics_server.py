"""The port on which one process shows its metrics, served by a thread of its own.

A thread, so that a loop that stands still can be seen from outside: `/metrics` goes on answering,
`/readyz` and `/livez` answer. They are what a container's probes ask of the fetcher and the
aggregator, which listen nowhere else.
"""

from __future__ import annotations

import io
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from prometheus_client import MetricsHandler

from shared.edge.framing import Framing
from shared.errors import CannotListen
from shared.process.listen import listen
from shared.process.logs import get_logger
from shared.process.metrics import Metrics
from shared.process.settings import METRICS_PORTS, ServiceSettings

log = get_logger(__name__)

_DEAD_S: Final = 10.0  # a loop that has not turned for so long will not by itself
_CLIENT_S: Final = 5.0  # for a request to arrive and its answer to be taken
_THREADS_MAX: Final = 32  # requests at one time; further connections are closed
_POLL_S: Final = 0.1  # how soon the thread notices that it is to end


@contextmanager
def serve_metrics(metrics: Metrics, settings: ServiceSettings) -> Iterator[int]:
    """Serve while the context lasts; give the port, 0 when there is none.

    A port that was configured and cannot be had raises CannotListen. The default one is a
    convenience: without it the service runs all the same, after one warning.
    """
    port = settings.metrics_port
    chosen = METRICS_PORTS[metrics.service] if port is None else port
    if chosen == 0:
        yield 0
        return
    try:
        sock = listen("METRICS", settings.metrics_host, chosen, backlog=2 * _THREADS_MAX)
    except CannotListen as error:
        if port is not None:
            raise
        log.info("metrics_off", port=chosen, error=error.reason, fix=error.fix)
        yield 0
        return
    server = _MetricsHttpServer(sock, metrics)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="metrics")
    thread.start()
    log.info("metrics_listening", host=settings.metrics_host, port=server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _MetricsHttpServer(socketserver.ThreadingMixIn, HTTPServer):
    """Serves a listening socket. Requests under way do not outlive the process, nor hold it up."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, sock: socket.socket, metrics: Metrics) -> None:
        self._free = threading.Semaphore(_THREADS_MAX)
        address = sock.getsockname()
        super().__init__(address, partial(_Handler, metrics), bind_and_activate=False)
        self.socket.close()  # the library makes one of its own
        self.socket = sock
        self.server_name, self.server_port = "", int(address[1])

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Give it a thread, as long as there are few."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Answer, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - the library's
        """Log what a scrape ran into; a client that went away is not worth a line."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error("metrics_request_failed", exc_info=error)


class _Head(io.RawIOBase):
    """What a client sends, for a bounded time and length, however slowly it drips."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._framing = sock, Framing()
        self._until_s = time.monotonic() + _CLIENT_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Read; raises TimeoutError, which the library answers by closing."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0 or self._framing.too_large:
            raise TimeoutError
        self._sock.settimeout(left_s)
        size = self._sock.recv_into(buffer)
        self._sock.settimeout(_CLIENT_S)  # for the answer
        self._framing.received(size)
        return size


class _Handler(MetricsHandler):
    """Answers GET; the library formats the metrics."""

    timeout = _CLIENT_S

    def __init__(self, metrics: Metrics, *args: Any) -> None:  # noqa: ANN401 - the library's
        self._metrics = metrics
        self.registry = metrics.registry
        super().__init__(*args)

    def setup(self) -> None:
        """Bound what is read."""
        super().setup()
        self.rfile = io.BufferedReader(_Head(self.connection))

    def do_GET(self) -> None:  # noqa: N802 - the library's
        loop, path = self._metrics.loop, urlsplit(self.path).path
        if path == "/metrics":
            super().do_GET()
        elif path == "/livez":
            self._respond(503 if loop.lag_s > _DEAD_S else 200, f"loop lag {loop.lag_s:.1f} s")
        elif path == "/readyz":
            self._respond(503 if loop.stuck_s else 200, f"loop lag {loop.stuck_s:.1f} s")
        else:
            self._respond(404, "there are /metrics, /readyz and /livez")

    def _respond(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())

    def version_string(self) -> str:
        """Name no versions."""
        return "dexwire"
