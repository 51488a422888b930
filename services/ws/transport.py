"""One socket: the WebSocket protocol without I/O between the transport and a session.

`websockets.ServerProtocol` does handshake, parsing and closing. The transport is ours, because
shared frames are written as they are and because its unsent bytes decide what is written next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from dexwire.stream.closing import (
    BAD_SUBPROTOCOL,
    BAD_UTF8,
    FIRST_PRIVATE,
    TOO_BIG,
    UNSUPPORTED_DATA,
    Closing,
)
from services.ws.core.hub import Hub
from services.ws.core.limits import UNSENT_HIGH, UNSENT_LOW, Patience, Pulse
from services.ws.core.session import Session
from services.ws.handshake import Admission, Opened, Refusal, answer, too_large, unread_answer
from shared.edge.framing import Framing

_UNWANTED_S: Final = 1.0  # for one handshake too many to be answered
_GOODBYE_S: Final = 2.0  # for a close frame, or a refusal, to be taken
_FRAGMENTS: Final = 64  # of one message


class GatewayContext(Admission, Protocol):
    """What a connection needs of the gateway that it belongs to."""

    hub: Hub
    patience: Patience
    handshake_s: float

    def handshake_began(self, peer: str) -> Refusal | None:
        """Count a handshake that is under way; return why it is one too many, if it is."""

    def handshake_ended(self, peer: str) -> None:
        """Uncount a handshake: it is done, refused or given up."""

    def opened(self, connection: GatewayConnection) -> None:
        """The handshake is done."""

    def closed(self, connection: GatewayConnection) -> None:
        """The socket is gone."""

    def turned_away(self, path: str, status: int) -> None:
        """A request was answered by something other than an open connection."""


class GatewayConnection(asyncio.Protocol):
    """One socket, from its first byte to its last. It is the session's `MessageSink`."""

    __slots__ = (
        "_eof",
        "_fragments",
        "_gateway",
        "_head",
        "_inbox",
        "_loop",
        "_peer",
        "_pulse",
        "_reported_bytes",
        "_text",
        "_timer",
        "_transport",
        "_unwanted",
        "_writes",
        "_written",
        "_ws",
        "address",
        "close_code",
        "deflate",
        "paused",
        "session",
    )

    def __init__(self, gateway: GatewayContext, ws: ServerProtocol) -> None:
        self._gateway = gateway
        self._ws = ws
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # connection_made
        self._timer: asyncio.TimerHandle | None = None
        # What waits to be handled. None: nothing does, and an empty deque has 600 bytes.
        self._inbox: deque[Frame] | None = None
        self._text = b""
        self._fragments = 0
        self._head = Framing()  # of a handshake that is not complete
        self._peer = ""
        self._unwanted: Refusal | None = None  # one handshake too many: it is not parsed
        self._written = 0
        self._reported_bytes = 0  # of them, those that `take_traffic` has reported
        self._writes = 0
        self._eof = False
        self._pulse: Pulse | None = None
        self.session: Session | None = None
        self.address = ""  # counted against the cap, once the connection is open
        self.close_code = "peer"  # until we close it ourselves
        self.paused = False
        self.deflate = False

    # -- the sink -------------------------------------------------------------------------------
    def write(self, data: bytes) -> None:
        """Hand finished frames to the transport."""
        if not self._transport.is_closing() and not self._eof:
            self._writes += 1
            self._written += len(data)
            self._transport.write(data)

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def take_traffic(self) -> tuple[int, int]:
        """Return, once, how many writes and bytes there were since the last time."""
        writes, size = self._writes, self._written - self._reported_bytes
        self._writes, self._reported_bytes = 0, self._written
        return writes, size

    # -- what the loop calls --------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound the buffer and the time to the end of the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        address = transport.get_extra_info("peername")
        self._peer = address[0] if address else ""
        self._unwanted = self._gateway.handshake_began(self._peer)
        if self._unwanted is not None:
            self._gateway.turned_away("", self._unwanted.status)
            self._timer = self._loop.call_later(_UNWANTED_S, self._transport.abort)
            return
        self._transport.set_write_buffer_limits(high=UNSENT_HIGH, low=UNSENT_LOW)
        self._timer = self._loop.call_later(self._gateway.handshake_s, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Parse, answer, and leave the hub at once when the client closes."""
        if self._unwanted is not None:
            if not self._eof:  # not earlier: clients do not expect an answer before their request
                self._eof = True
                self._transport.write(unread_answer(self._unwanted))
                self._transport.write_eof()
            return
        self._ws.receive_data(data)
        self._take()
        if self.session is None and not self._eof:
            self._head.received(len(data))
            if self._head.too_large:  # the library bounds lines, a hundred of them
                self._ws.send_response(too_large(self._ws))
                self._flush()

    def eof_received(self) -> None:
        """Let the protocol end; returning nothing closes the transport."""
        self._ws.receive_eof()
        self._take()

    def pause_writing(self) -> None:
        """Stop reading too: a client that does not read answers gets no more of them."""
        self.paused = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on with what has come in, then with what has been missed."""
        self.paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self._work()
        if self.session is not None and self._ws.state is State.OPEN:
            self._gateway.hub.serve(self.session.member)

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget everything."""
        if self._timer is not None:
            self._timer.cancel()
        self._inbox = None
        if self.session is not None:
            self.session.leave()
            self._gateway.closed(self)
        else:
            self._gateway.handshake_ended(self._peer)

    # -- once a second --------------------------------------------------------------------------
    def check(self, now_s: float) -> None:
        """Close a connection that is idle, silent or stuck; ping one that may be."""
        if self._pulse is None or self.session is None or self._ws.state is not State.OPEN:
            return
        unsent = self.unsent
        self._pulse.subscribed = self._pulse.subscribed or self.session.subscribed
        closing = self._pulse.verdict(
            now_s, drained=self._written - unsent, unsent=unsent, paused=self.paused
        )
        if closing is not None:
            self.close(closing)
        elif not self.paused and self._pulse.ping_due(now_s):
            self._ws.send_ping(b"")
            self._flush()

    def close(self, closing: Closing) -> None:
        """Leave the hub and close; nothing is written after the close frame."""
        if self.session is not None:
            self.session.leave()
        self._inbox = None
        if self._ws.state is State.OPEN:
            self.close_code = str(closing.code)
            # A violation, whose sender is not listened to; or it has closed before the response.
            if closing.code < FIRST_PRIVATE or self._ws.close_rcvd is not None:
                self._ws.fail(closing.code, closing.reason)
            else:
                self._ws.send_close(closing.code, closing.reason)
        if self.paused and not self._transport.is_closing():
            self._transport.resume_reading()  # for its close frame
        self._flush()

    def abort(self) -> None:
        """Drop the socket."""
        self._transport.abort()

    # -- inside -----------------------------------------------------------------------------------
    def _take(self) -> None:
        for event in self._ws.events_received():
            if isinstance(event, Request):
                self._on_request(event)
            elif isinstance(event, Frame):
                if self._inbox is None:
                    self._inbox = deque()
                self._inbox.append(event)
        if self._ws.state is not State.OPEN:
            self._inbox = None
            if self.session is not None:
                self.session.leave()  # before anything is written behind the close frame
        self._work()
        self._flush()

    def _work(self) -> None:
        """Handle what has come in, as long as its answers are taken."""
        while self._inbox and not self.paused and self._ws.state is State.OPEN:
            closing = self._on_frame(self._inbox.popleft())
            if closing is not None:
                self.close(closing)
        if not self._inbox:
            self._inbox = None

    def _on_request(self, request: Request) -> None:
        verdict = answer(self._ws, request, self._peer, self._gateway)
        if isinstance(verdict, Response):
            self._gateway.turned_away(request.path, verdict.status_code)
            if self._ws.eof_sent:  # what follows the request is no frame: the library has given up
                self.write(verdict.serialize())
                self._eof = True
                self._transport.write_eof()
            else:
                self._ws.send_response(verdict)
            return
        # Pongs for a client that did not wait for the response, which comes before them.
        early = b"".join(self._ws.data_to_send())
        self._ws.send_response(verdict.response)
        self._flush()
        if early:
            self.write(early)
        if self._ws.state is State.OPEN:
            self._open(verdict)

    def _open(self, opened: Opened) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_s = self._loop.time()
        self.address, self.deflate = opened.address, opened.deflate
        self._pulse = Pulse(self._gateway.patience, now_s)
        self.session = Session(self._gateway.hub, self, opened.address)
        self._gateway.handshake_ended(self._peer)
        self._gateway.opened(self)
        if not opened.protocol_known:
            self.close(BAD_SUBPROTOCOL)
            return
        self.session.greet(opened.topics, opened.watch)

    def _on_frame(self, frame: Frame) -> Closing | None:
        if self.session is None or self._pulse is None:
            return None
        now_s = self._loop.time()
        if frame.opcode is Opcode.PONG:
            self._pulse.pong()
            return self.session.knock(now_s)
        if frame.opcode is Opcode.PING:
            return self.session.knock(now_s)
        if frame.opcode is Opcode.BINARY:
            return UNSUPPORTED_DATA
        self._text += frame.data
        self._fragments += 1
        if not frame.fin:
            # The library bounds the bytes of a message but not its empty fragments.
            return TOO_BIG if self._fragments > _FRAGMENTS else None
        text, self._text, self._fragments = self._text, b"", 0
        try:
            message = text.decode()
        except UnicodeDecodeError:
            return BAD_UTF8
        return self.session.receive(message, now_s)

    def _flush(self) -> None:
        """Write what the protocol wants written; give the other side little time to let go."""
        for data in self._ws.data_to_send():
            if self._eof or self._transport.is_closing():
                return
            if data:
                self.write(data)
            else:
                self._eof = True
                self._transport.write_eof()
        if self._ws.close_expected() and not self._transport.is_closing():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(_GOODBYE_S, self._transport.abort)
