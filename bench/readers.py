"""Stream clients in a process of their own, as cheap as they can be: they count what they read.

python -m bench.readers PORT FIRST COUNT TOPIC...   Connections are numbered from FIRST and each
subscribes to the next of the topics; `watch:N` is a watchlist of N tokens of the connection's own.
For each line on standard input it prints one with what came since the last: writes, bytes, and the
delays in ms from the commit to the client, 50th and 99th percentile, of every 50th connection; and
how many connections are open.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import sys
import time
from typing import Final

from bench.loopback import PING, PONG, text_frame
from bench.readings import token_id

_STAMP: Final = re.compile(rb'"t":"d".{0,200}?"ts":(\d+)')
_SAMPLED: Final = 50
_TOKENS: Final = 2_000  # of the market of bench.fanout


class Reader:
    """One connection."""

    def __init__(self, number: int, port: int, topic: str) -> None:
        self.socket = socket.socket()
        # A loopback address has some 28,000 ports, and the gateway counts connections by address.
        self.socket.bind((f"127.3.{number // 200}.{number % 200 + 1}", 0))
        self.socket.connect(("127.0.0.1", port))
        watched = int(topic.removeprefix("watch:")) if topic.startswith("watch:") else 0
        subscribed = f"/ws?topics={topic}" if topic else "/"
        path = "/ws" if watched else subscribed
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.socket.recv(4096)
            if not part:
                raise SystemExit(f"connection {number} was refused: {head[:100]!r}")
            head += part
        if not head.startswith(b"HTTP/1.1 101 "):
            raise SystemExit(f"connection {number} was refused: {head[:100]!r}")
        if watched:
            self._watch(
                [token_id((number + n * _TOKENS // watched) % _TOKENS) for n in range(watched)]
            )
        self.socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self.is_sampled = number % _SAMPLED == 0
        self.reads = 0

    def _watch(self, ids: list[str]) -> None:
        """Send the watchlist."""
        listed = ",".join(f'"{each}"' for each in ids)
        message = f'{{"op":"watch","mode":"set","ids":[{listed}]}}'
        self.socket.sendall(text_frame(message.encode()))


class Readers:
    """All connections."""

    def __init__(self, port: int, first: int, count: int, topics: list[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self._open = 0
        for number in range(first, first + count):
            reader = Reader(number, port, topics[number % len(topics)] if topics else "")
            self._selector.register(reader.socket, selectors.EVENT_READ, reader)
            self._open += 1
            self.poll(0.0)
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        self.reset()

    def reset(self) -> None:
        self._reads, self._bytes, self._delays = 0, 0, list[float]()

    def poll(self, timeout_s: float) -> bool:
        """Read what has come; return whether a line came on standard input."""
        requested = False
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                requested = True
                continue
            self._read(key.data)
        return requested

    def _read(self, reader: Reader) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            data = reader.socket.recv(1 << 18)
            if not data:
                self._selector.unregister(reader.socket)
                self._open -= 1
                return
            self._reads += 1
            self._bytes += len(data)
            if PING in data:  # without an answer the gateway closes the connection after 30 s
                reader.socket.sendall(PONG)
            if reader.is_sampled:
                now_ms = time.time() * 1000
                self._delays += [now_ms - int(stamp) for stamp in _STAMP.findall(data)]

    _reads = 0
    _bytes = 0
    _delays: list[float] = []  # noqa: RUF012 - replaced by reset()

    def report(self) -> str:
        """Return a line with what came since the last."""
        delays = sorted(self._delays) or [0.0]
        p50, p99 = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
        return f"{self._reads} {self._bytes} {p50:.2f} {p99:.2f} {self._open}"


def main() -> None:
    port, first, count, *topics = sys.argv[1:]
    readers = Readers(int(port), int(first), int(count), topics)
    print("ready", flush=True)
    while True:
        if readers.poll(1.0):
            if not sys.stdin.readline():
                return
            print(readers.report(), flush=True)
            readers.reset()


if __name__ == "__main__":
    main()
