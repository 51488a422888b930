"""Change the product in small ways and see whether the tests notice; print the score by folder.

A seeded sample of each part (`--sample`, all with 0) is tried on a copy of the last commit: first
the tests that run the changed line, then all tests of the part. What survives is listed: a test is
missing, or the change changes nothing and belongs, with the reason, into `equivalent.toml`. Exit
code 1 when the tests of a part fail without any change: then they would seem to notice all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from tests.mutants.changes import Change, lua_changes, python_changes
from tests.mutants.covering import Covering, read_covering
from tests.mutants.preloaded import NO_END, Pytest
from tests.testkit.process import ROOT, kept_environ

EQUIVALENT: Final = Path(__file__).parent / "equivalent.toml"
_TIMEOUT_S: Final = 300.0
_FIRST_TIMEOUT_S: Final = 1_800.0  # of all tests of a part, with their lines noted
_FEW: Final = 12  # tests that are run first, in one process
_SPREAD: Final = ("-n", "2")
_TRIES: Final = 3  # of a failure that is not there when its test runs alone
_CONSTANT: Final = re.compile(r"([A-Z_]+)(?:: Final)? = ")
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


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
        ("shared/state/scripts/*.lua",), ("tests/shared", "tests/redis", "tests/aggregator")
    ),
    "api-scripts": Part(("services/api/*/scripts/*.lua",), ("tests/api",)),
    "fetcher-scripts": Part(("services/fetcher/scripts/*.lua",), ("tests/fetcher", "tests/redis")),
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


def equivalents() -> dict[tuple[str, str, str], str]:
    """Return why a change changes nothing, by file, line (as it stands) and what is changed."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    return {(each["file"], each["line"], each["what"]): each["why"] for each in listed}


def key_of(mutant: Mutant) -> tuple[str, str, str]:
    """Return what an equivalent one is listed by: unlike a number, it holds when lines move."""
    lines = (ROOT / mutant.file).read_text(encoding="utf-8").splitlines()
    return mutant.file, lines[mutant.change.line - 1].strip(), mutant.change.what


def main() -> int:
    """Run what was chosen."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("parts", nargs="*", choices=[*PARTS, []])  # []: none was named
    given.add_argument("--sample", type=int, default=20, help="mutants of each part; 0: all")
    given.add_argument("--seed", type=int, default=1)
    given.add_argument(
        "--covering", action="store_true",
        help="only the tests that run the line: quicker, and a score that may be too low",
    )  # fmt: skip
    chosen = given.parse_args()
    parts = {name: PARTS[name] for name in chosen.parts or PARTS}
    with Trial(covering_only=chosen.covering) as trial:
        failing = trial.begin(parts.values())
        if failing is not None:
            print(f"{failing} fails on the last commit as it is", flush=True)
            return 1
        for name, part in parts.items():
            _try(name, part, trial, random.Random(chosen.seed), chosen.sample)
    return 0


def _try(name: str, part: Part, trial: Trial, dice: random.Random, size: int) -> None:
    """Show a sample of a part's mutants to the tests; print its score and what survives."""
    every, known = mutants_of(part), equivalents()
    sample = dice.sample(every, min(size or len(every), len(every)))
    tried = [mutant for mutant in sample if key_of(mutant) not in known]
    survivors = [mutant for mutant in tried if not trial.notices(mutant, part)]
    noticed = len(tried) - len(survivors)
    print(
        f"{name}: {noticed} of {len(tried)} noticed, {noticed / max(1, len(tried)):.1%}; "
        f"{len(sample) - len(tried)} change nothing; {len(every)} in all",
        flush=True,
    )
    for mutant in survivors:
        print(f"  survives: {mutant}", flush=True)


