"""A name server with one name, as a container engine's: the addresses change while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final

_A: Final = 1


class Names(asyncio.DatagramProtocol):
    """Answers every question for an A record with `addresses`, any other with none."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.port = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(0, 12) + 5  # of the question: name, type, class
        question = data[12:end]
        found = self.addresses if int.from_bytes(question[-4:-2], "big") == _A else []
        head = data[:2] + b"\x81\x80\x00\x01" + len(found).to_bytes(2, "big") + bytes(4)
        records = b"".join(
            b"\xc0\x0c\x00\x01\x00\x01" + bytes(4) + b"\x00\x04" + socket.inet_aton(address)
            for address in found
        )
        self._transport.sendto(head + question + records, addr)


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[Names]:
    """Run one on a free loopback port."""
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    try:
        yield names
    finally:
        transport.close()
