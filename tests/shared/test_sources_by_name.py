"""What is about one source stands in its file: no other module names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from shared.sources import POLLED
from tests.testkit.process import ROOT

NAMES = re.compile("|".join(re.escape(name) for name in POLLED), re.IGNORECASE)
# Where a source may be named, and why.
MAY = {
    "services/fetcher/sources/": "the sources' own files",
    "services/replay/": "imitates these APIs from their recordings; `replayed` says which",
}
MODULES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("dexwire", "services", "shared")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
DEPLOYED = [
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "web/src").rglob("*.ts*"))),
    *("Dockerfile", "Makefile", "docker-compose.yml", "deploy/replay.env", "deploy/settings.env"),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "deploy").rglob("*.yaml"))),
]


def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def named_in(module: ast.Module) -> Iterator[str]:
    """Yield every name and literal of a module that holds the name of a source."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        words = [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
        if id(node) not in docstrings:
            yield from (
                f"{word!r} in line {getattr(node, 'lineno', 0)}"
                for word in words
                if NAMES.search(word)
            )


def test_no_module_but_a_source_s_own_names_a_source() -> None:
    elsewhere = [path for path in MODULES if not path.startswith(tuple(MAY))]

    assert len(elsewhere) > 200
    assert {path: names for path in elsewhere if (names := list(named_in(parsed(path))))} == {}


def test_neither_the_page_nor_a_deployment_names_a_source() -> None:
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in DEPLOYED}

    assert {path: names for path, text in texts.items() if (names := NAMES.findall(text))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "if source == 'jupiter': pass",
        "from services.fetcher.sources import jupiter",
        "import services.fetcher.sources.jupiter as one",
        "JUPITER_URL = ''",
        "URLS = {f'{base}/jupiter': 1}",
        "def read_jupiter(): pass",
        "source.jupiter()",
        "f(jupiter=1)",
    ],
)
def test_a_source_that_is_named_is_found(text: str) -> None:
    assert list(named_in(ast.parse(text)))


def test_prose_may_name_a_source() -> None:
    text = '"""As Jupiter does."""\ndef f():\n    """Of Jupiter."""\n    return 1  # Jupiter\n'

    assert list(named_in(ast.parse(text))) == []


@pytest.mark.parametrize("place", MAY)
def test_every_exception_is_needed(place: str) -> None:
    named = [name for path in MODULES if path.startswith(place) for name in named_in(parsed(path))]

    assert named
