"""What tests of the client share: frames in short, and a gateway that follows a script."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from dexwire.client.frames import decode
from dexwire.stream.messages import Frame

LIST = "list:volume:5m:desc:solana:50"
HELLO: dict[str, Any] = {"t": "hello", "proto": 1, "e": "e1", "v": 5, "hb_ms": 1000, "ts": 0}


def row(name: str, **fields: object) -> dict[str, Any]:
    """One row: `row("s:A", price=1)`."""
    return {"id": name, **fields}


def snap(topic: str, v: int, *rows: dict[str, Any], e: str = "e1", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"t": "snap", "k": topic, "e": e, "v": v, "rows": list(rows), **more}


def diff(topic: str, pv: int, v: int, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"t": "d", "k": topic, "pv": pv, "v": v, "ts": 0, **body}


def beat(v: int, e: str = "e1", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"t": "hb", "e": e, "v": v, "ts": 0, "age_ms": 0, "st": "live", **more}


def ev(topic: str, pv: int, v: int, *names: str) -> dict[str, Any]:
    events = [{"i": name, "type": "price", "id": "s:A", "lvl": 2} for name in names]
    return {"t": "ev", "k": topic, "pv": pv, "v": v, "ev": events}


def typed(frame: dict[str, Any]) -> Frame:
    """Return a frame as the client decodes it."""
    found = decode(json.dumps(frame))
    assert found is not None
    return found


def plain(value: object) -> Any:  # noqa: ANN401
    """Return a struct as JSON would say it."""
    return msgspec.json.decode(msgspec.json.encode(value))


class Visit:
    """One connection as the scripted gateway sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket

    async def say(self, *frames: dict[str, Any]) -> None:
        for frame in frames:
            await self._socket.send(json.dumps(frame))

    async def hear(self, op: str) -> dict[str, Any]:
        """Return the next request of a kind; others are passed over."""
        async with asyncio.timeout(5):
            while True:
                request: dict[str, Any] = json.loads(await self._socket.recv())
                if request["op"] == op:
                    return request

    async def serve(self, topics: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Say hello, wait for `sub`, answer with snapshots; return the request."""
        await self.say(HELLO)
        request = await self.hear("sub")
        starts = dict.fromkeys(request["topics"], "snap")
        await self.say({"t": "ok", "id": request["id"], "topics": starts})
        await self.say(*[topics[topic] for topic in request["topics"] if topic in topics])
        return request

    async def close(self, code: int, reason: str = "") -> None:
        await self._socket.close(code, reason)

    async def stay(self) -> None:
        """Say nothing until the client goes."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._socket.recv()


Script = Callable[[Visit], Awaitable[None]]


@contextlib.asynccontextmanager
async def gateway(*scripts: Script, refusals: int = 0, status: int = 503) -> AsyncIterator[str]:
    """Serve one script per connection, the last one for all that follow; yield the address.

    The first `refusals` handshakes are answered with `status`.
    """
    visits = 0
    errors: list[BaseException] = []

    async def handle(socket: ServerConnection) -> None:
        nonlocal visits
        script = scripts[min(visits, len(scripts) - 1)]
        visits += 1
        try:
            await script(Visit(socket))
        except ConnectionClosed:
            pass
        except BaseException as error:
            errors.append(error)
            raise

    def refuse(socket: ServerConnection, _request: Request) -> Response | None:
        nonlocal refusals
        if refusals == 0:
            return None
        refusals -= 1
        return socket.respond(HTTPStatus(status), "not now\n")

    async with serve(
        handle,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol("discover.v1.json")],
        process_request=refuse,
        compression=None,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ws"
    assert not errors, errors
