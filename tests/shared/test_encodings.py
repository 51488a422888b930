"""Text is read and written in a named encoding, also where ruff cannot know the type (PLW1514)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testkit.process import ROOT

FOLDERS = ("dexwire", "services", "shared", "deploy", "bench", "examples", "tests")


def calls_without_encoding(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if "_text(" not in text and "text=True" not in text:
        return
    for call in ast.walk(ast.parse(text)):
        if isinstance(call, ast.Call):
            named = {word.arg for word in call.keywords}
            pipe = any(
                word.arg == "text" and ast.unparse(word.value) == "True" for word in call.keywords
            )
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if "encoding" not in named and (pipe or method in {"read_text", "write_text"}):
                yield f"{path.relative_to(ROOT)}:{call.lineno}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_text_file_and_pipe_names_its_encoding(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    assert [where for path in paths for where in calls_without_encoding(path)] == []
