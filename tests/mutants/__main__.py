"""Change the product in small ways and see whether the tests notice; print the score by folder.

A seeded sample of each part (`--sample`, all with 0); the tests of a part run on a copy of the
last commit. What survives is listed: a test is missing, or the change changes nothing. Exit code 1
when the tests of a part fail without any change: then they would seem to notice all of them.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.mutants.changes import Change, lua_changes, python_changes
from tests.testkit.process import ROOT, kept_environ

_TIMEOUT_S: Final = 300.0


class Part(NamedTuple):
    """A part of the product and the tests that are about it."""

    files: tuple[str, ...]  # patterns
    tests: tuple[str, ...]


class Mutant(NamedTuple):
    """One change of one file."""

    file: str
    change: Change

    def __str__(self) -> str:
        return f"{self.file}:{self.change.line}: {self.change.what}"


PARTS: Final = {
    "merge": Part(("shared/merge/*.py",), ("tests/merge", "tests/aggregator/test_laws.py")),
    "state": Part(("shared/state/*.py",), ("tests/shared", "tests/model", "tests/ws/test_hub.py")),
    "shared": Part(("shared/*.py", "shared/edge/*.py"), ("tests/shared", "tests/merge")),
    "aggregator": Part(("services/aggregator/*.py",), ("tests/aggregator", "tests/merge")),
    "ws": Part(("services/ws/core/*.py",), ("tests/ws", "tests/model")),
    "discover": Part(("services/api/discover/*.py",), ("tests/api",)),
    "ingest": Part(("services/api/ingest/*.py",), ("tests/api",)),
    "scripts": Part(
        ("shared/state/scripts/*.lua", "services/*/scripts/*.lua", "services/*/*/scripts/*.lua"),
        ("tests/aggregator", "tests/shared", "tests/api", "tests/fetcher", "tests/redis"),
    ),
}


def mutants_of(part: Part) -> list[Mutant]:
    """Return every change of a part's files."""
    found: list[Mutant] = []
    for pattern in part.files:
        for path in sorted(ROOT.glob(pattern)):
            source = path.read_text(encoding="utf-8")
            changes = lua_changes if path.suffix == ".lua" else python_changes
            found += [Mutant(str(path.relative_to(ROOT)), change) for change in changes(source)]
    return found


def main() -> int:
    """Run what was chosen."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("parts", nargs="*", choices=[*PARTS, []])  # []: none was named
    given.add_argument("--sample", type=int, default=20, help="mutants of each part; 0: all")
    given.add_argument("--seed", type=int, default=1)
    chosen = given.parse_args()
    for name in chosen.parts or PARTS:
        if is_noticed(None, PARTS[name]):
            print(f"{name}: its tests fail on the last commit as it is", flush=True)
            return 1
        every = mutants_of(PARTS[name])
        dice = random.Random(chosen.seed)
        size = min(chosen.sample or len(every), len(every))
        survivors = [m for m in dice.sample(every, size) if not is_noticed(m, PARTS[name])]
        noticed = size - len(survivors)
        print(f"{name}: {noticed} of {size} noticed ({len(every)} in all)", flush=True)
        for mutant in survivors:
            print(f"  survives: {mutant}", flush=True)
    return 0


def is_noticed(mutant: Mutant | None, part: Part) -> bool:
    """Whether a test of the part fails on it, or never ends; None: on the last commit as it is."""
    with tempfile.TemporaryDirectory(prefix="dexwire-mutant-") as made:
        tree = Path(made)
        files = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", made], input=files, check=True)
        if mutant is not None:
            (tree / mutant.file).write_text(mutant.change.text, encoding="utf-8")
        return not _passes(tree, part.tests)


def _passes(tree: Path, tests: tuple[str, ...]) -> bool:
    command = ["nice", "-n", "19", sys.executable, "-m", "pytest", "-x", "-q", "-n", "2"]
    chosen = ["-m", "not alone", "-p", "no:cacheprovider", *tests]
    env = {**kept_environ(), "PYTHONPATH": str(tree), "PATH": os.environ["PATH"]}
    started = time.monotonic()
    try:
        done = subprocess.run(
            [*command, *chosen], cwd=tree, env=env, capture_output=True, timeout=_TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    took = time.monotonic() - started
    print(f"    {'passes' if not done.returncode else 'noticed'} after {took:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
