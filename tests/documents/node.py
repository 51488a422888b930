"""Tools of other languages: on a developer's machine they may be missing, in CI they may not."""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.support import ROOT

FOLDER: Final = ROOT / "tests" / "node"
FIX: Final = "install curl, chromium and node 20, then run deploy/ci-node"


def need(name: str, *, there: bool) -> None:
    """Skip when a tool is missing; fail where CI promises it (`TEST_REQUIRE_NODE`)."""
    if there:
        return
    if os.environ.get("TEST_REQUIRE_NODE"):
        pytest.fail(f"{name} is missing: {FIX}")
    pytest.skip(f"{name} is missing: {FIX}")


def need_package(name: str) -> None:
    """As `need`, of a package in tests/node."""
    need(name, there=(FOLDER / "node_modules" / name).is_dir())
