"""Known vulnerabilities of what the lock files name: `make audit`.

Runs pip-audit on requirements.lock and requirements-dev.lock, and npm on web/package-lock.json.
Exit codes: 0 none; 1 some, or an acceptance has ended; 3 no advisory database answered for all of
them, so the result is unknown. Advisories that are accepted stand in
deploy/accepted-advisories.toml, each with a reason and the day on which it ends.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
ACCEPTED: Final = ROOT / "deploy" / "accepted-advisories.toml"
LOCKS: Final = ("requirements.lock", "requirements-dev.lock")
VULNERABLE: Final = 1
NO_ANSWER: Final = 3
_ANSWER_S: Final = 300


@dataclass(frozen=True, slots=True)
class Advisory:
    """One known vulnerability; `ids` are all names that it has."""

    package: str
    ids: tuple[str, ...]
    what: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry of the file. It ends after the day `until`."""

    id: str
    reason: str
    until: dt.date


class NoAnswer(Exception):
    """The advisory database did not answer, or not for every package."""


def read_pip_audit(output: str) -> list[Advisory]:
    """Return what `pip-audit -f json` found. Raises NoAnswer.

    A package that its database does not answer for is skipped, with exit code 0.
    """
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise NoAnswer("pip-audit printed no report") from None
    skipped = [package for package in packages if "skip_reason" in package]
    if skipped or not packages:
        first = skipped[0]["skip_reason"] if skipped else "no package was looked up"
        raise NoAnswer(f"{len(skipped)} of {len(packages)} packages have no answer: {first}")
    return [
        Advisory(package["name"], (found["id"], *found.get("aliases", ())))
        for package in packages
        for found in package["vulns"]
    ]


def read_npm_audit(output: str) -> list[Advisory]:
    """Return what `npm audit --json` found. Raises NoAnswer."""
    try:
        report = json.loads(output)
    except ValueError:
        raise NoAnswer("npm printed no report") from None
    if "vulnerabilities" not in report:
        raise NoAnswer(f"npm: {str(report.get('message', 'no report'))[:60]}")
    return list(_npm_advisories(report["vulnerabilities"]))


def _npm_advisories(packages: dict[str, Any]) -> Iterator[Advisory]:
    for name, package in packages.items():
        for via in package["via"]:
            if isinstance(via, dict):  # else the name of a package that is listed itself
                ident = str(via.get("url", via.get("source"))).rpartition("/")[2]
                yield Advisory(name, (ident,), str(via.get("title", "")))


def read_accepted(text: str) -> list[Accepted]:
    """Read the file of accepted advisories. Raises KeyError when an entry is not whole."""
    entries = tomllib.loads(text).get("accepted", [])
    return [Accepted(one["id"], one["reason"], one["until"]) for one in entries]


def judge(found: Iterable[Advisory], accepted: Sequence[Accepted], today: dt.date) -> list[str]:
    """Return a line for each advisory that nobody accepts (any more)."""
    lines = []
    for advisory in found:
        entry = next((one for one in accepted if one.id in advisory.ids), None)
        if entry is None or entry.until < today:
            ended = f" (accepted until {entry.until})" if entry else ""
            lines.append(f"{advisory.package}: {', '.join(advisory.ids)} {advisory.what}{ended}")
    return [line.rstrip() for line in lines]


def _pip_audit(lock: str) -> list[Advisory]:
    command = [
        *(sys.executable, "-m", "pip_audit", "-r", str(ROOT / lock), "--require-hashes"),
        *("--disable-pip", "--format", "json", "--progress-spinner", "off"),
    ]
    return read_pip_audit(_output(command, ROOT))


def _npm_audit(folder: str) -> list[Advisory]:
    command = ["npm", "audit", "--json", "--package-lock-only"]
    return read_npm_audit(_output(command, ROOT / folder))


def _output(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=_ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(str(error)[:200]) from None
    return done.stdout


def main() -> int:
    """Look up every lock file; print what was found; return the exit code."""
    accepted = read_accepted(ACCEPTED.read_text(encoding="utf-8"))
    today = dt.datetime.now(dt.UTC).date()
    audits = {lock: partial(_pip_audit, lock) for lock in LOCKS}
    audits["web/package-lock.json"] = partial(_npm_audit, "web")
    vulnerable, silent = False, False
    for name, look_up in audits.items():
        try:
            lines = judge(look_up(), accepted, today)
        except NoAnswer as error:
            silent = True
            print(f"{name}: UNKNOWN, no advisory database answered: {error}")
            continue
        vulnerable = vulnerable or bool(lines)
        print(f"{name}: {len(lines)} known vulnerabilities")
        print(*(f"  {line}" for line in lines), sep="\n", end="\n" if lines else "")
    return VULNERABLE if vulnerable else NO_ANSWER if silent else 0


if __name__ == "__main__":
    sys.exit(main())
