"""docs/OPERATIONS.md names what exists, and everything that points into it finds its place."""

from __future__ import annotations

import re

import pytest

from dexwire.server.settings_table import settings_table
from tests.testkit.process import ROOT

TEXT = (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8")
CODE = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("services", "shared")
    for path in (ROOT / folder).rglob("*.py")
)
SYMPTOMS = TEXT.partition("## When something looks wrong")[2]
POINTERS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("deploy", "docs", "dexwire", "services", "shared")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".md", ".py", ".yml", ".yaml", ".json"} and "node_modules" not in path.parts
    if "OPERATIONS.md#" in path.read_text(encoding="utf-8", errors="replace")
)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", POINTERS)
def test_whatever_points_here_finds_its_place(path: str) -> None:
    pointed = set(re.findall(r"OPERATIONS\.md#([\w-]+)", (ROOT / path).read_text(encoding="utf-8")))

    assert pointed - anchors(TEXT) == set()


@pytest.mark.parametrize("symptom", SYMPTOMS.split("\n### ")[1:])
def test_each_symptom_says_how_it_looks_and_what_to_do(symptom: str) -> None:
    assert symptom.count("**Looks like**") == 1
    assert symptom.count("**Do**") == 1


def test_every_setting_that_it_names_exists() -> None:
    known = {one.variable for one in settings_table()}
    known |= {f"{name}_FILE" for name in known}
    named = set(re.findall(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", TEXT))

    assert named - known == set()


def test_every_metric_that_it_names_is_exported() -> None:
    named = set(re.findall(r"`dexwire_(\w+)`", TEXT))

    assert len(named) >= 10
    assert {name for name in named if f'"{name.removesuffix("_total")}"' not in CODE} == set()


def test_every_log_event_that_it_names_is_written() -> None:
    lists = re.findall(r"log ((?:`\w+`(?:, )?)+)", TEXT)
    named = {name for names in lists for name in re.findall(r"`(\w+)`", names)}

    assert len(named) >= 8
    assert {name for name in named if f'"{name}"' not in CODE} == set()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (ROOT / "docs" / target).exists()
    for target in re.findall(r"`((?:tests|bench|deploy)/[\w/.]+)`", TEXT):
        assert (ROOT / target).exists()
