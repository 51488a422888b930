"""No private name of another package is used: no `_x` of theirs, read, called or replaced.

Ruff's SLF001 sees `thing._x`. This sees the rest: what a class inherits and takes from `self` or
`super()`, methods of theirs that ours replace by accident, imports, `getattr(thing, "_x")` and
`import_module("theirs._x")`.
What cannot be done without is in shared/edge/http/uvicorn_protocol.py, which a contract test holds
to the installed version (tests/api/test_uvicorn_contract.py).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.testkit.process import ROOT

OURS: Final = ("dexwire", "services", "shared")
# By Python's own documentation: the last two are methods of named tuples.
DOCUMENTED: Final = {"os._exit", "bar._asdict", "bar._replace"}
# aiosqlite has no public way to its thread. SQLAlchemy's dialect takes this one too, and without it
# every test of SQLite fails.
AS_SQLALCHEMY_DOES: Final = {"connection._thread"}
INSIDE_UVICORN: Final = "shared/edge/http/uvicorn_protocol.py"
_LOOKS_UP: Final = {
    "getattr",
    "setattr",
    "hasattr",
    "delattr",
    "import_module",
    "importlib.import_module",
}


def files() -> list[Path]:
    return [path for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))]


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


# -- by the look of the source ---------------------------------------------------------------------
def private_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not is_ours(node.module or ""):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if any(map(is_private, names)):
                yield ast.unparse(node)
        if isinstance(node, ast.Import):
            for alias in node.names:
                if any(map(is_private, alias.name.split("."))) and not is_ours(alias.name):
                    yield ast.unparse(node)


def private_attributes(tree: ast.Module) -> Iterator[str]:
    """Yield `thing._x` where this file itself gives nothing that name."""
    given = {
        name
        for node in ast.walk(tree)
        for name in (
            [node.name] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else
            [node.attr] if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) else
            [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []
        )
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in given:
            of_self = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            if not of_self and ast.unparse(node) not in DOCUMENTED | AS_SQLALCHEMY_DOES:
                yield ast.unparse(node)


def private_lookups(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _LOOKS_UP:
            given = [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
            if any(is_private(part) for name in given for part in name.split(".")):
                yield ast.unparse(node)


@pytest.mark.parametrize("find", [private_imports, private_attributes, private_lookups])
def test_no_private_name_of_another_package_is_written(find: object) -> None:
    assert callable(find)
    found = [f"{path.relative_to(ROOT)}: {use}" for path in files() for use in find(tree_of(path))]

    assert found == []


def test_one_file_alone_looks_inside_uvicorn() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("uvicorn.")
    ]

    assert found == [INSIDE_UVICORN]


# -- by what is inherited --------------------------------------------------------------------------
def names_in(body: ast.AST, *, assigned: bool = False) -> set[str]:
    """Return the private names that a class defines, and takes from `self`, `cls` and `super()`."""
    found = set()
    for node in ast.walk(body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if (
            isinstance(node, ast.Attribute)
            and (ast.unparse(node.value) in {"self", "cls", "super()"})
            and (not assigned or isinstance(node.ctx, ast.Store))
        ):
            found.add(node.attr)
    return {name for name in found if is_private(name)}


def private_names_of(base: type) -> set[str]:
    """Return the private names of a class of another package, as far as it can be seen."""
    found = {name for name in vars(base) if is_private(name)}
    try:
        source = textwrap.dedent(inspect.getsource(base))
    except (OSError, TypeError):  # written in C
        return found
    return found | names_in(ast.parse(source), assigned=True)


def classes() -> Iterator[tuple[Path, ast.ClassDef, type]]:
    for path in files():
        defined = [node for node in tree_of(path).body if isinstance(node, ast.ClassDef)]
        if not defined:
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        for node in defined:
            yield path, node, getattr(module, node.name)


def test_no_class_takes_or_replaces_a_private_name_that_it_inherits_from_another_package() -> None:
    found, seen = [], 0
    for path, node, each in classes():
        foreign = [base for base in each.__mro__ if not is_ours(base.__module__)]
        theirs = {name for base in foreign for name in private_names_of(base)}
        seen += bool(theirs)
        found += [
            f"{path.relative_to(ROOT)}: {node.name}.{name}" for name in theirs & names_in(node)
        ]

    assert seen > 20  # classes of ours with bases that have private names
    assert sorted(found) == []
