"""One connection of the api: HTTP/1.1 with bounds on what uvicorn leaves unbounded.

uvicorn waits for ever for a header that does not end and for a client that does not read, and
takes headers of any size and number. What is refused here has not reached the app; it is answered
with a problem like any other.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from services.api.edge.answer import PROBLEM, SAFE_HEADERS
from services.api.edge.graceful_close import GracefulClose
from services.api.edge.middleware.connection import REFUSALS
from services.api.edge.problem import Problem
from services.api.edge.visitors import Visitors
from shared.edge.framing import HEAD_MAX, HEADERS_MAX, Framing

URL_MAX: Final = 8 * 1024  # bytes
PIPELINED_MAX: Final = 16  # requests that wait behind one; further ones stay unread
_SLICE: Final = 2 * 1024  # bytes that are parsed before all bounds are looked at again
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# A refusal that is closed with bytes unread is a reset, and its reason is lost on the way: so much
# is still taken in after it.
_LINGER_BYTES: Final = 1 << 20
_LINGER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the connections of one server are held to."""

    visitors: Visitors
    header_s: float = 5.0  # from the connection, the answer before, or the first byte
    stall_s: float = 20.0  # for an answer to be taken
    problems: Counter[str] = field(default_factory=Counter)  # refusals by code, counted here


class RefusedRequest(Exception):
    """Raised inside the parser, to leave it."""


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 on a connection. `serving` makes one whose bounds are set."""

    bounds: Bounds

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **options)
        self._in_head = True  # a request's header is being read, or waited for
        self._framing = Framing()
        self._unread: memoryview | None = None  # what came in while too many requests wait
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None  # `cycle` is the last that came in
        self._problem: Problem | None = None
        self._refusals = [0]  # in a row; the middleware counts
        self._fields = 0  # of the header and trailers
        self._gone = False  # refused: what still comes is thrown away
        self._thrown = 0
        self._peer = ""

    # -- the connection ---------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and give it time for its first header."""
        parting = GracefulClose(transport, self.loop, self.bounds.stall_s)
        super().connection_made(parting)  # type: ignore[arg-type]
        self._peer = self.client[0] if self.client else ""
        problem = self.bounds.visitors.connect(self._peer)
        if problem is not None:
            self._refuse(problem)
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._cancel_head_timer()
        self._cancel_stall_timer()
        self.bounds.visitors.disconnect(self._peer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and bound what has no end yet."""
        self._read(memoryview(data if self._unread is None else bytes(self._unread) + data))

    def _read(self, data: memoryview) -> None:
        """Parse slice by slice; each is followed by a look at what has piled up."""
        self._unread = None
        for start in range(0, len(data), _SLICE):
            if self._gone or self.transport.is_closing():
                self._throw_away(len(data) - start)
                return
            if len(self.pipeline) >= PIPELINED_MAX:
                self._unread = data[start:]
                self.flow.pause_reading()
                return
            part = data[start : start + _SLICE]
            self._framing.received(len(part))
            # httptools takes any buffer.
            super().data_received(part)  # type: ignore[arg-type]
            if self._framing.too_large and not self._gone:
                self._refuse(_too_large() if self._in_head else _too_much_framing())
        if self._in_head and self._framing.size and self._head_timer is None and not self._gone:
            self._await_head()

    def on_response_complete(self) -> None:
        """Go on with what was not read."""
        super().on_response_complete()
        if self._unread is not None:
            self.flow.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._unread is not None:
            self.flow.resume_reading()
            self._read(self._unread)

    # -- what the parser finds ------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """Begin a header."""
        super().on_message_begin()
        self._in_head, self._fields = True, 0
        self.scope[REFUSALS] = self._refusals  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        super().on_url(url)
        if len(self.url) > URL_MAX:
            self._leave(Problem(414, "uri_too_long", f"an address may have {URL_MAX} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the header. Trailers are counted, and nobody reads them."""
        self._fields += 1
        if self._fields > HEADERS_MAX:
            self._leave(_too_large())
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let a request in whose header is as it must be."""
        self._in_head = False
        self._framing.complete()  # the body has a bound of its own
        self._cancel_head_timer()
        size = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size + len(self.url) > HEAD_MAX:
            self._leave(_too_large())
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            self._leave(Problem(400, "bad_host", "a request needs one Host header"))
        if hosts and not _HOST.fullmatch(hosts[0]):
            self._leave(Problem(400, "bad_host", "Host must be a name or address, and a port"))
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - its
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._framing.is_content(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next header."""
        super().on_message_complete()
        self._in_head = True
        self._framing.complete()

    def _leave(self, problem: Problem) -> None:
        self._problem = problem
        raise RefusedRequest

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser, or one of the above, could not take."""
        self._refuse(self._problem or Problem(400, "bad_request", msg))

    # -- deadlines --------------------------------------------------------------------------------
    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.bounds.header_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._answering is not None and not self._answering.response_complete:
            self._await_head()  # the request before it is still being answered
        elif self._framing.size:
            detail = f"the header did not arrive within {self.bounds.header_s:g} s"
            self._refuse(Problem(408, "slow_header", detail))
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Give the client time to read on."""
        super().pause_writing()
        if self._stall_timer is None:
            self._await_reader()

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if not self.transport.is_closing():  # else the rest has the same deadline
            self._cancel_stall_timer()

    def _await_reader(self) -> None:
        self._stall_timer = self.loop.call_later(self.bounds.stall_s, self.transport.abort)

    # -- refusals -------------------------------------------------------------------------------
    def _refuse(self, problem: Problem) -> None:
        """Answer, and close the connection once the client has had the chance to read it."""
        self._gone = True
        self.bounds.problems[problem.code] += 1
        self._cancel_head_timer()
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # whatever it still says is not sent
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.abort()
        if self.transport.is_closing():
            return
        self.transport.write(_response(problem))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._cancel_stall_timer()
        self._stall_timer = self.loop.call_later(_LINGER_S, self.transport.abort)

    def _throw_away(self, size: int) -> None:
        self._thrown += size
        if self._thrown > _LINGER_BYTES:
            self.transport.abort()

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


def serving(bounds: Bounds) -> type[Protocol]:
    """Return the protocol of one server; uvicorn makes its instances."""
    return type("ServedProtocol", (Protocol,), {"bounds": bounds})


def _too_large() -> Problem:
    detail = f"the header may have {HEAD_MAX} bytes and {HEADERS_MAX} fields"
    return Problem(431, "header_too_large", detail)


def _too_much_framing() -> Problem:
    detail = f"chunk sizes, extensions and trailers may have {HEAD_MAX} bytes more than the body"
    return Problem(400, "framing_too_large", detail)


def _response(problem: Problem) -> bytes:
    body = problem.body()
    lines = [
        b"HTTP/1.1 %d %s" % (problem.status, problem.phrase.encode()),
        b"connection: close",
        b"content-type: " + PROBLEM,
        b"content-length: %d" % len(body),
        *(name + b": " + value for name, value in SAFE_HEADERS),
        *(f"{name}: {value}".encode("latin-1") for name, value in problem.headers.items()),
    ]
    return b"\r\n".join([*lines, b"", body])
