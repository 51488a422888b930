"""The command line as a whole: what it loads, completes, and says where a part is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from dexwire.cli import SERVER_COMMANDS
from dexwire.server.commands import add_commands

HEAVY = {
    "httpx", "numpy", "prometheus_client", "pydantic_settings", "redis",
    "starlette", "structlog", "tenacity", "uvicorn", "uvloop", "websockets",
}  # fmt: skip
LISTED = """
import atexit, sys
sys.argv = ["dexwire", *sys.argv[1:]]
atexit.register(lambda: print("MODULES", *sys.modules))
from dexwire.__main__ import main
main()
"""
# A machine that has none of these is one with Windows (the shared cases' h3-62).
WINDOWS = """
import os, sys
for name in ("fcntl", "resource", "termios", "tty", "pwd", "grp"):
    sys.modules[name] = None
del os.EX_CONFIG
sys.argv = ["dexwire", *sys.argv[1:]]
import dexwire
dexwire.Client
from dexwire.__main__ import main
main()
"""


def run(
    code: str, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **(env or {})},
        check=False,
    )


def dexwire(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dexwire", *words],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **(env or {})},
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "typers_own"),
    [
        (("--version",), {"pydantic", "rich"}),
        (("--help",), {"pydantic"}),
        (("query", "--help"), set()),  # typer reads a command's options with pydantic
        (("up", "-h"), set()),
    ],
)
def test_what_only_prints_loads_no_library_of_client_or_server(
    words: tuple[str, ...], typers_own: set[str]
) -> None:
    output = run(LISTED, *words)

    assert output.returncode == 0, output.stderr
    loaded = output.stdout.partition("MODULES ")[2].split()
    assert (HEAVY | typers_own).isdisjoint(name.partition(".")[0] for name in loaded)
    assert [name for name in loaded if name.startswith("services.")] == []


def test_a_shell_completes_commands_and_options() -> None:
    def complete(line: str) -> list[str]:
        env = {"_DEXWIRE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(
            len(line.split(" ")) - 1
        )}  # fmt: skip
        return dexwire(env=env).stdout.split()

    assert complete("dexwire conf") == ["config", "conformance"]
    assert complete("dexwire query --sort m") == ["market_cap"]


def test_the_completion_script_is_printed() -> None:
    script = dexwire(env={"_DEXWIRE_COMPLETE": "source_bash"}).stdout
    assert "complete -o default -F _dexwire_completion dexwire" in script


# -- parts that are missing ------------------------------------------------------------------------
def test_the_commands_that_need_the_server_are_those_it_brings() -> None:
    app = typer.Typer()
    add_commands(app)
    named = [c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands]
    named += [group.name for group in app.registered_groups]
    assert sorted(named) == sorted(SERVER_COMMANDS)


@pytest.mark.parametrize("command", ["up", "doctor", "api", "redis-users"])
def test_on_windows_the_server_is_a_sentence(command: str) -> None:
    output = run(WINDOWS, command, "--demo")

    assert output.returncode == 1
    assert output.stderr == (
        f"dexwire {command}: on Windows the client works, the server does not: use WSL\n"
    )


@pytest.mark.parametrize("command", ["query", "tail", "top"])
def test_on_windows_the_terminal_commands_load(command: str) -> None:
    topic = ("all",) if command == "tail" else ()
    output = run(WINDOWS, command, *topic, "--url", "http://127.0.0.1:9")

    assert output.returncode == 1
    assert output.stderr.startswith("dexwire: ")
    assert "does not answer" in output.stderr
    assert len(output.stderr.splitlines()) == 1


# -- a folder with packages of the same names ------------------------------------------------------
@pytest.fixture
def own_packages(tmp_path: Path) -> Path:
    """A working folder whose `shared` and `services` are somebody else's."""
    for name in ("shared", "services"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            "raise SystemExit('not this one')\n", encoding="utf-8"
        )
    return tmp_path


@pytest.mark.parametrize("path", ["", "."], ids=["python -m", "PYTHONPATH"])
@pytest.mark.parametrize("words", [("config", "api", "--changed"), ("verify",), ("api",)])
@pytest.mark.usefixtures("own_packages")
def test_packages_of_the_working_folder_are_not_taken_for_ours(
    words: tuple[str, ...], path: str
) -> None:
    output = dexwire(*words, env={"PYTHONPATH": path})

    assert "not this one" not in output.stderr
    assert "Traceback" not in output.stderr
    assert output.returncode in {0, 78}, output.stderr
