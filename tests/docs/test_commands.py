"""What README and docs/ print works: every command and every program is extracted and run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from dexwire.runfile import Running
from tests.testkit.blocks import Block, blocks, inline_commands
from tests.testkit.process import ROOT, Process, require
from tests.testkit.shims import SHIMS
from tests.testkit.wait import eventually

HERE = '"http://127.0.0.1:8000"'
SHELL = blocks("sh", "bash", "shell", "console")
# Those that need a server of the reader's own, or a place in dexwire's, have tests of their own.
ELSEWHERE = ("WEBHOOK", "SourceDeclaration(")
PROGRAMS = [
    one for one in blocks("python", "py") if not any(word in one.text for word in ELSEWHERE)
]
# In words between backticks, a name in capitals or an ellipsis stands for something of the reader.
PLACEHOLDER = re.compile(r"<\w+>|…|\b(?:URL|DIR|PATH|FILE)\b")


@pytest.fixture(scope="module")
def reader(demo: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder beside the demo's note, and an environment in which the shims are on PATH."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / ".dexwire").symlink_to(Path(f"/proc/{demo.pid}/cwd").readlink() / ".dexwire")
    for place in (folder / "bin", folder / ".venv" / "bin"):
        place.mkdir(parents=True)
        for name in SHIMS:
            shim = place / name
            shim.write_text(
                f'#!/bin/sh\nexec {sys.executable} {ROOT / "tests/testkit/shims.py"} {name} "$@"\n',
                encoding="utf-8",
            )
            shim.chmod(0o755)
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "deploy").symlink_to(ROOT / "deploy")
    env = {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "DEMO_API": demo.api,
    }
    return folder, env


@cache  # most name the same few commands
def output_of(
    folder: Path, words: tuple[str, ...], env: tuple[tuple[str, str], ...]
) -> subprocess.CompletedProcess[str]:
    """Run a command in the reader's folder."""
    return subprocess.run(
        [folder / "bin" / words[0], *words[1:]],
        env={**dict(env), "COLUMNS": "200"}, cwd=folder, capture_output=True, encoding="utf-8",
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_commands_of_a_block_work(block: Block, reader: tuple[Path, dict[str, str]]) -> None:
    require("curl")
    folder, env = reader

    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", block.text],
        env=env, cwd=folder, capture_output=True, encoding="utf-8", timeout=110, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]


@pytest.mark.parametrize("block", inline_commands(), ids=lambda one: f"{one}-{one.text[:40]}")
def test_a_command_inside_a_sentence_exists(
    block: Block, reader: tuple[Path, dict[str, str]]
) -> None:
    folder, env = reader
    words = shlex.split(PLACEHOLDER.sub("x", block.text.partition(" | ")[0]))
    while re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    name = words[0].removeprefix(".venv/bin/")
    if name == "redis-cli":
        return  # Redis' own; its effect is described beside it
    shown = [name, *words[1:]]
    if name == "dexwire" and not words[1].startswith("-"):
        shown = ["dexwire", words[1], "--help"]
    elif name in {"kubectl", "docker", "docker-compose"} and "x" in words:
        return  # names of the reader's own

    done = output_of(folder, tuple(shown), tuple(env.items()))

    assert done.returncode == 0, done.stderr
    if "--help" in shown:
        for option in (word for word in words if word.startswith("--")):
            assert option in done.stdout


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
async def test_a_program_prints_what_it_found(
    block: Block, demo: Running, tmp_path: Path, started: list[Process]
) -> None:
    address = f'"{demo.api}", ws_url="{demo.ws}/ws"'
    (tmp_path / "program.py").write_text(block.text.replace(HERE, address), encoding="utf-8")
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "program.py"]
    if "sys.argv" in block.text:
        command += [f"{demo.ws}/ws", "all"]
    process = Process(command, env, tmp_path, tmp_path / "out.log")
    started.append(process)

    # What it prints ends the wait, and what it ends with, when it ends by itself.
    await eventually(lambda: process.output().strip() or process.poll() is not None, timeout_s=60)
    code = process.poll()

    assert process.output().strip()
    assert "Traceback" not in process.output()
    assert code in {None, 0}
