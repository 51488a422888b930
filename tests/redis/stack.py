"""The whole of dexwire as real processes, on a server that a test brings."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import httpx

from dexwire.server.settings import UpSettings
from dexwire.server.up.command import services
from dexwire.server.up.ports import Ports
from tests.reference_client import LiveClient, ReferenceClient
from tests.support import Process, eventually, free_port

MARKET: Final = 40  # recorded tokens and a few more


class Stack:
    """Services under their own users: `environ(user)` says where Redis is."""

    def __init__(
        self, spawn: Callable[..., Process], environ: Callable[[str], Mapping[str, str]]
    ) -> None:
        self._spawn, self._environ = spawn, environ
        self._ports = Ports(free_port(), free_port(), free_port())
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