class Trial:
    """A copy of the last commit in which one mutant after the other is shown to the tests."""

    def __init__(self, *, covering_only: bool = False) -> None:
        self._covering_only = covering_only
        self._tree = Path()
        self._resources = contextlib.ExitStack()
        self.covering = Covering({})

    def __enter__(self) -> Self:
        self._tree = Path(tempfile.mkdtemp(prefix="dexwire-mutants-"))
        files = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", str(self._tree)], input=files, check=True)
        env = {**kept_environ(), "PYTHONPATH": str(self._tree), "PATH": os.environ["PATH"]}
        self._pytest = self._resources.enter_context(Pytest(self._tree, env))
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        shutil.rmtree(self._tree, ignore_errors=True)

    def begin(self, parts: Iterable[Part]) -> str | None:
        """Note which line each test of the parts runs; return one that fails without a mutant."""
        tests = tuple(dict.fromkeys(test for part in parts for test in part.tests))
        noting = (*_SPREAD, "--cov", "--cov-context=test", "--cov-report=")
        for failed in self._failing(tests, *noting, timeout_s=_FIRST_TIMEOUT_S):
            # Some have no time for what notes the lines: alone, and without it, they pass.
            if "::" not in failed or self._failing((failed,)):
                return failed
        self.covering = read_covering(self._tree / ".coverage", self._tree)
        return None

    def notices(self, mutant: Mutant, part: Part) -> bool:
        """Whether a test fails because of the mutant, or never ends."""
        changed = self._tree / mutant.file
        whole = changed.read_text(encoding="utf-8")
        changed.write_text(mutant.change.text, encoding="utf-8")
        started = time.monotonic()
        try:
            by = self._noticed_by(mutant, part)
        finally:
            changed.write_text(whole, encoding="utf-8")
        took = time.monotonic() - started
        print(f"    {mutant}: {by or 'survives'} ({took:.0f} s)", flush=True)
        return by is not None

    def _noticed_by(self, mutant: Mutant, part: Part) -> str | None:
        covering = self.covering_tests(mutant)
        few, others = covering[:_FEW], covering[_FEW:]
        chosen: list[tuple[tuple[str, ...], tuple[str, ...]]] = [(few, ()), (others, _SPREAD)]
        if not (covering and self._covering_only):
            chosen.append((part.tests, _SPREAD))
        for tests, options in chosen:
            for _ in range(_TRIES if tests else 0):
                failing = self._failing(tests, "-x", *options)
                if not failing:
                    break
                # One that passes when it runs alone has failed for another reason.
                if "::" not in failing[0] or self._failing(failing[:1], "-x"):
                    return failing[0]
        return None

    def covering_tests(self, mutant: Mutant) -> tuple[str, ...]:
        """Return the tests that run its line; of a constant or a script, those that use it."""
        found = self.covering.of(mutant.file, mutant.change.line)
        for file, name in _uses(mutant) if not found else ():
            lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
            found += [
                test
                for number, line in enumerate(lines, 1)
                if re.search(rf"\b{name}\b", line)
                for test in self.covering.of(file, number)
            ]
        return tuple(dict.fromkeys(found))

    def _failing(
        self, tests: Sequence[str], *options: str, timeout_s: float = _TIMEOUT_S
    ) -> list[str]:
        """Return the tests that fail, or what went wrong without one."""
        names = self._tree / "tests-of-mutant"
        names.write_text("\n".join(tests), encoding="utf-8")
        always = ("-rfE", "-m", "not alone", "-p", "no:cacheprovider", "--assert=plain")
        code, printed = self._pytest.run([*always, *options, f"@{names}"], timeout_s)
        if code == NO_END:
            return [f"no end within {timeout_s:.0f} s"]
        return (_FAILED.findall(printed) or [f"pytest ended with {code}"]) if code else []


def _uses(mutant: Mutant) -> Iterator[tuple[str, str]]:
    """Yield the files that use what no test runs as a line, and the name that they use."""
    path = ROOT / mutant.file
    if path.suffix == ".lua":
        for module in sorted(path.parents[1].glob("*.py")):
            if f'"{path.stem}"' in module.read_text(encoding="utf-8"):
                yield str(module.relative_to(ROOT)), f"_{path.stem.upper()}"
        return
    line = path.read_text(encoding="utf-8").splitlines()[mutant.change.line - 1]
    constant = _CONSTANT.match(line)
    if constant:
        yield mutant.file, constant[1]


if __name__ == "__main__":
    sys.exit(main())
