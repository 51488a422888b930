"""The model of `bench/scaling.py` beside a run of four gateways and two apis."""

from __future__ import annotations

import http.client
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.discover import PAGE
from bench.fanout import CHANGES, TOKENS, Clients
from bench.figures import note
from bench.process import exact_cpu_s
from bench.readings import PREFIX
from bench.running import ROOT, Services, market, running

GATEWAYS, APIS = 4, 2
TOPICS = ["all"]
MANY = 100  # rows of a commit, to see what one costs


@dataclass
class Span:
    """What happened in a span of a run; CPU in seconds, by the name of a process."""

    seconds: float
    commits: int
    readings: int
    sent_bytes: int  # by Redis
    cpu_s: dict[str, float] = field(default_factory=dict)
    pages: int = 0
    writes: int = 0  # as the clients read them

    @property
    def sent(self) -> float:
        """Bytes that Redis sent, a commit."""
        return self.sent_bytes / max(1, self.commits)

    def each(self, kind: str) -> float:
        """Return the CPU of the processes of one kind in µs a commit."""
        return self.used(kind) / max(1, self.commits) * 1e6

    def used(self, kind: str) -> float:
        """Return the CPU of the processes of one kind."""
        return sum(used for name, used in self.cpu_s.items() if name.startswith(kind))


@dataclass(frozen=True)
class UnitCosts:
    """In µs of CPU; bytes of one commit to one reader, and of one page that an api reads."""

    gateway_commit: float  # of 20 rows, like those of the others
    gateway_row: float  # each of 80 more
    write: float
    api_commit: float
    api_row: float
    page: float
    redis_commit: float
    redis_row: float
    redis_reader: float
    redis_page: float  # the page that each api reads once after a commit
    reading: float
    commit_bytes: float
    page_bytes: float


class PageCaller(threading.Thread):
    """Requests pages of an api at a steady rate until `end()`."""

    def __init__(self, url: str, per_s: float) -> None:
        super().__init__()
        self.count = 0
        self._host, self._each_s = url.removeprefix("http://"), 1 / per_s
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=10)
        due = time.perf_counter()
        while not self._ended.is_set():
            connection.request("GET", PAGE)
            answer = connection.getresponse()
            answer.read()
            self.count += answer.status == 200
            due = max(due + self._each_s, time.perf_counter() - 1)
            self._ended.wait(max(0.0, due - time.perf_counter()))
        connection.close()

    def end(self) -> None:
        self._ended.set()
        self.join()


def span(
    found: Services, seconds: float, callers: list[PageCaller], clients: list[Clients]
) -> Span:
    """Let the services run for a while and return what they did."""
    pids = {name: process.pid for name, process in found.processes.items()}
    pids["redis"] = found.server.pid or 0
    for each in clients:
        each.report()
    pages_before = sum(each.count for each in callers)
    before = {name: exact_cpu_s(pid) for name, pid in pids.items()}
    version, sent, began = _version(found), _sent(found), time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    commits = _version(found) - version
    done = Span(took, commits, round(took * CHANGES * 5), _sent(found) - sent)
    done.cpu_s = {name: exact_cpu_s(pid) - before[name] for name, pid in pids.items()}
    done.pages = sum(each.count for each in callers) - pages_before
    done.writes = sum(int(each.report()[0]) for each in clients)
    return done


def _version(found: Services) -> int:
    return int(found.client.hget(f"{PREFIX}state:meta", "version") or 0)


def _sent(found: Services) -> int:
    return int(found.client.info("stats")["total_net_output_bytes"])


@contextmanager
def load(
    found: Services, clients: int, pages: int
) -> Iterator[tuple[list[PageCaller], list[Clients]]]:
    """Put clients on every gateway and requests on every api of a run."""
    ports = found.ports.items()
    readers = [Clients(port, clients, TOPICS) for name, port in ports if name.startswith("ws")]
    callers = [
        PageCaller(f"http://127.0.0.1:{port}", pages)
        for name, port in ports
        if name.startswith("api")
    ]
    try:
        time.sleep(2.0)  # snapshots
        yield callers, readers
    finally:
        for caller in callers:
            caller.end()
        for reader in readers:
            reader.end()


