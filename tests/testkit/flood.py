"""Sends bytes on some connections as fast as they are taken, in a process of its own.

python flood.py PORT CONNECTIONS SECONDS FIRST REPEATED TIMES   (FIRST and REPEATED in hex)
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time


def flood(port: int, count: int, seconds: float, first: bytes, repeated: bytes, times: int) -> None:
    """Send `first` and then `repeated` so often, from an address of its own each; read all."""
    block = repeated * 8
    left: dict[socket.socket, list[bytes]] = {}
    for number in range(count):
        sock = socket.socket()
        sock.bind((f"127.2.{time.time_ns() // 1000 % 250}.{number + 1}", 0))
        sock.connect(("127.0.0.1", port))
        sock.settimeout(0)
        left[sock] = [first, *[block] * (times // 8)][::-1]
    until = time.monotonic() + seconds
    while left and time.monotonic() < until:
        readable, writable, _ = select.select(left, [s for s in left if left[s]], [], 0.2)
        for sock in readable:
            with contextlib.suppress(BlockingIOError):
                try:
                    ended = not sock.recv(1 << 20)
                except ConnectionError:
                    ended = True
                if ended:
                    del left[sock]
        for sock in writable:
            if sock in left:
                with contextlib.suppress(BlockingIOError):
                    try:
                        part = left[sock].pop()
                        sent = sock.send(part) if part else 0
                    except ConnectionError:
                        left[sock].clear()
                    else:
                        if sent < len(part):
                            left[sock].append(part[sent:])


if __name__ == "__main__":
    port, count, seconds, first, repeated, times = sys.argv[1:]
    flood(
        int(port),
        int(count),
        float(seconds),
        bytes.fromhex(first),
        bytes.fromhex(repeated),
        int(times),
    )
