"""The whole of dexwire as real processes, on a server that a test brings."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from dexwire.runfile import DEFAULT_FOLDER, Running, find_running
from dexwire.server.settings import UpSettings
from dexwire.server.up.command import services
from dexwire.server.up.ports import Ports
from tests.testkit.process import Process, free_port, kept_environ
from tests.testkit.reference_client import LiveClient, ReferenceClient
from tests.testkit.wait import eventually, until

MARKET: Final = 40  # recorded tokens and a few more


class Stack:
    """Services under their own users: `environ(user)` says where Redis is."""

    def __init__(
        self, spawn: Callable[..., Process], environ: Callable[[str], Mapping[str, str]]
    ) -> None:
        self._spawn, self._environ = spawn, environ
        self._ports = Ports(free_port(), free_port(), free_port(), free_port())
        settings = UpSettings(demo=True, replay_tokens=MARKET)
        chosen = services(settings, self._ports, "")
        self._env = {service.name: dict(service.env) for service in chosen}
        self.processes: dict[str, list[Process]] = {}

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self._ports.api}"

    @property
    def stream(self) -> str:
        return f"ws://127.0.0.1:{self._ports.ws}/ws"

    def start(self, *names: str) -> None:
        """Start these services; one may be named twice."""
        for name in names:
            env = {**self._env[name], **self._environ(name), "WINDOW_MS": "50"}
            self.processes.setdefault(name, []).append(self._spawn(name, env=env))

    def verify(self) -> Process:
        """Start the audit, as `admin`."""
        return self._spawn("verify", env=self._environ("admin"))

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.api, timeout=5) as client:
            yield client

    async def shows(self, client: httpx.AsyncClient, tokens: int) -> dict[str, Any]:
        """Wait until so many tokens are listed; return the page."""

        async def probe() -> dict[str, Any] | None:
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get("/discover?limit=100")
                page: dict[str, Any] = answer.json()
                if answer.status_code == 200 and page["total"] >= tokens:
                    return page
            return None

        return await eventually(probe, timeout_s=60, every_s=0.1)

    def follower(self) -> LiveClient:
        """A client of the whole stream."""
        return LiveClient([self.stream], ["all"])


async def post(client: httpx.AsyncClient, address: str, price: float) -> httpx.Response:
    """Post one price and wait until it is committed."""
    body = {"source": "bot", "tokens": [{"token_address": address, "price": price}]}
    return await client.post("/ingest?ack=commit", json=body)


def price_of(state: ReferenceClient, address: str) -> float | None:
    """What a follower of everything holds of a token of Solana."""
    price: float | None = state.rows.get("all", {}).get(f"solana:{address}", {}).get("price")
    return price


@dataclass
class Demo:
    """A running `dexwire up --demo`."""

    process: Process
    running: Running

    @property
    def url(self) -> str:
        return self.running.api

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 - ours
            return json.load(answer)

    def ingest(self, *tokens: dict[str, Any], ack: bool = False) -> None:
        """Post readings, again while the outcome is unknown; raises RuntimeError when refused."""
        until(lambda: self._post(tokens, ack=ack))

    def _post(self, tokens: tuple[dict[str, Any], ...], *, ack: bool) -> bool:
        body = json.dumps({"source": "pagetest", "tokens": tokens}).encode()
        request = urllib.request.Request(  # noqa: S310 - ours
            self.url + "/ingest" + ("?ack=commit" if ack else ""),
            data=body,
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - ours
                return True
        except urllib.error.HTTPError as error:
            if error.code != 504:  # `ack=commit` waits for two seconds; a loaded machine may not do
                raise RuntimeError(error.read().decode()) from error
            return False

    def child(self, name: str) -> int:
        """Return the process id of a service of this stack."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                status = (entry / "status").read_text(encoding="utf-8")
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            parent = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)
            ours = parent is not None and int(parent[1]) == self.process.pid
            if ours and name.encode() in command:
                return int(entry.name)
        raise AssertionError(f"no {name} runs:\n{self.process.output()[-2000:]}")

    def kill(self, name: str) -> None:
        os.kill(self.child(name), signal.SIGKILL)


@contextlib.contextmanager
def demo_stack(folder: Path, *, metrics_port: int = 0) -> Iterator[Demo]:
    """Run `dexwire up --demo` in a folder until the block ends; begins when it is ready.

    It sees nothing of the developer's environment.
    """
    ports = ("--api-port", "0", "--ws-port", "0", "--replay-port", "0", "--images-port", "0")
    # A demo polls ten times as often as a live source allows; beside a browser that is half a core.
    settings = {"FETCH_RATE_FACTOR": "2", "METRICS_PORT": str(metrics_port)}
    process = Process(
        [sys.executable, "-m", "dexwire", "up", "--demo", *ports],
        {**kept_environ(), **settings},
        folder,
        folder / "demo.log",
    )
    try:
        until(lambda: "ready after" in _output(process), 60)
        running = find_running(folder / DEFAULT_FOLDER)
        assert running is not None
        yield Demo(process, running)
        process.send(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()


def _output(process: Process) -> str:
    assert process.poll() is None, process.output()
    return process.output()
