"""What `bench/fanout.py` measures the gateway beside: one message to all, five times a second.

KIND `broadcast`: `websockets.broadcast` without compression. KIND `send`: the kernel alone, one
`send` a connection of a frame made once. SIZE is the message's size in bytes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
import time

from websockets.asyncio.server import ServerConnection, broadcast, serve

EVERY_S = 0.2
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def message(size: int) -> str:
    head = f'{{"t":"d","k":"all","pv":1,"v":2,"ts":{int(time.time() * 1000)},"x":"'
    return head + "x" * (size - len(head) - 2) + '"}'


async def run_broadcast(port: int, size: int) -> None:
    connections: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    async with serve(handle, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096):
        while True:
            await asyncio.sleep(EVERY_S)
            broadcast(connections, message(size))


async def run_send(port: int, size: int) -> None:
    sockets: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature

    async def accept() -> None:
        while True:
            connection, _ = await loop.sock_accept(listener)
            head = (await loop.sock_recv(connection, 4096)).decode()
            key = head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
            digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
            answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            accepted = base64.b64encode(digest).decode()
            answer += f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accepted}\r\n\r\n"
            await loop.sock_sendall(connection, answer.encode())
            sockets.append(connection)

    accepting = asyncio.create_task(accept())
    while not accepting.done():
        await asyncio.sleep(EVERY_S)
        payload = message(size).encode()
        frame = b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload
        for connection in sockets:
            with contextlib.suppress(BlockingIOError):
                connection.send(frame)


if __name__ == "__main__":
    run = {"broadcast": run_broadcast, "send": run_send}[os.environ["KIND"]]
    asyncio.run(run(int(os.environ["PORT"]), int(os.environ["SIZE"])))
