"""Clients with loopback addresses of their own, as bounds are counted for each address."""

from __future__ import annotations

import http.client
import itertools
import re
import socket
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

import msgspec

_NUMBERS: Final = itertools.count()
_HANDSHAKE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HALF_HANDSHAKE: Final = _HANDSHAKE[:-2]  # the line that ends it is missing
PING: Final = b"\x89\x00"  # zero bytes are in no JSON
PONG: Final = b"\x8a\x80" + bytes(4)
_READ: Final = 1 << 20  # bytes at once
_ANSWER_S: Final = 10.0


def new_address() -> str:
    """Return an address for which no service has counted anything yet."""
    number = next(_NUMBERS)
    return f"127.7.{number // 250}.{number % 250 + 1}"


def connect(port: int, address: str) -> socket.socket:
    return socket.create_connection(
        ("127.0.0.1", port), timeout=_ANSWER_S, source_address=(address, 0)
    )


def text_frame(text: bytes) -> bytes:
    """Return a client's frame under a mask of zeros; of at most 64 KiB."""
    length = b"\xfe" + len(text).to_bytes(2) if len(text) > 125 else bytes([128 + len(text)])
    return b"\x81" + length + bytes(4) + text


class Answer(NamedTuple):
    """What an api answered."""

    status: int
    body: Any  # decoded JSON


class HttpClient:
    """One connection to an api; it is opened again when the api has closed it."""

    def __init__(self, port: int, address: str = "") -> None:
        source = (address or new_address(), 0)
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=_ANSWER_S, source_address=source
        )

    def get(self, path: str) -> Answer:
        return self._request("GET", path)

    def post(self, path: str, message: object, headers: Mapping[str, str]) -> Answer:
        sent = {"Content-Type": "application/json", **headers}
        return self._request("POST", path, msgspec.json.encode(message), sent)

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        for last in (False, True):
            try:
                self._connection.request(method, path, body, headers)
                answer = self._connection.getresponse()
                return Answer(answer.status, msgspec.json.decode(answer.read() or b"null"))
            except (ConnectionError, http.client.HTTPException):  # closed as the request was sent
                self._connection.close()
                if last:
                    raise
        raise AssertionError


class StreamClient:
    """One connection to a gateway. What comes is not decoded, so that much can be read."""

    def __init__(self, port: int, address: str) -> None:
        self.socket = connect(port, address)
        self.socket.sendall(_HANDSHAKE)
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.socket.recv(4_096)
            head += part
            if not part or not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionRefusedError(f"the gateway answered {head[:12]!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, message: Mapping[str, object]) -> None:
        """Send JSON."""
        self.socket.sendall(text_frame(msgspec.json.encode(message)))

    def read(self) -> bytes:
        """Return what has come, without waiting. Raises ConnectionError once it is closed."""
        try:
            data = self.socket.recv(_READ, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionResetError("the gateway closed the connection")
        if PING in data:  # without an answer the gateway closes the connection after 30 s
            self.socket.sendall(PONG)
        return data

    def answer(self, ident: int) -> str:
        """Wait for the answer to the request with this id; return `ok`, or the error's code."""
        pattern = re.compile(rb'"t":"(?:(ok)|err)","id":%d\b(?:,"code":"(\w+)")?' % ident)
        seen, until = b"", time.monotonic() + _ANSWER_S
        while time.monotonic() < until:
            seen += self.read()
            if match := pattern.search(seen):
                return (match[1] or match[2]).decode()
            time.sleep(0.005)
        raise TimeoutError(f"no answer within {_ANSWER_S:.0f} s")
