"""The metrics' port: what it answers, when it is taken, and that a loop that stands still shows."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.metrics_core import Metric

from dexwire.server.settings import UpSettings
from dexwire.server.up.ports import choose_ports, metrics_ports
from shared.errors import CannotListen
from shared.process.metrics import Metrics, counter
from shared.process.metrics_server import serve_metrics
from shared.process.settings import METRICS_PORTS, ServiceSettings
from tests.testkit.metrics import Scrape, scrape
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_process_shows_its_numbers_memory_included() -> None:
    metrics = Metrics("api")
    metrics.add(lambda: [counter("things", "Things.", {"a": 2, "b": 3}, "kind")])

    with serve_metrics(metrics, ServiceSettings(metrics_port=free_port())) as port:
        found = scrape(port)

    assert found.value("dexwire_things_total", kind="b") == 3
    assert found.value("process_resident_memory_bytes") > 10_000_000
    assert found.value("process_open_fds") > 0
    assert found.value("dexwire_build_info", service="api") == 1
    assert found.types["python_gc_collections_total"] == "counter"


def test_two_in_one_process_do_not_share_a_number() -> None:
    first, second = Metrics("api"), Metrics("ws")
    first.add(lambda: [counter("things", "Things.", 1)])

    assert "dexwire_things_total" in Scrape.of(first)
    assert "dexwire_things_total" not in Scrape.of(second)


def test_its_port_is_free_again_at_once() -> None:
    settings = ServiceSettings(metrics_port=free_port())

    for _ in range(3):
        with serve_metrics(Metrics("api"), settings) as port:
            assert ask(port, "/metrics")[0] == 200

    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


def test_port_0_is_no_port() -> None:
    with serve_metrics(Metrics("api"), ServiceSettings(metrics_port=0)) as port:
        assert port == 0


def test_what_fails_to_be_read_ends_one_scrape_and_nothing_else() -> None:
    metrics, broken = Metrics("api"), True

    def collect() -> Iterator[Metric]:
        if broken:
            raise ValueError("not now")
        yield counter("things", "Things.", 1)

    metrics.add(collect)
    with serve_metrics(metrics, ServiceSettings(metrics_port=free_port())) as port:
        with pytest.raises(OSError, match=r".*"):
            ask(port, "/metrics")
        broken = False
        assert ask(port, "/metrics")[0] == 200
        assert ask(port, "/secrets")[0] == 404


# -- ports -----------------------------------------------------------------------------------------
def test_a_port_that_was_set_and_is_taken_is_an_error(busy_port: int) -> None:
    settings = ServiceSettings(metrics_port=busy_port)

    with (
        pytest.raises(CannotListen, match=f"METRICS_PORT: cannot listen on 127.0.0.1:{busy_port}"),
        serve_metrics(Metrics("api"), settings),
    ):
        pass


def test_a_default_port_that_is_taken_is_one_warning(
    busy_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METRICS_PORTS, "api", busy_port)

    with serve_metrics(Metrics("api"), ServiceSettings()) as port:
        assert port == 0

    assert capsys.readouterr().out.count("metrics_off") == 1


async def test_a_service_whose_metrics_port_is_taken_ends_with_one_line_and_1(
    spawn_dexwire: Spawn, busy_port: int
) -> None:
    process = spawn_dexwire("replay", env={"METRICS_PORT": str(busy_port), "REPLAY_PORT": "0"})

    assert process.wait() == 1
    assert process.output().count("\n") == 1
    assert "METRICS_HOST, METRICS_PORT: cannot listen on" in process.output()


def test_dexwire_up_gives_each_service_a_port_of_its_own() -> None:
    assert metrics_ports(UpSettings(metrics_port=9201, demo=True)) == {
        "fetcher": 9201, "aggregator": 9202, "api": 9203, "ws": 9204, "replay": 9205,
        "images": 9206, "recorder": 9207,
    }  # fmt: skip
    assert "replay" not in metrics_ports(UpSettings(metrics_port=9201))
    assert metrics_ports(UpSettings()) == {}
    assert metrics_ports(UpSettings(metrics_port=0)) == {}


def test_dexwire_up_names_the_taken_port_before_anything_starts(busy_port: int) -> None:
    settings = UpSettings(metrics_port=busy_port, api_port=0, ws_port=0)

    with pytest.raises(CannotListen, match=f"port {busy_port} is in use .metrics of fetcher.; "):
        choose_ports(settings)


# -- the loop --------------------------------------------------------------------------------------
async def test_a_loop_that_stands_still_is_seen_while_it_does() -> None:
    metrics = Metrics("api")
    watching = asyncio.create_task(metrics.loop.run())
    await asyncio.sleep(0)

    with serve_metrics(metrics, ServiceSettings(metrics_port=free_port())) as port:
        assert ask(port, "/readyz")[0] == 200  # this blocks the loop too, for a moment
        time.sleep(1.3)  # noqa: ASYNC251 - the point
        assert ask(port, "/readyz")[0] == 503
        assert ask(port, "/livez")[0] == 200
        assert scrape(port).value("dexwire_event_loop_lag_worst_seconds") >= 1.2
    watching.cancel()

    await asyncio.gather(watching, return_exceptions=True)
    assert metrics.loop.lag_s == 0


@pytest.mark.parametrize("service", ["api", "ws"])
async def test_a_service_stopped_for_2_s_shows_it_and_is_not_ready(
    service: str, spawn_service: Callable[..., Process]
) -> None:
    own, port = free_port(), free_port()
    env = {f"{service.upper()}_PORT": str(own), "METRICS_PORT": str(port), "LOG_JSON": "true"}
    process = spawn_service(service, env=env)
    await eventually(lambda: f"{service}_listening" in process.output(), timeout_s=20)
    await eventually(lambda: ask(port, "/readyz")[0] == 200, timeout_s=20)
    assert "stuck" not in ask(own, "/readyz")[1]  # there is no aggregator, so it is not ready yet

    process.send(signal.SIGSTOP)
    await asyncio.sleep(2.0)
    process.send(signal.SIGCONT)

    # Its threads wake in any order; the loop may have turned before we are answered, or not yet.
    assert ask(port, "/readyz")[0] == 503
    status, body = ask(own, "/readyz")
    assert (status, "stuck" in body) == (503, True)
    worst = scrape(port).value("dexwire_event_loop_lag_worst_seconds")
    assert 1.9 <= worst < 20
    await eventually(lambda: ask(port, "/readyz")[0] == 200, timeout_s=20)
    assert scrape(port).value("dexwire_event_loop_lag_seconds_count") > 0

    process.send(signal.SIGTERM)
    assert process.wait(15) == 0


def test_a_scrape_has_a_bounded_head_and_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.process.metrics_server._CLIENT_S", 0.5)
    with serve_metrics(Metrics("api"), ServiceSettings(metrics_port=free_port())) as port:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as endless:
            endless.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"y" * 60_000)
            assert _end(endless) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=5) as dripping:
            for byte in b"GET /livez HTTP/1.1\r\n" * 5:
                time.sleep(0.01)
                with contextlib.suppress(OSError):
                    dripping.send(bytes([byte]))
            assert _end(dripping) == b""
        took = time.monotonic() - began
        status, _ = ask(port, "/livez")

    assert (took < 3, status) == (True, 200)


def test_a_crowd_of_silent_clients_takes_only_so_many_threads() -> None:
    with serve_metrics(Metrics("api"), ServiceSettings(metrics_port=free_port())) as port:
        crowd = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(40)]
        assert _end(crowd[-1]) == b""
        threads = sum("process_request_thread" in each.name for each in threading.enumerate())
        for each in crowd:
            each.close()

        def again() -> bool:
            try:
                return ask(port, "/livez")[0] == 200
            except OSError:
                return False

        deadline = time.monotonic() + 5
        while not again():
            assert time.monotonic() < deadline
    assert threads <= 32


def _end(sock: socket.socket) -> bytes:
    """Return what comes until the end of a connection; a reset is an end."""
    try:
        return sock.recv(65_536)
    except ConnectionError:
        return b""