def calibrate(clients: int, pages: int, seconds: float) -> UnitCosts:
    """Measure the unit costs with one gateway and one api."""
    with running("one", ROOT, TOKENS) as found:
        with market(found, TOKENS, changes=CHANGES):
            time.sleep(2.0)
            alone = span(found, seconds, [], [])
            for name in ("ws", "api"):
                found.start(name, {})
                found.wait_ready(name)
            time.sleep(2.0)
            idle = span(found, seconds, [], [])
            with load(found, clients, pages) as (callers, readers):
                busy = span(found, seconds, callers, readers)
        with market(found, TOKENS, changes=MANY):
            time.sleep(1.0)
            many = span(found, seconds, [], [])
    base, followed = alone.each("redis"), idle.each("redis")
    gateway, api, more = idle.each("ws"), idle.each("api"), MANY - CHANGES
    reader = max(0.0, followed - base) / 2
    return UnitCosts(
        gateway_commit=gateway,
        gateway_row=(many.each("ws") - gateway) / more,
        write=(busy.each("ws") - gateway) * busy.commits / max(1, busy.writes),
        api_commit=api,
        api_row=(many.each("api") - api) / more,
        page=(busy.each("api") - api) * busy.commits / max(1, busy.pages),
        redis_commit=base - reader,  # the aggregator is one reader
        redis_row=(many.each("redis") - followed) / more,
        redis_reader=reader,
        redis_page=busy.each("redis") - followed,
        reading=alone.used("aggregator") / alone.readings * 1e6,
        commit_bytes=(idle.sent - alone.sent) / 2,
        page_bytes=busy.sent - idle.sent,
    )


def measure(clients: int, pages: int, seconds: float) -> Span:
    """Run four gateways and two apis under the load."""
    with ExitStack() as stack:
        found = stack.enter_context(running("four", ROOT, TOKENS))
        for kind, count in (("ws", GATEWAYS), ("api", APIS)):
            for number in range(count):
                found.start(kind, {}, label=f"{kind}{number}")
                found.wait_ready(f"{kind}{number}")
        stack.enter_context(market(found, TOKENS, changes=CHANGES))
        callers, readers = stack.enter_context(load(found, clients, pages))
        return span(found, seconds, callers, readers)


def check(clients: int, pages: int, seconds: float) -> None:
    """Print the unit costs, and prediction beside measurement."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; {CHANGES} rows a commit,"
          f" {clients} clients of each gateway, {pages} pages a second of each api")  # fmt: skip
    unit = calibrate(clients, pages, seconds)
    print("\nunit costs, µs of CPU, of one gateway and one api:")
    for name, cost in vars(unit).items():
        print(f"  {name:<16}{cost:10.1f}")
    run = measure(clients, pages, seconds)
    commits, readers = run.commits, GATEWAYS + APIS + 1
    redis = unit.redis_commit + readers * unit.redis_reader + APIS * unit.redis_page
    predicted = {
        "a gateway": (commits * unit.gateway_commit + run.writes / GATEWAYS * unit.write) / 1e6,
        "an api": (commits * unit.api_commit + run.pages / APIS * unit.page) / 1e6,
        "Redis": commits * redis / 1e6,
        "the aggregator": run.readings * unit.reading / 1e6,
    }
    measured = {
        "a gateway": run.used("ws") / GATEWAYS,
        "an api": run.used("api") / APIS,
        "Redis": run.used("redis"),
        "the aggregator": run.used("aggregator"),
    }
    predicted["all"] = GATEWAYS * predicted["a gateway"] + APIS * predicted["an api"]
    predicted["all"] += predicted["Redis"] + predicted["the aggregator"]
    measured["all"] = sum(run.cpu_s.values())
    print(f"\n{GATEWAYS} gateways, {APIS} apis, {commits / run.seconds:.1f} commits/s,"
          f" {run.writes:,} writes, {run.pages / run.seconds:.0f} pages/s;")  # fmt: skip
    print("% of a core")
    print(f"{'':<18}{'predicted':>10}{'measured':>10}{'measured / predicted':>22}")
    for name, value in predicted.items():
        each = [100 * value / run.seconds, 100 * measured[name] / run.seconds]
        note(name.removeprefix("a "), each[1] / each[0])
        print(f"{name:<18}{each[0]:>10.2f}{each[1]:>10.2f}{each[1] / each[0]:>22.2f}")
    sent = readers * unit.commit_bytes + APIS * unit.page_bytes
    out = [commits * sent / run.seconds / 1e6,
           run.sent_bytes / run.seconds / 1e6]  # fmt: skip
    print(f"{'Redis sends, MB/s':<18}{out[0]:>10.3f}{out[1]:>10.3f}{out[1] / out[0]:>22.2f}")
