"""What pip before 23.3 needs of lock files: extras pinned as they are required."""

import re
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.testkit.process import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")


def pinned(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(re.split(r" \\$", line)[0]) for line in lines if re.match(r"\w", line)]


def required_by(pin: Requirement) -> list[Requirement]:
    """What an installed package requires here, with the extras that the lock pins it with."""
    try:
        needs = [Requirement(line) for line in requires(pin.name) or ()]
    except PackageNotFoundError:
        return []  # another platform's
    extras = ("", *pin.extras)
    return [
        need
        for need in needs
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_required_with_extras_is_pinned_with_them(name: str) -> None:
    pins = pinned(name)
    have = {(canonicalize_name(pin.name), frozenset(pin.extras)) for pin in pins}
    needs = [need for pin in pins for need in required_by(pin) if need.extras]

    missing = [n for n in needs if (canonicalize_name(n.name), frozenset(n.extras)) not in have]
    assert missing == []


def test_the_check_has_something_to_look_at() -> None:
    needs = [need for pin in pinned("requirements-dev.lock") for need in required_by(pin)]
    assert "coverage[toml]>=7.10.6" in map(str, needs)
