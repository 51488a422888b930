"""A running api and gateway, each behind two entries: its own port, and a real Caddy in front."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.testkit.process import ROOT, Process, free_port, require, start_dexwire

CADDYFILE: Final = ROOT / "deploy" / "Caddyfile"
SECRET: Final = "0123456789abcdef0123456789abcdef"
# Each test has an address of its own: no limit has counted what other tests did.
_ADDRESSES: Final = itertools.count(1)


def new_address() -> str:
    """Return a loopback address that no request came from."""
    number = next(_ADDRESSES)
    return f"127.1.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True)
class Answer:
    """What came back until the end of the connection."""

    raw: bytes
    seconds: float  # until the end

    @property
    def status(self) -> int:
        """The status; 0 for a connection that ended without an answer."""
        return int(self.raw[9:12]) if self.raw.startswith(b"HTTP/1.") else 0

    def header(self, name: str) -> str:
        head = self.raw.partition(b"\r\n\r\n")[0].decode("latin-1")
        found = [line for line in head.split("\r\n") if line.lower().startswith(name + ":")]
        assert len(found) <= 1, found
        return found[0].partition(":")[2].strip() if found else ""


@contextlib.asynccontextmanager
async def connected(
    port: int, source: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a local port from an address."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def read_all(reader: asyncio.StreamReader, until: bytes | None = None) -> bytes:
    """Read to the end, or `until` something has come; a reset is an end."""
    received = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while part := await reader.read(65_536):
            received += part
            if until is not None and until in received:
                break
    return received


async def ask(
    port: int,
    *parts: bytes,
    source: str = "",
    every_s: float = 0.0,
    within_s: float = 20.0,
    until: bytes | None = None,
) -> Answer:
    """Send bytes, `every_s` apart, until somebody ends the connection; return what came back."""
    async with connected(port, source or new_address()) as (reader, writer):
        began = time.monotonic()

        async def send() -> None:
            with contextlib.suppress(OSError):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(every_s)

        sending = asyncio.create_task(send())
        try:
            async with asyncio.timeout(within_s):
                raw = await read_all(reader, until)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        return Answer(raw, time.monotonic() - began)


async def head(port: int, *parts: bytes, source: str = "", every_s: float = 0.0) -> Answer:
    """As `ask`, but return at the end of the first head: a proxy may keep the connection."""
    return await ask(port, *parts, source=source, every_s=every_s, until=b"\r\n\r\n")


def get(path: str = "/discover?limit=1", *headers: str, host: str = "Host: api") -> bytes:
    """Return a GET of which the connection ends with the answer."""
    lines = [f"GET {path} HTTP/1.1", *([host] if host else []), *headers, "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode()


def post(*headers: str, key: str = f"bot.{SECRET}") -> bytes:
    """Return the header of a POST /ingest; its body is the caller's."""
    lines = [
        "POST /ingest HTTP/1.1",
        "Host: api",
        "Content-Type: application/json",
        f"Authorization: Bearer {key}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def handshake(*headers: str) -> bytes:
    """Return a WebSocket handshake."""
    lines = [
        "GET /ws HTTP/1.1",
        "Host: api",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *headers: str
) -> Answer:
    """Shake hands on a connection; return the head of the response."""
    began = time.monotonic()
    writer.write(handshake(*headers))
    async with asyncio.timeout(10):
        return Answer(await reader.readuntil(b"\r\n\r\n"), time.monotonic() - began)


@dataclass
class Entry:
    """Where clients knock."""

    name: str  # bare, caddy
    http: int
    ws: int


@dataclass
class Edge:
    """The services and the proxy; `entries` by name."""

    entries: dict[str, Entry]
    processes: list[Process] = field(default_factory=list)


def start_caddy(folder: Path, changes: dict[str, str], **env: str) -> tuple[Process, int]:
    """Run the project's Caddyfile, on loopback; `changes` are made to its text."""
    text = CADDYFILE.read_text(encoding="utf-8")
    for old, new in {"admin off": "admin off\ndefault_bind 127.0.0.1\n", **changes}.items():
        assert old in text, old
        text = text.replace(old, new)
    file, port = folder / "Caddyfile", free_port()
    file.write_text(text, encoding="utf-8")
    command = [require("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]
    given = {"HOME": str(folder), "SITE_ADDRESS": f":{port}", **env}
    return Process(command, given, folder, folder / "caddy.log"), port


def wait_for(port: int, process: Process, path: str = "/livez", host: str = "127.0.0.1") -> None:
    """Wait until a service of ours answers there."""
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, process.output()
        assert time.monotonic() < deadline, process.output()
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://{host}:{port}{path}", trust_env=False).status_code < 500:
                return
        time.sleep(0.02)


@contextlib.contextmanager
def running(folder: Path, redis_url: str, prefix: str, **env: str) -> Iterator[Edge]:
    """Run an api, a gateway and Caddy in front of both, on free ports."""
    http, ws = free_port(), free_port()
    base = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    base |= {"PATH": os.environ["PATH"], "REDIS_URL": redis_url, "REDIS_PREFIX": prefix}
    ours = {"API_PORT": str(http), "WS_PORT": str(ws), "TRUSTED_PROXIES": "127.0.0.1"}
    stack = Edge({})
    try:
        for name in ("api", "ws"):
            log = folder / f"{name}.log"
            process = start_dexwire([name], env={**base, **ours, **env}, cwd=folder, log=log)
            stack.processes.append(process)
        proxy, front = start_caddy(
            folder, {}, API_UPSTREAM=f"127.0.0.1 {http}", WS_UPSTREAM=f"127.0.0.1 {ws}"
        )
        stack.processes.append(proxy)
        for process, port in zip(stack.processes, (http, ws, front), strict=True):
            wait_for(port, process)
        stack.entries = {"bare": Entry("bare", http, ws), "caddy": Entry("caddy", front, front)}
        yield stack
    finally:
        for process in stack.processes:
            process.kill()
