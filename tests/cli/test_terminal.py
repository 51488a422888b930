"""`dexwire top`, `tail`, `query` and `conformance` as a user types them, against a demo."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dexwire.client import Alert, Client, Diff, Gap, Snapshot, State
from dexwire.client.ranking import Ranking
from dexwire.runfile import Running
from dexwire.terminal.table import FLASH_S, Flashes
from dexwire.terminal.tail import Names, line
from dexwire.terminal.top import pressed
from tests.testkit.process import Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]


def at(demo: Running) -> tuple[str, ...]:
    return ("--url", demo.api, "--ws-url", f"{demo.ws}/ws")


def test_query_prints_a_page(spawn_dexwire: Spawn, demo: Running) -> None:
    shown = spawn_dexwire("query", "--limit", "5", "--sort", "liquidity", "--url", demo.api)
    assert shown.wait() == 0, shown.output()
    assert "DEMO: replayed market, not live data" in shown.output()
    assert "liquidity ▾" in shown.output()

    raw = spawn_dexwire("query", "--limit", "3", "--asc", "--json", "--url", demo.api)
    assert raw.wait() == 0, raw.output()
    page = json.loads(raw.output())
    volumes = [token["volume_24h"] for token in page["tokens"]]
    assert len(volumes) == 3
    assert volumes == sorted(volumes)


async def test_tail_prints_events_until_ctrl_c(spawn_dexwire: Spawn, demo: Running) -> None:
    process = spawn_dexwire("tail", "all", *at(demo))
    await eventually(lambda: " → " in process.output(), timeout_s=20)

    process.send(signal.SIGINT)

    assert process.wait() == 130
    assert "all  snapshot  version" in process.output()
    assert "Traceback" not in process.output()


async def test_tail_as_json_is_one_object_a_line(spawn_dexwire: Spawn, demo: Running) -> None:
    process = spawn_dexwire("tail", "chain:eth", "--json", *at(demo))
    await eventually(lambda: '"event":"diff"' in process.output(), timeout_s=20)

    process.send(signal.SIGTERM)

    assert process.wait() == 130
    events = [json.loads(text) for text in process.lines()]
    assert {event["event"] for event in events} >= {"state", "snapshot", "diff"}
    assert {e["topic"] for e in events if "topic" in e} == {"chain:ethereum"}


def test_a_refused_topic_is_one_line(spawn_dexwire: Spawn, demo: Running) -> None:
    process = spawn_dexwire("tail", "nonsense", *at(demo))

    assert process.wait() == 1
    assert process.lines()[-1] == "dexwire: unknown topic 'nonsense' (bad_topic)"


@pytest.mark.parametrize("command", [("top",), ("tail", "all"), ("query",)])
def test_nobody_there_is_one_line(spawn_dexwire: Spawn, command: tuple[str, ...]) -> None:
    process = spawn_dexwire(*command, "--url", f"http://127.0.0.1:{free_port()}")

    assert process.wait() == 1
    last = process.lines()[-1]
    assert last.startswith("dexwire: ")
    assert "does not answer" in last
    assert "Traceback" not in process.output()


@pytest.mark.parametrize("command", [("query", "--url", "ftp://x"), ("conformance", "x")])
def test_a_wrong_address_is_one_line(spawn_dexwire: Spawn, command: tuple[str, ...]) -> None:
    process = spawn_dexwire(*command)

    assert process.wait() == 1
    assert process.output().startswith("dexwire: not an http address: ")


def own_the_terminal() -> None:
    """Let Ctrl-C on standard input be a signal to this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def screen(master: int, until: Callable[[str], bool], within_s: float = 20) -> str:
    """Read a terminal until what was written satisfies `until`."""
    seen, deadline = "", time.monotonic() + within_s
    while not until(seen):
        assert time.monotonic() < deadline, seen[-2000:]
        if select.select([master], [], [], 0.2)[0]:
            try:
                seen += os.read(master, 65536).decode(errors="replace")
            except OSError:  # the other end has gone
                return seen
    return seen


@pytest.mark.parametrize(("end", "code"), [(b"q", 0), (b"\x03", 130)])
def test_top_shows_the_list_live_and_leaves_the_terminal_as_it_was(
    demo: Running, tmp_path: Path, end: bytes, code: int
) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "dexwire", "top", "--chain", "solana", *at(demo)]
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140", "LINES": "30"}
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env,
        cwd=tmp_path,
        start_new_session=True,
        preexec_fn=own_the_terminal,  # noqa: PLW1509
    )
    os.close(slave)
    try:
        first = screen(master, lambda text: "version" in text and "$" in text)
        os.write(master, b"l")
        screen(master, lambda text: "liquidity ▾" in text)
        os.write(master, end)
        rest = screen(master, lambda _: process.poll() is not None)
        assert process.wait(10) == code
    finally:
        process.kill()
        process.wait()
        os.close(master)

    assert "DEMO: replayed market, not live data" in first
    assert "data age" in first
    assert "\x1b[?1049l" in rest, "the alternate screen was left"


