"""What the api needs of uvicorn's connections beyond what uvicorn offers. The only place for it.

uvicorn has no hooks for bounds on a connection, so this class reaches into its protocol. Every name
that it takes from there is in the table of tests/api/test_uvicorn_contract.py, which holds it to
the installed version; pyproject bounds that version above (docs/decisions/0025). The methods that
the parser and the event loop call are public: those of httptools and of `asyncio.Protocol`.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.edge.http.answer import SEND_WHOLE


class UvicornProtocol(HttpToolsProtocol):
    """A connection that can be looked at, held up and refused. Subclasses say when."""

    def __init__(self, *, app_state: dict[str, Any], **options: Any) -> None:  # noqa: ANN401 - uvicorn's
        """`app_state`: what each request gets as its scope's `state`."""
        super().__init__(app_state={**app_state, SEND_WHOLE: self.send_whole}, **options)
        self._requests: deque[RequestResponseCycle] = deque()  # not answered yet, in order

    # -- what a subclass may be called for ------------------------------------------------------
    def on_malformed(self, detail: str) -> None:
        """Answer what the parser could not take."""
        raise NotImplementedError

    def on_answered(self) -> None:
        """Go on after an answer: the next request is under way now, if there is one."""

    # -- what a subclass may use ------------------------------------------------------------------
    @property
    def unanswered(self) -> int:
        """How many requests are being answered or wait for it."""
        return len(self._requests)

    @property
    def is_http_1_0(self) -> bool:
        """Whether the request whose header was just read is of HTTP/1.0."""
        return bool(self.parser.get_http_version() == "1.0")

    def pause_reading(self) -> None:
        """Take in nothing more; the next answer takes it back."""
        self.flow.pause_reading()

    def resume_reading(self) -> None:
        """Take in more."""
        self.flow.resume_reading()

    def drop_requests(self) -> bool:
        """Send nothing more of any answer; return whether one had begun to be sent."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        self.pipeline.clear()
        begun = False
        if self._requests:
            request = self._requests[0]
            request.disconnected = True
            request.message_event.set()
            begun = request.response_started
        return begun

    def send_whole(self, send: Send, head: bytes, body: bytes) -> bool:
        """Answer the request under way; return False, with nothing sent, if uvicorn has to do it.

        `head`: the status line and the headers of an answer that was made once and is sent often.
        uvicorn looks at each header of each answer again, which costs as much as the rest of it. It
        has to where somebody adds headers (`send` is not the request's own), and where the client
        is slow or gone.
        """
        request = self._requests[0]
        if send != request.send or request.response_started or request.disconnected:
            return False
        if self.flow.write_paused:
            return False
        request.response_started = request.response_complete = True
        request.waiting_for_100_continue = False
        request.message_event.set()
        last = b"" if request.keep_alive else b"connection: close\r\n"
        date = [b"%s: %s\r\n" % header for header in self.server_state.default_headers]
        self.transport.write(b"".join([head, *date, last, b"\r\n"]))
        if body:
            self.transport.write(body)
        if not request.keep_alive:
            self.transport.close()
        request.on_response()
        return True

    # -- what uvicorn and its parser call ---------------------------------------------------------
    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it. Its state refers to it, and would keep it until a garbage collection."""
        super().connection_lost(exc)
        self.app_state.pop(SEND_WHOLE, None)

    def on_headers_complete(self) -> None:
        """Take note of a request that has come in."""
        super().on_headers_complete()
        self._requests.append(self.cycle)

    def on_response_complete(self) -> None:
        """Forget the request that was answered."""
        super().on_response_complete()
        while self._requests and self._requests[0].response_complete:
            self._requests.popleft()
        self.on_answered()

    def send_400_response(self, msg: str) -> None:
        """Leave the answer to the subclass."""
        self.on_malformed(msg)
