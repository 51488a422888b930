"""docs/STREAM.md and the README teach clients that run: each is pasted into a file and run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from dexwire.runfile import Running
from dexwire.stream import limits, messages, topics
from dexwire.stream.closing import FIRST_FINAL, FIRST_PRIVATE, LAST, PRIVATE
from dexwire.stream.messages import CLIENT_FRAMES, SERVER_FRAMES, tag_of
from services.ws.settings import WsSettings
from tests.testkit.process import ROOT, Process, require
from tests.testkit.wait import eventually

STREAM = (ROOT / "docs" / "STREAM.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(text: str, language: str, heading: str) -> str:
    """The first block of a language under a heading."""
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def node() -> list[str]:
    """The command that runs JavaScript with a WebSocket."""
    path = require("node")
    version = subprocess.run([path, "--version"], capture_output=True, encoding="utf-8", check=True)
    major = int(version.stdout.removeprefix("v").partition(".")[0])
    assert major >= 20, f"node {version.stdout.strip()} is too old"
    # 20 warns that its WebSocket is an experiment.
    return [path] if major >= 22 else [path, "--experimental-websocket", "--no-warnings"]


def start(command: list[str], folder: Path, started: list[Process], path: str) -> Process:
    env = {"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    started.append(Process(command, env, folder, folder / f"out-{len(started)}.log"))
    return started[-1]


@pytest.mark.parametrize("language", ["Python", "JavaScript"])
async def test_the_client_of_the_page_follows_a_demo(
    language: str, demo: Running, tmp_path: Path, started: list[Process]
) -> None:
    fence, name = {"Python": ("python", "follow.py"), "JavaScript": ("js", "follow.mjs")}[language]
    code = block(STREAM, fence, f"A client in {language}")
    (tmp_path / name).write_text(code, encoding="utf-8")
    command = [sys.executable] if language == "Python" else node()

    process = start([*command, name, f"{demo.ws}/ws", "all"], tmp_path, started, "")

    def states() -> list[list[str]]:
        return [line.split() for line in process.lines()]

    def moved() -> bool:
        assert process.poll() is None, process.output()
        versions = {state[1] for state in states() if state[-1] != "0"}
        return len(versions) >= 4

    await eventually(moved, timeout_s=30)
    versions = [int(s[1]) for s in states() if s[-1] != "0"]
    assert versions == sorted(versions)
    assert int(states()[-1][-1]) > 50
    assert len(code.splitlines()) <= 42


async def test_the_readmes_client_prints_a_live_list(
    demo: Running, tmp_path: Path, started: list[Process]
) -> None:
    code = block(README, "python", "From Python")
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("import")]
    assert len(lines) <= 8
    address = f'"{demo.api}", ws_url="{demo.ws}/ws"'  # the demo of this test has ports of its own
    assert '"http://127.0.0.1:8000"' in code
    (tmp_path / "mine.py").write_text(
        code.replace('"http://127.0.0.1:8000"', address), encoding="utf-8"
    )

    process = start([sys.executable, "mine.py"], tmp_path, started, str(ROOT))

    def printed() -> bool:
        assert process.poll() is None, process.output()
        return len(process.lines()) >= 2

    await eventually(printed, timeout_s=30)
    assert "SOL" in process.output() or "(" in process.lines()[0]


def test_the_page_documents_every_message() -> None:
    for kind in (*SERVER_FRAMES, *CLIENT_FRAMES):
        tag = tag_of(kind)
        assert f"`{tag}`" in STREAM or f'"op":"{tag}"' in STREAM, tag


def test_the_page_gives_the_numbers_in_force() -> None:
    ws = WsSettings()
    sizes = ", ".join(map(str, topics.LIST_SIZES[:-1]))

    for claim in (
        f"subprotocol `{messages.SUBPROTOCOL}`",
        f"path `{messages.PATH}`",
        f"n {sizes} or {topics.LIST_SIZES[-1]}",
        f"`:L<{topics.LEVELS[0]}-{topics.LEVELS[-1]}>`",
        f"up to {limits.WATCHED} ids, one per connection",
        f"At most {limits.TOPICS} topics, {ws.ws_snapshot_rate:g} snapshots of `all` or a chain",
        f"({ws.ws_snapshot_burst} at once, `WS_SNAPSHOT_RATE`",
        f"{limits.LISTS_PER_ADDRESS} different lists of one address",
        f"{limits.WATCHED} ids, {limits.IN_BYTES // 1024} KiB a message",
        f"{limits.IN_PER_S} messages a second ({limits.IN_BURST} at once)",
        f"a first subscription within {ws.ws_subscribe_s:g} s",
        f"a handshake has {ws.ws_handshake_s:g} s",
        f"may hold {ws.max_conns_per_address} connections",
        f"open {ws.ws_handshake_rate:g} a second, {ws.ws_handshake_burst} at once",
        f"A gateway holds {ws.ws_max_connections:,}",
        f"over {limits.PART_BYTES // 1024} KiB comes in parts",
        f"nothing for {limits.SILENT_BEATS} \u00d7 hb_ms",
        f"takes nothing for {ws.ws_stall_s:g} s",
    ):
        assert claim in STREAM


def test_the_page_knows_every_code() -> None:
    sentence = STREAM.partition("An `err` has one of these codes")[2].partition(". Where")[0]
    codes = set(re.findall(r"`(\w+)`", sentence))
    table = STREAM.partition("## Closing codes")[2].partition("\n## ")[0]

    assert codes == set(get_args(messages.ErrorCode))
    assert {int(code) for code in re.findall(r"\b(4\d\d[0-9]) [a-z]", table)} == {
        closing.code for closing in PRIVATE
    }
    assert f"{FIRST_PRIVATE}-{FIRST_FINAL - 1}" in table
    assert f"{FIRST_FINAL}-{LAST}" in table


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", STREAM):
        assert (ROOT / "docs" / target).exists(), target
