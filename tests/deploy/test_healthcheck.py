"""What a container's engine asks every few seconds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from dexwire.server.commands import SERVICES
from dexwire.server.healthcheck import PROBES, main, service_of
from tests.testkit.process import free_port


@pytest.fixture
async def answers() -> AsyncIterator[tuple[list[str], int]]:
    """A server that answers each connection with the next status line; its port."""
    statuses: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {statuses.pop(0)}\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield statuses, server.sockets[0].getsockname()[1]


def test_every_service_has_a_health_check() -> None:
    assert PROBES.keys() == SERVICES.keys()


@pytest.mark.parametrize(
    ("command", "service"),
    [
        ("/opt/dexwire/bin/python\0/opt/dexwire/bin/dexwire\0api\0", "api"),
        ("/sbin/docker-init\0--\0dexwire\0ws\0", "ws"),
        ("python\0-m\0dexwire\0aggregator\0", "aggregator"),
        ("sh\0-c\0sleep 1\0", None),
    ],
)
def test_the_command_of_the_container_says_which_service_it_is(
    command: str, service: str | None
) -> None:
    assert service_of(command.encode()) == service


async def test_a_service_that_answers_200_is_well(
    answers: tuple[list[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses, port = answers
    monkeypatch.setenv("API_PORT", f' "{port}"')  # as the service itself would read it
    statuses += ["200 OK", "503 Service Unavailable", "nonsense"]
    assert await asyncio.to_thread(main, ["api"]) == 0
    assert await asyncio.to_thread(main, ["api"]) == 1
    assert await asyncio.to_thread(main, ["api"]) == 1


def test_a_service_that_does_not_listen_is_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    monkeypatch.setenv("WS_PORT", str(port))
    assert main(["ws"]) == 1
    assert f"port {port} does not answer" in capsys.readouterr().out


def test_what_is_no_service_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nobody"]) == 1
    assert "one of api, ws" in capsys.readouterr().out


def test_it_loads_nothing_that_costs_time() -> None:
    code = "import dexwire.server.healthcheck, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    heavy = {"asyncio", "typer", "pydantic", "redis", "msgspec", "httpx", "urllib.request"}
    assert heavy.isdisjoint(done.stdout.split())
