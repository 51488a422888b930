"""How a service runs and ends: its ports, its jobs, the signal, and what is reported."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from shared.errors import CannotListen, ConfigError, JobFailed
from shared.process.listen import listen
from shared.process.run import run_jobs
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
PORTS = {"api": "API", "ws": "WS", "replay": "REPLAY"}


def events(process: Process) -> dict[str, dict[str, object]]:
    """Return what a process has logged, by event."""
    lines = map(msgspec.json.decode, process.lines())
    return {line["event"]: line for line in lines}


@pytest.fixture
def taken_port() -> Iterator[int]:
    with listen("TEST", "127.0.0.1", 0) as taken:
        yield taken.getsockname()[1]


# -- ports -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("service", "variable"),
    [
        ("api", "API_PORT"),
        ("ws", "WS_PORT"),
        ("replay", "REPLAY_PORT"),
        ("fetcher", "METRICS_PORT"),
        ("aggregator", "METRICS_PORT"),
        ("api", "METRICS_PORT"),
    ],
)
def test_a_taken_port_is_one_line_that_names_its_setting_and_code_1(
    service: str, variable: str, spawn_service: Spawn, taken_port: int
) -> None:
    env = {"METRICS_PORT": "0", variable: str(taken_port), "LOG_JSON": "true"}

    process = spawn_service(service, env=env)

    assert process.wait() == 1
    line = events(process)["cannot_listen"]
    host = variable.replace("PORT", "HOST")
    assert line["error"] == (
        f"{host}, {variable}: cannot listen on 127.0.0.1:{taken_port}: Address already in use"
    )
    assert line["fix"] == f"set {variable} to a free port, or stop what listens on this one"


def test_a_host_that_is_not_ours_is_named_with_its_setting() -> None:
    with pytest.raises(CannotListen, match=r"API_HOST, API_PORT: .*; set API_HOST to a name or"):
        listen("API", "192.0.2.1", 8000)


def test_a_name_with_two_addresses_is_listened_on_at_the_one_of_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)

    with listen("API", "both.example", 0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


# -- jobs ------------------------------------------------------------------------------------------
async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise KeyError("broken")


async def at_once() -> None:
    pass


async def test_a_job_that_fails_ends_the_others_and_is_named() -> None:
    ended = []

    async def other() -> None:
        try:
            await for_ever()
        finally:
            ended.append("other")

    with pytest.raises(JobFailed) as caught:
        await run_jobs(asyncio.Event(), {"good": other(), "bad": fail()})

    assert (caught.value.job, repr(caught.value.__cause__)) == ("bad", "KeyError('broken')")
    assert ended == ["other"]


async def test_a_job_that_ends_before_the_stop_is_a_failure() -> None:
    with pytest.raises(JobFailed, match="the job short ended by itself"):
        await run_jobs(asyncio.Event(), {"long": for_ever()}, finishing={"short": at_once()})


async def test_a_wrong_setting_found_by_a_job_stays_one() -> None:
    async def read() -> None:
        raise ConfigError("NOISE: not a number")

    with pytest.raises(ConfigError, match="NOISE"):
        await run_jobs(asyncio.Event(), {"read": read()})


async def test_jobs_serve_until_those_that_finish_are_done() -> None:
    stop, order = asyncio.Event(), []

    async def serves() -> None:
        try:
            await for_ever()
        finally:
            order.append("served until here")

    async def drains() -> None:
        await stop.wait()
        await asyncio.sleep(0.01)
        order.append("drained")

    stop.set()
    await run_jobs(stop, {"serves": serves()}, finishing={"drains": drains()})

    assert order == ["drained", "served until here"]


async def test_what_fails_while_draining_is_raised() -> None:
    stop = asyncio.Event()
    stop.set()

    with pytest.raises(JobFailed, match="bad"):
        await run_jobs(stop, {"good": for_ever()}, finishing={"bad": fail()})


async def test_cancelled_from_outside_every_job_is_cancelled() -> None:
    ended = []

    async def job() -> None:
        try:
            await for_ever()
        finally:
            ended.append("job")

    running = asyncio.create_task(run_jobs(asyncio.Event(), {"job": job()}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})

    assert (running.cancelled(), ended) == (True, ["job"])


# -- the process -----------------------------------------------------------------------------------
SERVICE = """
import asyncio, sys
from shared.process.run import run_jobs, run_service
from shared.process.settings import ServiceSettings

class Settings(ServiceSettings):
    drain_s = property(lambda self: 0.2)

async def hang():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def fail():
    raise KeyError("broken")

async def run(settings, stop, metrics):
    print('{"event": "started"}', file=sys.stderr, flush=True)
    await run_jobs(stop, {"job": globals()[sys.argv[1]]()})

sys.exit(run_service("replay", Settings(metrics_port=0, log_json=True), run))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    started: list[Process] = []

    def begin(job: str) -> Process:
        command = [sys.executable, "-c", SERVICE, job]
        root = Path(__file__).parents[2]
        started.append(Process(command, {"PYTHONPATH": str(root)}, tmp_path, tmp_path / "log"))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def test_a_job_that_fails_is_reported_with_code_1(start: Callable[[str], Process]) -> None:
    process = start("fail")

    assert process.wait() == 1
    line = events(process)["service_failed"]
    assert (line["job"], line["error"]) == ("job", "KeyError: 'broken'")
    assert line["fix"] == "start it again; if it repeats, report this line"


async def test_a_job_that_does_not_end_is_named_and_the_process_ends_with_1(
    start: Callable[[str], Process],
) -> None:
    process = start("hang")
    await eventually(lambda: "started" in process.output(), timeout_s=20)

    process.send(signal.SIGTERM)

    assert process.wait() == 1
    line = msgspec.json.decode(process.lines()[-1])
    assert (line["event"], line["error"]) == (
        "drain_timeout", "still at work after 0.2 s: job",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("service", "begun"),
    [
        ("fetcher", "fetcher_started"),
        ("aggregator", "lease_taken"),
        ("api", "api_listening"),
        ("ws", "ws_listening"),
        ("replay", "replay_ready"),
    ],
)
async def test_every_service_drains_at_sigterm_and_ends_with_0(
    service: str, begun: str, spawn_service: Spawn
) -> None:
    env = {
        "LOG_JSON": "true", "METRICS_PORT": "0", "API_DRAIN_GRACE_S": "0", "WS_DRAIN_S": "0.1",
        "FETCH_REPLAY_URL": f"http://127.0.0.1:{free_port()}",
    }  # fmt: skip
    env |= {f"{name}_PORT": "0" for name in PORTS.values()}
    process = spawn_service(service, env=env)
    await eventually(lambda: begun in process.output(), timeout_s=20)

    process.send(signal.SIGTERM)

    assert process.wait(15) == 0
    assert list(events(process))[-1] == "service_stopped"
