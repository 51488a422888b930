"""The supervisor with real children: they come back, they end together, they leave no orphan."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from dexwire.server.up import supervisor as supervisor_
from dexwire.server.up.children import before_exec, stop_signals_blocked
from dexwire.server.up.screen import Screen
from dexwire.server.up.supervisor import Service, Supervisor, next_delay_s
from tests.testkit.process import ROOT, Process
from tests.testkit.wait import eventually

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
DEAF = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "time.sleep(60)"
)
PARENT = """
import asyncio, sys
from dexwire.server.up.screen import Screen
from dexwire.server.up.supervisor import Service, Supervisor

child = (sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
asyncio.run(Supervisor(Screen(["one", "two"])).run([Service("one", child), Service("two", child)]))
"""


def python(name: str, code: str) -> Service:
    return Service(name, (sys.executable, "-c", code))


def gone(pid: int) -> bool:
    """Ended, or a zombie that nobody has collected yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_the_delay_doubles_to_five_seconds_and_starts_over_after_a_healthy_life() -> None:
    assert next_delay_s(0, lived_s=0.1) == 0.2
    assert next_delay_s(0.2, lived_s=0.1) == 0.4
    assert next_delay_s(3.2, lived_s=0.1) == 5.0
    assert next_delay_s(5.0, lived_s=9.9) == 5.0
    assert next_delay_s(5.0, lived_s=10.0) == 0.2


async def test_a_child_that_dies_is_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor(Screen(["brief"]))
    running = asyncio.create_task(supervisor.run([python("brief", "print('here'); exit(3)")]))
    output = ""

    def here() -> bool:
        nonlocal output
        output += capsys.readouterr().out
        return output.count("brief   | here") >= 2

    await eventually(here)
    supervisor.interrupt()

    assert await running == 0
    assert "dexwire | brief ended with code 3; starting it again in 0.2 s" in output


async def test_a_child_ended_by_a_signal_is_started_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor = Supervisor(Screen(["sleeper"]))
    running = asyncio.create_task(supervisor.run([python("sleeper", SLEEPER)]))
    first = await eventually(lambda: supervisor.pid("sleeper"))

    os.kill(first, signal.SIGKILL)

    await eventually(lambda: supervisor.pid("sleeper") not in {None, first})
    supervisor.interrupt()
    assert await running == 0
    assert "sleeper was ended by SIGKILL; starting it again in 0.2 s" in capsys.readouterr().out


async def test_the_end_is_everybodys_end(capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor(Screen(["a", "b"]))
    running = asyncio.create_task(supervisor.run([python("a", SLEEPER), python("b", SLEEPER)]))
    pids = [
        await eventually(lambda: supervisor.pid("a")),
        await eventually(lambda: supervisor.pid("b")),
    ]

    supervisor.interrupt()

    assert await running == 0
    assert all(gone(pid) for pid in pids)
    assert "dexwire | stopping a, b" in capsys.readouterr().out


async def test_a_child_that_ignores_the_signal_is_killed_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_, "KILL_AFTER_S", 0.3)
    supervisor = Supervisor(Screen(["deaf"]))
    running = asyncio.create_task(supervisor.run([python("deaf", DEAF)]))
    await eventually(lambda: "deaf    | deaf" in capsys.readouterr().out)

    supervisor.interrupt()

    assert await asyncio.wait_for(running, 5) == 0
    assert "dexwire | killing deaf" in capsys.readouterr().out


async def test_interrupted_twice_it_waits_for_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor(Screen(["deaf"]))
    running = asyncio.create_task(supervisor.run([python("deaf", DEAF)]))
    await eventually(lambda: "deaf    | deaf" in capsys.readouterr().out)
    started = time.monotonic()

    supervisor.interrupt()
    supervisor.interrupt()

    assert await running == 0
    assert time.monotonic() - started < 2


async def test_a_wrong_setting_of_one_child_ends_everything_with_78() -> None:
    supervisor = Supervisor(Screen(["picky", "sleeper"]))

    code = await supervisor.run([python("picky", "exit(78)"), python("sleeper", SLEEPER)])

    assert code == 78


async def test_a_line_beyond_the_limit_is_dropped_and_the_next_one_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = f"print('x' * {3 << 20}); print('after', flush=True); import time; time.sleep(60)"
    supervisor = Supervisor(Screen(["wordy"]))
    running = asyncio.create_task(supervisor.run([python("wordy", code)]))

    await eventually(lambda: "wordy   | after" in capsys.readouterr().out)
    supervisor.interrupt()

    assert await running == 0


async def test_killing_the_parent_leaves_no_orphan(tmp_path: Path) -> None:
    parent = Process(
        [sys.executable, "-c", PARENT],
        {**os.environ, "PYTHONPATH": str(ROOT)},
        tmp_path,
        tmp_path / "log",
    )
    await eventually(lambda: parent.output().count("\n") == 2)
    pids = [int(line.rpartition(" ")[2]) for line in parent.lines()]
    assert not any(gone(pid) for pid in pids)

    parent.send(signal.SIGKILL)
    parent.wait()

    await eventually(lambda: all(gone(pid) for pid in pids), timeout_s=2)


async def test_a_ctrl_c_that_a_forked_child_gets_ends_neither_it_nor_us_twice() -> None:
    heard: list[int] = []
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, heard.append, signal.SIGINT)
    prepare = before_exec()

    def ctrl_c_then_prepare() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        prepare()

    try:
        with stop_signals_blocked():
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", SLEEPER),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                preexec_fn=ctrl_c_then_prepare,
            )
        assert child.stdout is not None
        assert await child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGINT)  # one that is for it
        assert await child.wait() == -signal.SIGINT
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    assert heard == []


@pytest.mark.parametrize("others_are_ready", [True, False])
async def test_what_no_page_needs_starts_when_the_others_are_ready_or_late(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, others_are_ready: bool
) -> None:
    monkeypatch.setattr(supervisor_, "LAST_STARTS_S", 60.0 if others_are_ready else 0.5)
    recorder = Service("recorder", (sys.executable, "-c", SLEEPER), starts_last=True)
    supervisor = Supervisor(Screen(["api", "recorder"]))
    running = asyncio.create_task(supervisor.run([recorder, python("api", SLEEPER)]))
    output = ""

    def up(name: str) -> bool:
        nonlocal output
        output += capsys.readouterr().out
        return f"{name} | up" in output

    await eventually(lambda: up("api     "))
    started = "recorder | up" in output
    if others_are_ready:
        supervisor.ready.set()
    await eventually(lambda: up("recorder"))
    supervisor.interrupt()

    assert await running == 0
    assert not started


async def test_what_others_need_while_they_end_is_ended_after_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    polite = (
        "import signal, time\n"
        "def bye(*_): time.sleep(.2); print('bye', flush=True); exit()\n"
        "signal.signal(signal.SIGTERM, bye)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)"
    )
    upstream = Service("upstream", (sys.executable, "-c", polite), outlasts=True)
    supervisor = Supervisor(Screen(["upstream", "client"]))
    running = asyncio.create_task(supervisor.run([upstream, python("client", polite)]))
    output = ""

    def both_up() -> bool:
        nonlocal output
        output += capsys.readouterr().out
        return output.count("| up") == 2

    await eventually(both_up)
    supervisor.interrupt()

    assert await running == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["client   | bye", "upstream | bye"]
