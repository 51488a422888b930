"""Finds every log call of the source, and which services can come to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from shared.process.settings import METRICS_PORTS
from tests.testkit.process import ROOT

LEVELS: Final = ("debug", "info", "warning", "error", "exception", "critical")
SERVICES: Final = tuple(METRICS_PORTS)
_NOT_SHOWN: Final = {"exc_info"}  # becomes `exception`


class LogCall(NamedTuple):
    """One event as it is documented somewhere."""

    event: str
    services: str  # "any", or their names
    level: str
    fields: frozenset[str]


@cache
def log_calls() -> frozenset[LogCall]:
    """Return every call `log.<level>("event", …)`; fails where the event is no constant."""
    return frozenset(_log_calls())


def _log_calls() -> Iterator[LogCall]:
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]:
        for call in _calls(path):
            assert isinstance(call.func, ast.Attribute)
            assert call.args, f"{path}:{call.lineno}: no event"
            event = call.args[0]
            assert isinstance(event, ast.Constant), f"{path}:{call.lineno}: no constant name"
            names = [word.arg for word in call.keywords]
            assert None not in names, f"{path}:{call.lineno}: fields that cannot be read here"
            assert len(call.args) == 1, f"{path}:{call.lineno}: values have names"
            fields = {name for name in names if name is not None}
            level = call.func.attr
            if level == "exception" or fields & _NOT_SHOWN:
                fields = (fields - _NOT_SHOWN) | {"exception"}
            yield LogCall(
                str(event.value), _events_of(path), level.replace("exception", "error"),
                frozenset(fields),
            )  # fmt: skip


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
        ):
            yield node


def _events_of(path: Path) -> str:
    found = [name for name in SERVICES if path in _loaded_by(name)]
    return "any" if found == list(SERVICES) else ", ".join(found)


@cache
def _loaded_by(service: str) -> frozenset[Path]:
    """The files that a service's process imports, of ours."""
    todo = [ROOT / "services" / service / "app.py", ROOT / "shared" / "process" / "run.py"]
    found: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _imports(path)
    return frozenset(found)


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    named: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            named += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = [name.replace(".", "/") for name in named if name.startswith(("services", "shared"))]
    return tuple(ROOT / f"{name}.py" for name in ours if (ROOT / f"{name}.py").is_file())
