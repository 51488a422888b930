"""The note that `dexwire up` leaves for `dexwire verify`."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

from dexwire.runfile import RunFile, Running, find_running
from tests.testkit.process import ROOT, Process
from tests.testkit.wait import eventually

NOTE = Running(
    pid=1,
    redis_url="unix:///tmp/x/redis.sock",
    redis_prefix="demo:",
    api="http://127.0.0.1:8000",
    ws="ws://127.0.0.1:8001",
    demo=True,
)
OWNER = """
import time
from pathlib import Path
from dexwire.runfile import RunFile, Running
RunFile.claim(Path("here")).write(
    Running(pid=1, redis_url="unix:///x", redis_prefix="", api="", ws="", demo=True)
)
print("written", flush=True)
time.sleep(60)
"""


def test_a_note_is_found_while_its_writer_lives_and_is_private(tmp_path: Path) -> None:
    run_file = RunFile.claim(tmp_path / "dir")
    assert run_file is not None
    run_file.write(NOTE)

    assert find_running(tmp_path / "dir") == NOTE
    assert stat.S_IMODE((tmp_path / "dir").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "dir" / "up.json").stat().st_mode) == 0o600
    run_file.close()
    assert find_running(tmp_path / "dir") is None
    assert list((tmp_path / "dir").iterdir()) == []


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    first = RunFile.claim(tmp_path)
    assert first is not None

    assert RunFile.claim(tmp_path) is None
    first.close()
    second = RunFile.claim(tmp_path)
    assert second is not None
    second.close()


async def test_the_note_of_a_killed_writer_is_stale(tmp_path: Path) -> None:
    owner = Process(
        [sys.executable, "-c", OWNER],
        {**os.environ, "PYTHONPATH": str(ROOT)},
        tmp_path,
        tmp_path / "log",
    )
    await eventually(lambda: "written" in owner.output())
    assert find_running(tmp_path / "here") is not None

    owner.send(signal.SIGKILL)
    owner.wait()

    assert (tmp_path / "here" / "up.json").exists()
    assert find_running(tmp_path / "here") is None


def test_a_folder_without_a_note_has_nothing_running(tmp_path: Path) -> None:
    assert find_running(tmp_path / "nowhere") is None
