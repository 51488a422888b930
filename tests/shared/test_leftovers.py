"""Folders of killed embedded servers are found and removed; no other folder is."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from dexwire.server.doctor import machine
from dexwire.server.up import leftovers
from dexwire.server.up.embedded import EmbeddedServer
from dexwire.server.up.leftovers import find_leftovers, hold, remove_leftovers
from tests.testkit.process import ROOT, Process
from tests.testkit.wait import eventually

PARENT = """
import time
from dexwire.server.up.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
print(server.url, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def old_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_YOUNG_S", -1.0)


def folder(parent: Path, name: str, *content: str) -> Path:
    path = parent / name
    path.mkdir(mode=0o700)
    for each in content:
        (path / each).write_text("", encoding="utf-8")
    return path


def sockets(parent: Path) -> set[str]:
    return {str(path) for path in parent.glob("dexwire-*/redis.sock")}


async def test_what_a_killed_one_leaves_is_removed_and_a_live_one_is_not(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    live, killed = (
        Process([sys.executable, "-c", PARENT], env, tmp_path, tmp_path / f"{i}.log")
        for i in range(2)
    )
    try:
        await eventually(lambda: live.output() and killed.output(), timeout_s=20)
        assert find_leftovers(tmp_path) == []
        gone = Path(killed.output().strip().removeprefix("unix://")).parent
        killed.kill()

        removed = await eventually(lambda: remove_leftovers(tmp_path))

        assert removed == [gone]
        assert sockets(tmp_path) == {live.output().strip().removeprefix("unix://")}
    finally:
        live.kill()
        killed.kill()


def test_what_is_not_surely_ours_stays(tmp_path: Path) -> None:
    left = folder(tmp_path, "dexwire-left", "redis.log")
    empty = folder(tmp_path, "dexwire-empty")
    folder(tmp_path, "dexwire-notes", "thesis.txt")
    folder(tmp_path, "other-left", "redis.log")
    folder(tmp_path, "dexwire-shared").chmod(0o755)
    (tmp_path / "dexwire-link").symlink_to(left)
    held = hold(folder(tmp_path, "dexwire-held"))
    answering = folder(tmp_path, "dexwire-old")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(answering / "redis.sock"))
        server.listen()

        assert find_leftovers(tmp_path) == [empty, left]
    os.close(held)


def test_a_folder_that_was_just_made_is_nobodys_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path, "dexwire-new")
    monkeypatch.setattr(leftovers, "_YOUNG_S", 60.0)

    assert find_leftovers(tmp_path) == []


def test_closing_a_server_twice_is_harmless() -> None:
    server = EmbeddedServer()
    server.close()
    with socket.socket() as other:  # may take over the number of the closed descriptor
        server.close()
        assert other.fileno() > 0


def test_the_doctor_reports_and_cleans(tmp_path: Path) -> None:
    folder(tmp_path, "dexwire-left")

    assert machine.leftovers(clean=False, parent=tmp_path).verdict == "warn"
    assert machine.leftovers(clean=True, parent=tmp_path).seen == (
        "1 folders of killed servers removed"
    )
    assert machine.leftovers(clean=False, parent=tmp_path).seen == "none"
