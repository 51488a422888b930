"""What npm brings to the tests of the documents (tests/node)."""

from __future__ import annotations

from typing import Final

from tests.testkit.process import ROOT, require

FOLDER: Final = ROOT / "tests" / "node"


def need_package(name: str) -> None:
    """As `require`, of a package in tests/node."""
    require(name, there=(FOLDER / "node_modules" / name).is_dir(), by="deploy/ci-node")