def test_top_without_a_terminal_prints_the_list_once(spawn_dexwire: Spawn, demo: Running) -> None:
    process = spawn_dexwire("top", "--limit", "10", *at(demo))

    assert process.wait(20) == 0, process.output()
    assert "volume 24h desc" in process.output()
    assert "10 rows" in process.output()


# -- what needs no process -------------------------------------------------------------------------
def test_keys_change_the_list() -> None:
    start = Ranking()

    assert pressed(start, "n").sort == "newest"
    assert pressed(start, "w").window == "5m"
    assert pressed(start, "o").order == "asc"
    assert pressed(start, "?") == start


def test_a_figure_that_moved_is_coloured_for_a_moment() -> None:
    flashes = Flashes()
    flashes.update([{"id": "s:A", "price": 1.0}], 0.0)
    flashes.update([{"id": "s:A", "price": 2.0}], 1.0)

    assert flashes.style("s:A", "price", 1.1) == "bold green"
    assert flashes.style("s:A", "price", 1.0 + FLASH_S) == ""
    flashes.update([{"id": "s:A", "price": 1.5}], 2.0)
    assert flashes.style("s:A", "price", 2.0) == "bold red"
    assert flashes.style("s:B", "price", 2.0) == ""


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (State(status="live", epoch="e1", version=5), "-  live  epoch e1  version 5"),
        (State(status="offline", error="closed: 4002"), "-  offline  closed: 4002"),
        (
            Snapshot(topic="all", epoch="e1", version=5, rows=[{"id": "s:A"}]),
            "all  snapshot  version 5  1 rows",
        ),
        (
            Diff(
                topic="all",
                prev=5,
                version=6,
                set=[{"id": "s:A", "price": 0.00000123}],
                removed=["s:1", "s:2", "s:3", "s:4"],
                ids=[],
            ),
            "all  5 → 6  ~s:A $0.0₅123  -s:1  -s:2  -s:3  -1 more  order",
        ),
        (Gap(reason="lost", topic="alerts", lost=3), "alerts  gap  lost  3 lost"),
        (
            Alert(
                topic="alerts",
                version=5,
                key="5.0",
                kind="price",
                token_id="s:A",
                window="5m",
                change=31.4,
                before=1.0,
                after=1.314,
                level=2,
            ),
            "alerts  price 5m ▲ +31.40%  $1.00 → $1.31  level 2  s:A",
        ),
        (
            Alert(topic="alerts", version=5, key="5.1", kind="graduated", token_id="s:A"),
            "alerts  graduated  s:A",
        ),
    ],
)
def test_an_event_is_one_line(event: Any, text: str) -> None:  # noqa: ANN401
    assert line(event) == text


async def test_tail_calls_tokens_by_ticker_and_name(demo: Running) -> None:
    async with Client(demo.api) as client:
        row = (await client.page(limit=1)).tokens[0]
        names = Names(client)
        alert = Alert(topic="alerts", version=5, key="5.0", kind="price", token_id=row["id"])
        await names.learn(alert)

    text = line(alert, names.known)
    assert text.endswith(f"{row['token_ticker']} {row['token_name']} ({row['chain']})")


async def test_tail_learns_names_from_snapshots() -> None:
    names = Names(Client("http://127.0.0.1:9"))
    await names.learn(
        Snapshot(topic="all", epoch="e", version=5, rows=[{"id": "s:A", "token_ticker": "CAT"}])
    )
    diff = Diff(topic="all", prev=5, version=6, set=[{"id": "s:A", "price": 2.0}], removed=["s:A"])
    assert line(diff, names.known) == "all  5 → 6  ~CAT (s) $2.00  -CAT (s)"


# -- conformance -----------------------------------------------------------------------------------
def test_a_demo_conforms_and_every_check_has_looked_at_something(
    spawn_dexwire: Spawn, demo: Running
) -> None:
    store = ("--redis-url", demo.redis_url)
    ws = ("--ws-url", f"{demo.ws}/ws")
    process = spawn_dexwire("conformance", demo.api, *ws, *store, "--seconds", "3", "--json")

    process.wait(60)
    checks = {check["name"]: check for check in json.loads(process.output())}
    wrong = {name: check["examples"] for name, check in checks.items() if check["wrong"]}
    assert wrong == {}
    assert all(check["looked_at"] for check in checks.values())
    assert checks["rows equal the store's at its version"]["looked_at"] > 50
    assert process.poll() == 0


def test_against_another_store_it_fails(
    spawn_dexwire: Spawn, demo: Running, redis_url: str
) -> None:
    ws = ("--ws-url", f"{demo.ws}/ws")
    store = ("--redis-url", redis_url, "--redis-prefix", "nothing-here:")
    process = spawn_dexwire("conformance", demo.api, *ws, *store, "--seconds", "1")

    assert process.wait(60) == 1
    assert "there is no state under the prefix 'nothing-here:'" in process.output()
    assert " checks fail\n" in process.output()
