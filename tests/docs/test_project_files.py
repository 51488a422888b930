"""The files that a repository is expected to have say what is true of it."""

from __future__ import annotations

import re
import tomllib

import yaml

import dexwire
from tests.testkit.process import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_version_is_the_newest_release_of_the_changelog() -> None:
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    releases = [one.partition(" - ")[0] for one in headings if one != "Unreleased"]

    assert headings[0] == "Unreleased"
    assert releases[0] == dexwire.__version__
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", one) for one in headings[1:])


def test_hooks_are_local_and_run_what_make_check_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    check = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2]

    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["entry"].removeprefix(".venv/bin/") in check.replace("$(BIN)/", "")


def test_issue_templates_ask_for_what_is_needed() -> None:
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))

        assert form["name"]
        assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_the_supported_pythons_are_the_ones_that_are_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "docs" / "STABILITY.md").read_text(encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))

    assert named == ["3.11", "3.12", "3.13"]
    assert "Python 3.11, 3.12 and 3.13" in text
