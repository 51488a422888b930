"""One connection of the api: HTTP/1.1 with bounds on what uvicorn leaves unbounded.

uvicorn waits for ever for a header that does not end and for a client that does not read, and
takes headers of any size and number. What is refused here has not reached the app; it is answered
with a problem like any other. How uvicorn is made to do it is in `uvicorn_protocol.py`.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from shared.edge.framing import HEAD_MAX, HEADERS_MAX, Framing
from shared.edge.http.answer import problem_answer
from shared.edge.http.graceful_close import GracefulClose
from shared.edge.http.middleware.connection import LINGER_BYTES, LINGER_S, REFUSALS
from shared.edge.http.problem import Problem
from shared.edge.http.uvicorn_protocol import UvicornProtocol
from shared.edge.http.visitors import Visitors

URL_MAX: Final = 8 * 1024  # bytes
PIPELINED_MAX: Final = 16  # requests that wait behind one; further ones stay unread
_PER_FIELD: Final = len(b": \r\n")
_SLICE: Final = 2 * 1024  # bytes that are parsed before all bounds are looked at again
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the connections of one server are held to."""

    visitors: Visitors
    header_s: float = 5.0  # from the connection, the answer before, or the first byte
    stall_s: float = 20.0  # for an answer to be taken
    problems: Counter[str] = field(default_factory=Counter)  # refusals by code, counted here


class RefusedRequest(Exception):
    """Raised inside the parser, to leave it."""


class BoundedConnection(UvicornProtocol):
    """HTTP/1.1 on a connection. `serving` makes one whose bounds are set."""

    bounds: Bounds

    def __init__(self, *, app_state: dict[str, Any], **options: Any) -> None:  # noqa: ANN401 - uvicorn's
        refusals = [0]  # in a row; the middleware counts
        super().__init__(app_state={**app_state, REFUSALS: refusals}, **options)
        self._loop = asyncio.get_running_loop()
        self._connection: GracefulClose  # connection_made
        self._in_head = True  # a request's header is being read, or waited for
        self._framing = Framing()
        self._unread: memoryview | None = None  # what came in while too many requests wait
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._problem: Problem | None = None
        self._fields = 0  # of the header and trailers
        self._head_size = 0  # bytes of the header's fields
        self._url_size = 0
        self._hosts: list[bytes] = []  # values of Host
        self._gone = False  # refused: what still comes is thrown away
        self._thrown = 0
        self._peer = ""

    # -- the connection ---------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and give it time for its first header."""
        self._connection = GracefulClose(transport, self._loop, self.bounds.stall_s)
        super().connection_made(self._connection)  # type: ignore[arg-type]
        address = transport.get_extra_info("peername")
        self._peer = address[0] if address else ""
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
            if self._gone or self._connection.is_closing():
                self._throw_away(len(data) - start)
                return
            if self.unanswered > PIPELINED_MAX:
                self._unread = data[start:]
                self.pause_reading()
                return
            part = data[start : start + _SLICE]
            self._framing.received(len(part))
            # httptools takes any buffer.
            super().data_received(part)  # type: ignore[arg-type]
            if self._framing.too_large and not self._gone:
                self._refuse(_too_large() if self._in_head else _too_much_framing())
        if self._in_head and self._framing.size and self._head_timer is None and not self._gone:
            self._await_head()

    def on_answered(self) -> None:
        """Go on with what was not read."""
        if self._unread is not None:
            self.pause_reading()
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._unread is not None:
            self.resume_reading()
            self._read(self._unread)

    # -- what the parser finds ------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """Begin a header."""
        super().on_message_begin()
        self._in_head, self._fields, self._head_size, self._url_size = True, 0, 0, 0
        self._hosts.clear()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        super().on_url(url)
        self._url_size += len(url)
        if self._url_size > URL_MAX:
            self._leave(Problem(414, "uri_too_long", f"an address may have {URL_MAX} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the header. Trailers are counted, and nobody reads them."""
        self._fields += 1
        if self._fields > HEADERS_MAX:
            self._leave(_too_large())
        if self._in_head:
            self._head_size += len(name) + len(value) + _PER_FIELD
            if len(name) == len(b"host") and name.lower() == b"host":
                self._hosts.append(value)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let a request in whose header is as it must be."""
        self._in_head = False
        self._framing.complete()  # the body has a bound of its own
        self._cancel_head_timer()
        if self._head_size + self._url_size > HEAD_MAX:
            self._leave(_too_large())
        hosts = self._hosts
        if len(hosts) != 1 and (hosts or not self.is_http_1_0):
            self._leave(Problem(400, "bad_host", "a request needs one Host header"))
        if hosts and not _HOST.fullmatch(hosts[0]):
            self._leave(Problem(400, "bad_host", "Host must be a name or address, and a port"))
        super().on_headers_complete()

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

    def on_malformed(self, detail: str) -> None:
        """Answer what the parser, or one of the above, could not take."""
        self._refuse(self._problem or Problem(400, "bad_request", detail))

    # -- deadlines --------------------------------------------------------------------------------
    def _await_head(self) -> None:
        self._head_timer = self._loop.call_later(self.bounds.header_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.unanswered:
            self._await_head()  # the request before it is still being answered
        elif self._framing.size:
            detail = f"the header did not arrive within {self.bounds.header_s:g} s"
            self._refuse(Problem(408, "slow_header", detail))
        else:
            self._connection.close()

    def pause_writing(self) -> None:
        """Give the client time to read on."""
        super().pause_writing()
        if self._stall_timer is None:
            self._await_reader()

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if not self._connection.is_closing():  # else the rest has the same deadline
            self._cancel_stall_timer()

    def _await_reader(self) -> None:
        self._stall_timer = self._loop.call_later(self.bounds.stall_s, self._connection.abort)

    # -- refusals -------------------------------------------------------------------------------
    def _refuse(self, problem: Problem) -> None:
        """Answer, and close the connection once the client has had the chance to read it."""
        self._gone = True
        self.bounds.problems[problem.code] += 1
        self._cancel_head_timer()
        if self.drop_requests():
            self._connection.abort()  # in the middle of an answer
        if self._connection.is_closing():
            return
        answer = problem_answer(problem)
        self._connection.write(answer.head + b"connection: close\r\n\r\n" + answer.body)
        if self._connection.can_write_eof():
            self._connection.write_eof()
        self._cancel_stall_timer()
        self._stall_timer = self._loop.call_later(LINGER_S, self._connection.abort)

    def _throw_away(self, size: int) -> None:
        self._thrown += size
        if self._thrown > LINGER_BYTES:
            self._connection.abort()

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


def serving(bounds: Bounds) -> type[BoundedConnection]:
    """Return the class of one server's connections; uvicorn makes its instances."""
    return type("ServedConnection", (BoundedConnection,), {"bounds": bounds})


def _too_large() -> Problem:
    detail = f"the header may have {HEAD_MAX} bytes and {HEADERS_MAX} fields"
    return Problem(431, "header_too_large", detail)


def _too_much_framing() -> Problem:
    detail = f"chunk sizes, extensions and trailers may have {HEAD_MAX} bytes more than the body"
    return Problem(400, "framing_too_large", detail)
