"""Fixtures that tests of several areas share: a real server, a prefix of one's own, processes.

Which server: `TEST_REDIS_URL` when given (it must answer), else one embedded server per test
process; `TEST_REDIS_BINARY` names another binary for it. Without any, tests fail; they never skip.
A given server is shared by all workers, and channels are not separated by database: what keeps
tests apart is `redis_prefix`, so every test uses it.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import redis as sync_redis
from hypothesis import HealthCheck, settings

from dexwire.runfile import Running
from dexwire.server.up.embedded import EmbeddedServer
from shared.keys import Keys
from shared.process.settings import METRICS_PORTS
from shared.redis.address import public_url
from shared.redis.connect import Redis, open_redis
from tests.testkit.postgres import postgres_databases
from tests.testkit.process import ROOT, Process, free_port_range, kept_environ, start_dexwire
from tests.testkit.redis_servers import server_binary
from tests.testkit.stack import demo_stack
from tests.testkit.wait import until

# A busy two-core machine is no finding: examples are counted, not timed (pytest-timeout is there).
settings.register_profile("dexwire", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dexwire")

# A shell starts what runs in its background with Ctrl-C ignored, and children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MEETS_A_SERVER = {"redis_url", "private_server", "guard"}
_NOT_OF_THE_STORE = {"cli", "documents", "images", "kubernetes", "limits", "metrics"}  # folders
_SHARES_A_STACK = {"demo", "browser"}


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups after it
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is about the store `store`: that runs once more, on another kind of server.

    Tests of a file that look at one running stack go to one worker: a second stack costs a core.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            about = item.path.relative_to(ROOT / "tests").parts[0]
            if _MEETS_A_SERVER & set(item.fixturenames) and about not in _NOT_OF_THE_STORE:
                item.add_marker("store")
            if _SHARES_A_STACK & set(item.fixturenames):
                item.add_marker(pytest.mark.xdist_group(item.module.__name__))


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's environment and `.env`: settings come from the test alone."""
    for name in os.environ.keys() - kept_environ().keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server in which tests make databases of their own."""
    with postgres_databases() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server for tests that neither stop nor configure it."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        with sync_redis.Redis.from_url(given, socket_timeout=3, socket_connect_timeout=3) as client:
            try:
                client.ping()
            except sync_redis.RedisError as error:
                pytest.exit(f"TEST_REDIS_URL {public_url(given)} does not answer: {error}", 1)
        yield given
        return
    with EmbeddedServer(binary=server_binary()) as server:
        yield server.url


@pytest.fixture
def redis_prefix(redis_url: str) -> Iterator[str]:
    """A prefix that no other test uses; its keys are removed afterwards."""
    prefix = f"test-{secrets.token_hex(6)}:"
    yield prefix
    with sync_redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(match=f"{prefix}*", count=1000):
            client.unlink(key)


@pytest.fixture
def keys(redis_prefix: str) -> Keys:
    return Keys(redis_prefix)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of `redis_url`, closed afterwards."""
    client = open_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def private_server() -> Iterator[Callable[..., EmbeddedServer]]:
    """Start servers of the test's own, to kill, pause, fill or restart: `private_server()`."""
    servers: list[EmbeddedServer] = []

    def start(data_dir: Path | None = None) -> EmbeddedServer:
        server = EmbeddedServer(data_dir=data_dir, binary=server_binary())
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        if server.poll() is None:
            server.kill()  # at once: a paused one would not hear a polite word
        server.close()


@pytest.fixture
def spawn_dexwire(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start `dexwire <args>` as a real process: `spawn_dexwire("up", "--demo", env={…})`.

    Each is killed by its id afterwards.
    """
    started: list[Process] = []

    def start(*args: str, env: Mapping[str, str] | None = None) -> Process:
        log = tmp_path / f"dexwire-{len(started)}.log"
        process = start_dexwire(list(args), env=env, cwd=tmp_path, log=log)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A loopback port that something listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def demo_metrics() -> dict[str, int]:
    """The ports on which the services of `demo` show their metrics."""
    first = free_port_range(len(METRICS_PORTS))
    return {name: port for port, name in enumerate(METRICS_PORTS, start=first)}


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, demo_metrics: dict[str, int]
) -> Iterator[Running]:
    """A running `dexwire up --demo`, shared by the tests of a file that only look at it."""
    metrics_port = min(demo_metrics.values())
    with demo_stack(tmp_path_factory.mktemp("demo"), metrics_port=metrics_port) as demo:
        for port in demo_metrics.values():  # the recorder starts when the others serve
            until(lambda port=port: is_open(port), 20)  # type: ignore[misc]
        yield demo.running


@pytest.fixture
def spawn_service(
    spawn_dexwire: Callable[..., Process], redis_url: str, redis_prefix: str
) -> Callable[..., Process]:
    """Start one service on the test's server and prefix: `spawn_service("api", env={…})`."""

    def start(name: str, env: Mapping[str, str] | None = None) -> Process:
        return spawn_dexwire(
            name, env={"REDIS_URL": redis_url, "REDIS_PREFIX": redis_prefix, **(env or {})}
        )

    return start
