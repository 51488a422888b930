"""Opening a port: which address a host means, and what to do when it cannot be listened on."""

from __future__ import annotations

import errno
import resource
import socket
from typing import Final

from shared.errors import CannotListen

BACKLOG: Final = 4_096
_NO_RIGHT: Final = {errno.EACCES, errno.EPERM}


def listen(
    name: str, host: str, port: int, *, backlog: int = BACKLOG, send_buffer: int | None = None
) -> socket.socket:
    """Return a listening TCP socket; port 0 is any free one.

    `name` stands before `_HOST` and `_PORT` in the settings that chose the address.
    `send_buffer`: bytes of each connection in the kernel. Raises CannotListen.
    """
    try:
        sock = bind(host, port, send_buffer=send_buffer)
        try:
            sock.listen(backlog)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        reason = f"{name}_HOST, {name}_PORT: cannot listen on {host}:{port}: {error.strerror}"
        raise CannotListen(reason, fix=_fix(name, error)) from None
    _raise_open_files_limit()
    return sock


def bind(host: str, port: int, *, send_buffer: int | None = None) -> socket.socket:
    """Return a bound TCP socket, of IPv4 where the host has both. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    found.sort(key=lambda info: info[0] != socket.AF_INET)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit both. With the kernel's own choice of a send buffer a slow reader
        # stays invisible for 4 MB.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _fix(name: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"set {name}_PORT to a free port, or stop what listens on this one"
    if error.errno in _NO_RIGHT:
        return f"set {name}_PORT to 1024 or above, or give this process the right to it"
    return f"set {name}_HOST to a name or address of this machine"


def _raise_open_files_limit() -> None:
    """Allow as many sockets as the system permits this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
