"""A transport that is closed once the client's side has all of the answer.

What is written lies in this system's memory until the client's has taken it. A container takes that
memory with it when its process ends; who reads slowly, as a proxy on a busy machine does, would get
the beginning of an answer and nothing more.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from typing import Any, Final

_LOOK_S: Final = 0.01


class GracefulClose:
    """Stands for a connection's transport; all but its end is the transport's own."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, within_s: float
    ) -> None:
        """`within_s`: how long the client may take for the rest."""
        self._transport, self._loop, self._within_s = transport, loop, within_s
        self._deadline = 0.0
        self._closing = self._ended = False

    def write(self, data: bytes) -> None:
        """Write; after the end nobody reads it, and uvloop raises where asyncio drops it."""
        if not (self._ended or self._transport.is_closing()):
            self._transport.write(data)

    def write_eof(self) -> None:
        """End what is written; the other side may go on."""
        self._ended = True
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Return whether the connection is about to end."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Send what is left and the end; close when the client's side has all of it, or is late."""
        if self.is_closing():
            return
        if not self._is_left():
            self._transport.close()
            return
        self._closing = self._ended = True
        self._deadline = self._loop.time() + self._within_s
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._look()

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        if not self._is_left():
            self._transport.close()
        elif self._loop.time() < self._deadline:
            self._loop.call_later(_LOOK_S, self._look)
        else:
            self._transport.abort()

    def _is_left(self) -> bool:
        return self._transport.get_write_buffer_size() > 0 or _unacknowledged(self._transport) > 0


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Return the bytes sent that the other side has not confirmed; 0 where that is unknown."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return 0
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])
    except OSError:  # a system that does not say, or a connection that is gone
        return 0
