"""A stand-in for DexScreener that counts what a fetcher requests of it.

Its lists name tokens of `bench/readings.py`; of no token has it a pair, so that nothing changes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec

from bench.readings import token_id

_BY_ADDRESS: Final = ("tokens", "token-pairs")  # the first part of paths that name tokens


class Upstream:
    """Calls that name tokens, each as the ids that it named."""

    def __init__(self, tokens: int) -> None:
        listed = [
            {"chainId": chain, "tokenAddress": address}
            for chain, _, address in (token_id(number).partition(":") for number in range(tokens))
        ]
        self.lists: Final = msgspec.json.encode(listed)
        self.calls: list[list[str]] = []
        self.url = ""

    def answer(self, path: str) -> bytes:
        """Note a call; return the body of its answer."""
        kind, *rest = path.strip("/").split("/")
        if kind in _BY_ADDRESS:
            chain, addresses = rest[-2:]
            self.calls.append([f"{chain}:{address}" for address in addresses.split(",")])
        return self.lists if kind.startswith(("token-boosts", "token-profiles")) else b"[]"


@contextmanager
def upstream(tokens: int) -> Iterator[Upstream]:
    """Run one whose lists name so many tokens, on a thread, until the block ends."""
    found = Upstream(tokens)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = found.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no line a call."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
