"""A service as a process that is sent anything: its answers, its log, its memory."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.testkit.entries import wait_for
from tests.testkit.fuzzing import rss_kb
from tests.testkit.process import Process, free_port, start_dexwire

# A peer that says no more: then the other side has to end the connection.
_IDLE_S: Final = 0.03
_END_S: Final = 8.0
_WARM: Final = 100  # inputs after which memory is compared
_SAMPLED: Final = 10  # inputs between two looks at it
_TROUBLE: Final = re.compile(r'Traceback|"level": "(?:error|critical)"|never retrieved')
_LIVEZ: Final = b"GET /livez HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n"


def exchange(port: int, parts: Sequence[bytes], *, idle_s: float = _IDLE_S) -> bytes:
    """Send bytes; return what comes back until the service ends the connection, as it must.

    After so long without any answer our side of the connection is closed: a request that was not
    whole by then never will be.
    """
    received, quiet = b"", False
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(idle_s)
        with contextlib.suppress(ConnectionError, TimeoutError):
            for part in parts:
                sock.sendall(part)
        while True:
            try:
                part = sock.recv(1 << 16)
            except TimeoutError:
                assert not quiet, f"the connection is still open after {_END_S} s"
                quiet = True
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_WR)
                sock.settimeout(_END_S)
                continue
            except ConnectionError:
                return received
            if not part:
                return received
            received += part


@dataclass
class FuzzedServer:
    """A running service."""

    process: Process
    port: int
    inputs: int = 0
    warm_kb: int = 0
    grown_kb: int = 0

    def send(self, *parts: bytes, whole: bool = False) -> bytes:
        """Send an input; check that the service still answers, and note its memory.

        `whole`: it is a whole request that ends its connection, however busy the machine is.
        """
        answer = exchange(self.port, parts, idle_s=_END_S if whole else _IDLE_S)
        assert exchange(self.port, [_LIVEZ], idle_s=_END_S).startswith(b"HTTP/1.1 200 ")
        self.inputs += 1
        if self.inputs == _WARM:
            self.warm_kb = rss_kb(self.process.pid)
        elif self.inputs > _WARM and self.inputs % _SAMPLED == 0:
            self.grown_kb = max(self.grown_kb, rss_kb(self.process.pid) - self.warm_kb)
        return answer

    def check(self, most_mb: int) -> str:
        """Check its log and its growth since the first inputs; return the growth."""
        log = self.process.output()
        assert self.process.poll() is None, log
        assert not _TROUBLE.search(log), log
        assert self.grown_kb < most_mb * 1024, f"grew by {self.grown_kb} KiB"
        return f"; +{self.grown_kb / 1024:.1f} MB at most"


@contextlib.contextmanager
def fuzzed(name: str, folder: Path, **env: str) -> Iterator[FuzzedServer]:
    """Run a service, `api` or `ws`, on a free port."""
    port = free_port()
    base = {each: value for each, value in os.environ.items() if each.startswith("PYTHON")}
    base |= {"PATH": os.environ["PATH"], "API_PORT": str(port), "WS_PORT": str(port)}
    process = start_dexwire([name], env={**base, **env}, cwd=folder, log=folder / f"{name}.log")
    try:
        wait_for(port, process)
        yield FuzzedServer(process, port)
    finally:
        process.kill()
